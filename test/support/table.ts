import fc from "fast-check";

/** A generated table with one column of each family; `id` is unique, `k` is small so that arithmetic on it cannot overflow. */
export interface GeneratedRow {
  readonly id: number;
  readonly k: number | null;
  readonly l: bigint | null;
  readonly f: number | null;
  readonly b: boolean | null;
  readonly s: string | null;
  readonly d: string | null;
  readonly t: string | null;
}

export const tableSchema = {
  id: "int64",
  k: "int32",
  l: "int64",
  f: "float64",
  b: "bool",
  s: "utf8",
  d: "date",
  t: "timestamp",
} as const;

export const duckDbColumns =
  "{id: 'BIGINT', k: 'INTEGER', l: 'BIGINT', f: 'DOUBLE', b: 'BOOLEAN', s: 'VARCHAR', d: 'DATE', t: 'TIMESTAMP'}";

const texts = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "a",
    "B",
    "aB c",
    "x,y",
    'say "hi"',
    "line\nbreak",
    "naïve",
    "Ünïcödé",
    "日本",
    "😀 z",
    "0",
    "null",
    "  pad ",
  ),
  fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "A", " ", ",", '"', "é", "😀", "1") }),
);
const floats = fc.oneof(
  fc.constantFrom(0, -0, 1.5, -2.25, 1e308, -1e308, 5e-324, 0.1, 123456789.123456, Number.NaN, Infinity, -Infinity),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
);
const longs = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n),
  fc.bigInt({ min: -1000n, max: 1000n }),
);
const pad = (n: number, width = 2): string => String(n).padStart(width, "0");
const dates = fc
  .tuple(fc.integer({ min: 1900, max: 2100 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([y, m, d]) => `${pad(y, 4)}-${pad(m)}-${pad(d)}`);
const timestamps = fc
  .tuple(dates, fc.integer({ min: 0, max: 86_399 }), fc.constantFrom(0, 1, 500_000, 999_999))
  .map(([date, s, us]) => `${date} ${pad(Math.floor(s / 3600))}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}.${pad(us, 6)}`);
const orNull = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { nil: null, freq: 6 });

export const tables: fc.Arbitrary<GeneratedRow[]> = fc
  .array(
    fc.record({
      k: orNull(fc.integer({ min: -20, max: 20 })),
      l: orNull(longs),
      f: orNull(floats),
      b: orNull(fc.boolean()),
      s: orNull(texts),
      d: orNull(dates),
      t: orNull(timestamps),
    }),
    { maxLength: 60 },
  )
  .map((rows) => rows.map((row, id) => ({ id, ...row })));

/** RFC 4180 text; null is an empty field, the empty string a quoted one. */
export function toCsv(rows: readonly GeneratedRow[]): string {
  const line = (cells: readonly string[]) => `${cells.join(",")}\n`;
  const names = Object.keys(tableSchema) as (keyof GeneratedRow)[];
  return line(names) + rows.map((row) => line(names.map((name) => csvCell(row[name])))).join("");
}

function csvCell(value: GeneratedRow[keyof GeneratedRow]): string {
  if (value === null) return "";
  if (typeof value === "number")
    return Number.isNaN(value) ? "nan" : Object.is(value, -0) ? "-0" : String(value).replace("Infinity", "inf");
  const text = String(value);
  return text === "" || /[",\n\r]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One JSON object a line; null is written as null. Non-finite numbers have no JSON form, so such tables are not written. */
export function toJsonl(rows: readonly GeneratedRow[]): string {
  const cell = (value: unknown) =>
    typeof value === "bigint" ? String(value) : Object.is(value, -0) ? "-0.0" : JSON.stringify(value);
  return rows
    .map(
      (row) =>
        `{${Object.entries(row)
          .map(([name, value]) => `"${name}":${cell(value)}`)
          .join(",")}}\n`,
    )
    .join("");
}
