import fc from "fast-check";
import { type AnyColumn, coalesce, col, lit, when } from "millrace";

/** An expression twice: as a Millrace column, and as SQL written by hand from what it should mean. */
export interface Pair {
  readonly dsl: AnyColumn;
  readonly sql: string;
}

const pair = (dsl: unknown, sql: string): Pair => ({ dsl: dsl as AnyColumn, sql });
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

interface Families {
  readonly int: Pair;
  readonly float: Pair;
  readonly bool: Pair;
  readonly text: Pair;
  readonly date: Pair;
  readonly time: Pair;
}

/** Expressions of each family over the columns of `tableSchema`; none of them can fail for any row. */
export const expressions = fc.letrec<Families>((tie) => {
  const int = () => tie("int");
  const float = () => tie("float");
  const bool = () => tie("bool");
  const str = () => tie("text");
  const date = () => tie("date");
  const time = () => tie("time");
  const depth = { maxDepth: 3, depthIdentifier: "expression" } as const;
  return {
    int: fc.oneof(
      depth,
      fc.constant(pair(col("k"), "k")),
      fc.integer({ min: -5, max: 5 }).map((n) => pair(lit(n, "int32"), `CAST(${n} AS INTEGER)`)),
      fc.constant(pair(col("k").add(1), "(k + 1)")),
      fc.constant(pair(col("k").mul(col("k")), "(k * k)")),
      fc.constant(pair(col("k").div(3), "(k // 3)")),
      fc.constant(pair(col("k").mod(7), "(k % 7)")),
      fc.constant(pair(col("k").abs(), "abs(k)")),
      int().map((a) => pair(coalesce(a.dsl, lit(0, "int32")), `coalesce(${a.sql}, CAST(0 AS INTEGER))`)),
      fc
        .tuple(bool(), int(), int())
        .map(([c, a, b]) => pair(when(c.dsl).then(a.dsl).otherwise(b.dsl), `CASE WHEN ${c.sql} THEN ${a.sql} ELSE ${b.sql} END`)),
      date().map((a) => pair(a.dsl.year().cast("int32"), `CAST(year(${a.sql}) AS INTEGER)`)),
      time().map((a) => pair(a.dsl.hour().cast("int32"), `CAST(hour(${a.sql}) AS INTEGER)`)),
      str().map((a) => pair(a.dsl.length().cast("int32"), `CAST(length(${a.sql}) AS INTEGER)`)),
    ),
    float: fc.oneof(
      depth,
      fc.constant(pair(col("f"), "f")),
      fc.double({ noNaN: true, min: -100, max: 100 }).map((n) => pair(lit(n, "float64"), `CAST('${n}' AS DOUBLE)`)),
      fc.tuple(float(), float()).map(([a, b]) => pair(a.dsl.add(b.dsl), `(${a.sql} + ${b.sql})`)),
      fc.tuple(float(), float()).map(([a, b]) => pair(a.dsl.sub(b.dsl), `(${a.sql} - ${b.sql})`)),
      fc.tuple(float(), float()).map(([a, b]) => pair(a.dsl.mul(b.dsl), `(${a.sql} * ${b.sql})`)),
      fc
        .tuple(int(), int())
        .map(([a, b]) =>
          pair(
            a.dsl.divide(b.dsl),
            `(CASE WHEN ${b.sql} = 0 THEN NULL ELSE CAST(${a.sql} AS DOUBLE) / CAST(${b.sql} AS DOUBLE) END)`,
          ),
        ),
      int().map((a) => pair(a.dsl.cast("float64"), `CAST(${a.sql} AS DOUBLE)`)),
    ),
    bool: fc.oneof(
      depth,
      fc.constant(pair(col("b"), "b")),
      fc.tuple(int(), int()).map(([a, b]) => pair(a.dsl.lt(b.dsl), `(${a.sql} < ${b.sql})`)),
      fc.tuple(float(), float()).map(([a, b]) => pair(a.dsl.gte(b.dsl), `(${a.sql} >= ${b.sql})`)),
      fc.tuple(str(), str()).map(([a, b]) => pair(a.dsl.lt(b.dsl), `(${a.sql} < ${b.sql})`)),
      fc
        .tuple(str(), fc.constantFrom("a", "", "é", "😀"))
        .map(([a, part]) => pair(a.dsl.contains(part), `contains(${a.sql}, ${text(part)})`)),
      fc.constant(pair(col("l").gt(5n), "(l > 5)")),
      fc.tuple(date(), date()).map(([a, b]) => pair(a.dsl.lte(b.dsl), `(${a.sql} <= ${b.sql})`)),
      int().map((a) => pair(a.dsl.in([1, 2, -3]), `(${a.sql} IN (1, 2, -3))`)),
      int().map((a) => pair(a.dsl.between(-4, 9), `(${a.sql} BETWEEN -4 AND 9)`)),
      str().map((a) => pair(a.dsl.isNull(), `(${a.sql} IS NULL)`)),
      str().map((a) => pair(a.dsl.eq("aB c"), `(${a.sql} = 'aB c')`)),
      fc.tuple(bool(), bool()).map(([a, b]) => pair(a.dsl.and(b.dsl), `(${a.sql} AND ${b.sql})`)),
      fc.tuple(bool(), bool()).map(([a, b]) => pair(a.dsl.or(b.dsl), `(${a.sql} OR ${b.sql})`)),
      bool().map((a) => pair(a.dsl.not(), `(NOT ${a.sql})`)),
    ),
    text: fc.oneof(
      depth,
      fc.constant(pair(col("s"), "s")),
      fc.constantFrom("", "x", "é😀").map((value) => pair(lit(value), text(value))),
      str().map((a) => pair(a.dsl.lower(), `lower(${a.sql})`)),
      str().map((a) => pair(a.dsl.trim(), `trim(${a.sql}, ' ')`)),
      fc
        .tuple(str(), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }))
        .map(([a, from, length]) =>
          pair(
            a.dsl.substring(from, length),
            `array_to_string(list_slice(string_split(${a.sql}, ''), ${from}, ${from + length - 1}), '')`,
          ),
        ),
      str().map((a) => pair(a.dsl.replace("a", "__"), `replace(${a.sql}, 'a', '__')`)),
      fc.tuple(str(), str()).map(([a, b]) => pair(a.dsl.concat(b.dsl), `(${a.sql} || ${b.sql})`)),
      int().map((a) => pair(a.dsl.cast("utf8"), `CAST(${a.sql} AS VARCHAR)`)),
      date().map((a) => pair(a.dsl.cast("utf8"), `CAST(${a.sql} AS VARCHAR)`)),
    ),
    date: fc.oneof(
      depth,
      fc.constant(pair(col("d"), "d")),
      time().map((a) => pair(a.dsl.toDate(), `CAST(${a.sql} AS DATE)`)),
      date().map((a) => pair(a.dsl.truncate("month").cast("date"), `CAST(date_trunc('month', ${a.sql}) AS DATE)`)),
    ),
    time: fc.oneof(
      depth,
      fc.constant(pair(col("t"), "t")),
      date().map((a) => pair(a.dsl.cast("timestamp"), `CAST(${a.sql} AS TIMESTAMP)`)),
    ),
  };
});
