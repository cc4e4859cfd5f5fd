import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Check, check, Engine, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/**
 * Expectations whose outcome plain DuckDB gives: each case says in SQL which rows fail, or what the figure is. Every case is asked at the exact
 * border of its threshold (which holds), and just over it (which does not); over Parquet and CSV, one and three workers, and an empty table.
 */
const rows = `(VALUES
  (1::BIGINT, 0::INTEGER, 0.00::DECIMAL(10,2), 0.0000::DECIMAL(30,4), 0.0::DOUBLE, 'a', true, DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00'),
  (2, 5, 1.10, 12345678901234567890.1234, -0.0::DOUBLE, 'B', false, DATE '2024-02-29', TIMESTAMP '2024-02-29 23:59:59.999999'),
  (2, -5, -1.10, -12345678901234567890.1234, 'NaN'::DOUBLE, '', true, DATE '1969-12-31', TIMESTAMP '1969-12-31 23:59:59'),
  (3, 2147483647, 99999999.99, 1.0000, 'Infinity'::DOUBLE, '  ', NULL, DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00.000001'),
  (NULL, -2147483648, -99999999.99, NULL, '-Infinity'::DOUBLE, 'é', false, NULL, NULL),
  (4, NULL, NULL, 2.5000, NULL, NULL, true, DATE '2030-06-15', TIMESTAMP '2030-06-15 12:00:00'),
  (9007199254740993, 7, 7.00, 7.0000, 7.5, '日本', true, DATE '2024-12-31', TIMESTAMP '2024-12-31 00:00:00'),
  (9007199254740992, 7, 7.01, 7.0001, 1e308, '😀 x', false, DATE '2024-01-02', TIMESTAMP '2024-01-02 00:00:00'),
  (-1, 100, 0.10, 0.1000, 0.1, 'S12', true, DATE '2024-01-03', TIMESTAMP '2024-01-03 00:00:00'),
  (NULL, 100, 0.30, 0.3000, 0.30000000000000004, '42', NULL, DATE '2024-01-03', TIMESTAMP '2024-01-03 00:00:00'),
  (5, 6, 0.20, 0.2000, 5e-324, E'x\\ty', true, DATE '2024-01-04', TIMESTAMP '2024-01-04 00:00:00'),
  (6, 6, 0.20, 0.2000, -1.5, 'a', false, DATE '2024-01-05', TIMESTAMP '2024-01-05 00:00:00')
) AS v(id, i, d, w, f, t, b, day, ts)`;
const schema = {
  id: "int64",
  i: "int32",
  d: { kind: "decimal", precision: 10, scale: 2 },
  w: { kind: "decimal", precision: 30, scale: 4 },
  f: "float64",
  t: "utf8",
  b: "bool",
  day: "date",
  ts: "timestamp",
} as const;
type Name = keyof typeof schema;

/** A check at a threshold, and the condition under which a row fails. */
type RowCase = readonly [label: string, make: (options: { threshold: number; name: string }) => Check<Name>, failing: string];
/** A check of a figure; the SQL that is true where it holds. */
type FigureCase = readonly [label: string, one: Check<Name>, holds: string];

const names: readonly Name[] = ["id", "i", "d", "w", "f", "t", "b", "day", "ts"];
const blank = "t IS NULL OR NOT regexp_matches(t, '[^\\s\\x0B\\pZ]')";
const between = (
  column: Name,
  min: number | bigint | string | Date | null,
  max: number | bigint | string | Date | null,
  failing: string,
): RowCase => [
  `between ${column} ${String(min)} ${String(max)}`,
  (options) => check.between(column, { ...(min === null ? {} : { min }), ...(max === null ? {} : { max }), ...options }),
  failing,
];
const inSet = (column: Name, values: readonly (number | bigint | string | Date | boolean)[], failing: string): RowCase => [
  `inSet ${column} ${values.length} ${String(values[0])}`,
  (options) => check.inSet(column, values, options),
  failing,
];
const matches = (pattern: RegExp | string, failing: string): RowCase => [
  `matches ${String(pattern)}`,
  (options) => check.matches("t", pattern, options),
  failing,
];
const type = (
  column: Name,
  to: "int32" | "int64" | "float64" | "bool" | "date" | "timestamp" | "int8" | "utf8",
  sql: string,
): RowCase => [
  `type ${column} ${to}`,
  (options) => check.type(column, to, options),
  `${column} IS NOT NULL AND TRY_CAST(${column} AS ${sql}) IS NULL`,
];
const many = Array.from({ length: 300 }, (_, n) => n);
const date = (text: string) => new Date(`${text}Z`);

const rowCases: readonly RowCase[] = [
  [
    "onTime day ts",
    (options) => check.onTime("day", { arrived: "ts", within: "12h", ...options }),
    "date_diff('microsecond', CAST(day AS TIMESTAMP), ts) > 12 * 3600000000",
  ],
  [
    "onTime ts day",
    (options) => check.onTime("ts", { arrived: "day", within: 0, ...options }),
    "date_diff('microsecond', ts, CAST(day AS TIMESTAMP)) > 0",
  ],
  ...names.map((name): RowCase => [`notNull ${name}`, (options) => check.notNull(name, options), `${name} IS NULL`]),
  ["notBlank t", (options) => check.notBlank("t", options), blank],
  between("id", 1, 5, "NOT (id BETWEEN 1 AND 5)"),
  between("id", 9007199254740993n, null, "NOT (id >= 9007199254740993)"),
  between("id", null, 9007199254740992n, "NOT (id <= 9007199254740992)"),
  between("i", 0, 100, "NOT (i BETWEEN 0 AND 100)"),
  between("i", -2147483648, 2147483647, "NOT (i BETWEEN -2147483648 AND 2147483647)"),
  between("i", 5, 5, "NOT (i BETWEEN 5 AND 5)"),
  between("i", 6, 5, "NOT (i BETWEEN 6 AND 5)"),
  between("i", 5.5, 6.5, "NOT (i BETWEEN 5.5 AND 6.5)"),
  between("i", null, 99999999999, "NOT (i <= 99999999999)"),
  between("d", 0, null, "NOT (d >= 0)"),
  between("d", 0.1, 0.3, "NOT (d BETWEEN 0.10 AND 0.30)"),
  between("d", -1.1, 7, "NOT (d BETWEEN -1.10 AND 7.00)"),
  between("w", 0, 7, "NOT (w BETWEEN 0 AND 7)"),
  between("w", -12345678901234567890n, 12345678901234567890n, "NOT (w BETWEEN -12345678901234567890 AND 12345678901234567890)"),
  between("f", 0, null, "NOT (f >= 0)"),
  between("f", null, 0, "NOT (f <= 0)"),
  between("f", 0, 1, "NOT (f BETWEEN 0 AND 1)"),
  between("f", -0, 0, "NOT (f BETWEEN 0 AND 0)"),
  between("f", Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, "NOT (f BETWEEN '-Infinity'::DOUBLE AND 'Infinity'::DOUBLE)"),
  between("f", Number.NaN, null, "NOT (f >= 'NaN'::DOUBLE)"),
  between("f", null, Number.NaN, "NOT (f <= 'NaN'::DOUBLE)"),
  between("t", "a", "z", "NOT (t BETWEEN 'a' AND 'z')"),
  between("t", "", null, "NOT (t >= '')"),
  between("t", "é", null, "NOT (t >= 'é')"),
  between("t", null, "日本", "NOT (t <= '日本')"),
  between(
    "day",
    date("2024-01-01T00:00:00"),
    date("2024-12-31T00:00:00"),
    "NOT (day BETWEEN DATE '2024-01-01' AND DATE '2024-12-31')",
  ),
  between("day", "2024-01-03", null, "NOT (day >= DATE '2024-01-03')"),
  between("ts", date("2024-01-01T00:00:00"), null, "NOT (ts >= TIMESTAMP '2024-01-01')"),
  between("ts", null, "2024-01-01 00:00:00", "NOT (ts <= TIMESTAMP '2024-01-01 00:00:00')"),
  between("b", false as never, false as never, "NOT (b BETWEEN false AND false)"),
  inSet("id", [1, 2, 9007199254740993n], "id NOT IN (1, 2, 9007199254740993)"),
  inSet("id", many, `id NOT IN (${many.join(", ")})`),
  inSet("i", [7], "i NOT IN (7)"),
  inSet("i", many, `i NOT IN (${many.join(", ")})`),
  inSet("d", [0.1, 0.2, 7], "d NOT IN (0.10, 0.20, 7.00)"),
  inSet("d", many, `d NOT IN (${many.join(", ")})`),
  inSet("w", [7, 1], "w NOT IN (7, 1)"),
  inSet("f", [0], "f NOT IN (0)"),
  inSet("f", [Number.NaN, 0.1], "f NOT IN ('NaN'::DOUBLE, 0.1)"),
  inSet("f", [-0, ...many.slice(10)], `f NOT IN (${[0, ...many.slice(10)].join(", ")})`),
  inSet("f", [Number.NaN, ...many], `f NOT IN ('NaN'::DOUBLE, ${many.map((n) => `${n}::DOUBLE`).join(", ")})`),
  inSet("t", ["a", ""], "t NOT IN ('a', '')"),
  inSet("t", ["é", "日本", "😀 x", "S12"], "t NOT IN ('é', '日本', '😀 x', 'S12')"),
  inSet("t", ["a", "é", ...many.map((n) => `S${n}`)], `t NOT IN ('a', 'é', ${many.map((n) => `'S${n}'`).join(", ")})`),
  inSet("b", [true], "b NOT IN (true)"),
  inSet("day", [date("2024-01-01T00:00:00")], "day NOT IN (DATE '2024-01-01')"),
  inSet("ts", [date("2024-01-03T00:00:00")], "ts NOT IN (TIMESTAMP '2024-01-03')"),
  ...[
    /^a$/,
    /^[a-z]$/,
    /^$/,
    /\d/,
    /^S\d+$/,
    /./,
    /^.$/,
    /^..$/,
    /[^a]/,
    /\t/,
    /^\s*$/,
    "日",
    "^[^x]*$",
    "\\bx\\b",
    "(a|B|é)",
    "^\\PL+$",
    "(?i)^b$",
  ].map((pattern) => matches(pattern, `NOT regexp_matches(t, '${pattern instanceof RegExp ? pattern.source : pattern}')`)),
  matches(/^A$/i, "NOT regexp_matches(t, '^A$', 'i')"),
  matches(/^b|s/i, "NOT regexp_matches(t, '^b|s', 'i')"),
  type("t", "int32", "INTEGER"),
  type("t", "float64", "DOUBLE"),
  type("t", "bool", "BOOLEAN"),
  type("t", "date", "DATE"),
  type("t", "timestamp", "TIMESTAMP"),
  type("id", "int32", "INTEGER"),
  type("id", "int8", "TINYINT"),
  type("i", "int8", "TINYINT"),
  type("f", "int32", "INTEGER"),
  type("f", "int64", "BIGINT"),
  type("d", "int8", "TINYINT"),
  type("w", "int64", "BIGINT"),
  type("w", "float64", "DOUBLE"),
  type("day", "utf8", "VARCHAR"),
  type("b", "int32", "INTEGER"),
  ["satisfies i > 0", (o) => check.satisfies((c) => c.i.gt(0), o), "NOT (i > 0)"],
  ["satisfies id < i", (o) => check.satisfies((c) => c.id.lt(c.i), o), "NOT (id < i)"],
  ["satisfies day = date of ts", (o) => check.satisfies((c) => c.day.eq(c.ts.toDate()), o), "NOT (day = CAST(ts AS DATE))"],
  ["satisfies b", (o) => check.satisfies((c) => c.b, o), "NOT b"],
  ["satisfies b or null", (o) => check.satisfies((c) => c.b.or(c.i.isNull()), o), "NOT (b OR i IS NULL)"],
  ["satisfies length", (o) => check.satisfies((c) => c.t.length().lte(2), o), "NOT (length(t) <= 2)"],
  ["satisfies d * 2", (o) => check.satisfies((c) => c.d.mul(2).lt(10), o), "NOT (d * 2 < 10)"],
  ["satisfies a function", (o) => check.satisfies(["i"], (i) => i === null || i % 2 === 0, o), "i IS NOT NULL AND i % 2 <> 0"],
  ["satisfies a function of text", (o) => check.satisfies("t", (t) => t !== "a", o), "t = 'a'"],
  [
    "fresh day",
    (o) => check.fresh("day", { within: "30d", now: date("2024-02-01T00:00:00"), ...o }),
    "NOT (day >= DATE '2024-01-02')",
  ],
  [
    "fresh ts",
    (o) => check.fresh("ts", { within: 0, now: date("2024-01-01T00:00:00"), ...o }),
    "NOT (ts >= TIMESTAMP '2024-01-01')",
  ],
  [
    "fresh ts, far",
    (o) => check.fresh("ts", { within: "5200w", now: date("2024-01-01T00:00:00"), ...o }),
    "NOT (ts >= TIMESTAMP '1924-05-05')",
  ],
  ...names.map(
    (name): RowCase => [`unique ${name}`, (o) => check.unique(name, o), `${name} IS NOT NULL AND row_number > 1 /* ${name} */`],
  ),
];

const of = (sql: string) => `(SELECT ${sql} FROM rows)`;
const figureCases: readonly FigureCase[] = [
  ["12 rows", check.rowCount({ min: 12, max: 12 }), `${of("count(*)")} BETWEEN 12 AND 12`],
  ["at least 13 rows", check.rowCount({ min: 13 }), `${of("count(*)")} >= 13`],
  ["at most 11 rows", check.rowCount({ max: 11 }), `${of("count(*)")} <= 11`],
  ["no rows", check.rowCount({ max: 0 }), `${of("count(*)")} <= 0`],
  ...names.flatMap((name): FigureCase[] => [
    [
      `null rate of ${name}, a tenth`,
      check.nullRate(name, { max: 0.1 }),
      `${of(`coalesce(1 - count(${name}) / nullif(count(*), 0), 0)`)} <= 0.1`,
    ],
    [
      `null rate of ${name}, none`,
      check.nullRate(name, { max: 0 }),
      `${of(`coalesce(1 - count(${name}) / nullif(count(*), 0), 0)`)} <= 0`,
    ],
    [
      `null rate of ${name}, from a twelfth`,
      check.nullRate(name, { min: 0.0833 }),
      `${of(`coalesce(1 - count(${name}) / nullif(count(*), 0), 0)`)} >= 0.0833`,
    ],
    [`distinct ${name}, nine`, check.distinctCount(name, { min: 9 }), `${of(`count(DISTINCT ${name})`)} >= 9`],
    [`distinct ${name}, two`, check.distinctCount(name, { max: 2 }), `${of(`count(DISTINCT ${name})`)} <= 2`],
  ]),
  ["min i", check.min("i", { min: -2147483648 }), `${of("min(i)")} >= -2147483648`],
  ["min i over", check.min("i", { min: -2147483647 }), `${of("min(i)")} >= -2147483647`],
  ["max i", check.max("i", { max: 2147483647 }), `${of("max(i)")} <= 2147483647`],
  ["max id", check.max("id", { max: 9007199254740992n }), `${of("max(id)")} <= 9007199254740992`],
  ["max id exactly", check.max("id", { min: 9007199254740993n, max: 9007199254740993n }), `${of("max(id)")} = 9007199254740993`],
  ["max f is NaN", check.max("f", { max: 1e308 }), `${of("max(f)")} <= 1e308`],
  ["min f", check.min("f", { max: 0 }), `${of("min(f)")} <= 0`],
  ["min d", check.min("d", { min: -99999999.99 }), `${of("min(d)")} >= -99999999.99`],
  ["max w", check.max("w", { max: 12345678901234567891n }), `${of("max(w)")} <= 12345678901234567891`],
  ["max w under", check.max("w", { max: 12345678901234567890n }), `${of("max(w)")} <= 12345678901234567890`],
  ["min t", check.min("t", { max: "" }), `${of("min(t)")} <= ''`],
  ["max t", check.max("t", { min: "😀" }), `${of("max(t)")} >= '😀'`],
  ["min day", check.min("day", { min: date("1969-12-31T00:00:00") }), `${of("min(day)")} >= DATE '1969-12-31'`],
  ["max ts", check.max("ts", { max: date("2030-06-15T12:00:00") }), `${of("max(ts)")} <= TIMESTAMP '2030-06-15 12:00:00'`],
  ["sum i", check.sum("i", { min: 226, max: 226 }), `${of("sum(i)")} BETWEEN 226 AND 226`],
  ["sum i, not", check.sum("i", { max: 224 }), `${of("sum(i)")} <= 224`],
  ["sum d", check.sum("d", { min: 14.81, max: 14.81 }), `${of("sum(d)")} BETWEEN 14.81 AND 14.81`],
  ["sum w", check.sum("w", { max: 19 }), `${of("sum(w)")} <= 19`],
  ["mean i", check.mean("i", { min: 20, max: 21 }), `${of("avg(i)")} BETWEEN 20 AND 21`],
  ["mean f", check.mean("f", { max: 1 }), `${of("avg(f)")} <= 1`],
  ["mean d", check.mean("d", { max: 1.3 }), `${of("avg(d)")} <= 1.3`],
  ["median i", check.median("i", { min: 6, max: 6 }), `${of("median(i)")} BETWEEN 6 AND 6`],
  ["median i, not", check.median("i", { max: 5 }), `${of("median(i)")} <= 5`],
  ["quantile 0", check.quantile("i", 0, { max: -2147483648 }), `${of("quantile_cont(i, 0)")} <= -2147483648`],
  ["quantile 1", check.quantile("i", 1, { min: 2147483647 }), `${of("quantile_cont(i, 1)")} >= 2147483647`],
  ["quantile 0.75", check.quantile("i", 0.75, { max: 53.5 }), `${of("quantile_cont(i, 0.75)")} <= 53.5`],
  ["quantile 0.75, not", check.quantile("i", 0.75, { max: 53 }), `${of("quantile_cont(i, 0.75)")} <= 53`],
  ["stddev i", check.stddev("i", { min: 1e9 }), `${of("stddev_samp(i)")} >= 1e9`],
  ["stddev i, not", check.stddev("i", { max: 1e8 }), `${of("stddev_samp(i)")} <= 1e8`],
  [
    "newest day",
    check.fresh("day", { within: "1d", now: date("2030-06-16T00:00:00"), of: "newest" }),
    `${of("max(day)")} >= DATE '2030-06-15'`,
  ],
  [
    "newest ts",
    check.fresh("ts", { within: "1h", now: date("2030-06-15T13:00:01"), of: "newest" }),
    `${of("max(ts)")} >= TIMESTAMP '2030-06-15 12:00:01'`,
  ],
];

let folder = "";
let duckdb: DuckDBConnection;
let instance: DuckDBInstance;
const failures = new Map<string, number>();
const totals = new Map<string, number>();
/** Checks of values leave rows without one out of the count. */
const valueChecks = ["matches", "between", "inSet", "type", "fresh", "onTime", "unique", "references"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-check-cases-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE all_rows AS SELECT * FROM ${rows}`);
  await duckdb.run(`COPY all_rows TO '${join(folder, "rows.parquet")}' (FORMAT parquet)`);
  await duckdb.run(`COPY (SELECT * FROM all_rows LIMIT 0) TO '${join(folder, "empty.parquet")}' (FORMAT parquet)`);
  await duckdb.run(`COPY all_rows TO '${join(folder, "rows.csv")}' (HEADER, FORCE_QUOTE (t))`);
  await duckdb.run(`COPY (SELECT * FROM all_rows LIMIT 0) TO '${join(folder, "empty.csv")}' (HEADER)`);
  for (const [label, make, failing] of rowCases) {
    const { kind, columns } = make({ threshold: 1, name: "" }).spec;
    const whole = valueChecks.includes(kind) ? columns.map((name) => `${name} IS NOT NULL`).join(" AND ") : "true";
    totals.set(label, await number(`SELECT count(*) FROM all_rows WHERE ${whole}`));
    const column = /\/\* (\w+) \*\//.exec(failing)?.[1];
    const from =
      column === undefined ? "all_rows" : `(SELECT *, row_number() OVER (PARTITION BY ${column}) AS row_number FROM all_rows)`;
    failures.set(label, await number(`SELECT count(*) FROM ${from} WHERE ${failing}`));
  }
}, 180_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

async function number(sql: string): Promise<number> {
  const [row] = (await duckdb.runAndReadAll(`SELECT CAST((${sql}) AS DOUBLE)`)).getRows();
  return Number(row?.[0]);
}

async function holds(sql: string, table: string): Promise<boolean> {
  const [row] = (await duckdb.runAndReadAll(`WITH rows AS (SELECT * FROM ${table}) SELECT ${sql}`)).getRows();
  return row?.[0] === true;
}

const source = (format: "csv" | "parquet", name: string) =>
  format === "csv"
    ? read.csv(join(folder, `${name}.csv`), { schema })
    : (read.parquet(join(folder, `${name}.parquet`)) as unknown as ReturnType<typeof read.csv<typeof schema>>);

async function outcomes(
  checks: readonly Check<Name>[],
  format: "csv" | "parquet",
  name: string,
  workers: number,
  interpreted = false,
) {
  const stateDir = join(folder, "state");
  await using engine = await Engine.create({
    workers,
    stateDir,
    kernels: interpreted ? "interpreted" : "compiled",
    history: false,
  });
  const target = join(folder, "out.parquet");
  const checked = source(format, name).expect(...checks);
  const { report } = await engine.run(checked.write.parquet(target, { mode: "overwrite" }));
  return new Map((report.quality?.checks ?? []).map((one) => [one.name, one]));
}

const ways = [
  { format: "parquet", workers: 1, interpreted: false },
  { format: "parquet", workers: 3, interpreted: true },
  { format: "csv", workers: 1, interpreted: true },
  { format: "csv", workers: 3, interpreted: false },
] as const;

describe.each(ways)("$format, $workers workers, interpreted: $interpreted", ({ format, workers, interpreted }) => {
  it(`row checks at the border and over it: ${2 * rowCases.length} verdicts`, async () => {
    const checks = rowCases.flatMap(([label, make]) => {
      const total = totals.get(label) ?? 0;
      const rate = (total - (failures.get(label) ?? 0)) / total;
      const over = Math.min(1, rate + 1e-9);
      return [make({ threshold: rate, name: `${label}: border` }), make({ threshold: over, name: `${label}: over` })];
    });
    const found = await outcomes(checks, format, "rows", workers, interpreted);
    const wrong = rowCases.flatMap(([label]) => {
      const failed = failures.get(label) ?? -1;
      const border = found.get(`${label}: border`);
      const over = found.get(`${label}: over`);
      const as = `${border?.total} ${border?.failed} ${border?.verdict} ${over?.failed} ${over?.verdict}`;
      const wanted = `${totals.get(label)} ${failed} passed ${failed} ${failed === 0 ? "passed" : "failed"}`;
      return as === wanted ? [] : [`${label}: found ${as}, expected ${wanted}`];
    });
    expect(wrong).toEqual([]);
  }, 180_000);

  it(`figures: ${figureCases.length} verdicts`, async () => {
    const checks = figureCases.map(([label, one]) => ({ ...one, spec: { ...one.spec, name: label } }));
    const found = await outcomes(checks, format, "rows", workers, interpreted);
    const wrong: string[] = [];
    for (const [label, , sql] of figureCases) {
      const wanted = (await holds(sql, "all_rows")) ? "passed" : "failed";
      const one = found.get(label);
      if (one?.verdict !== wanted) wrong.push(`${label}: found ${one?.verdict} (${one?.observed}), expected ${wanted}`);
    }
    expect(wrong).toEqual([]);
  }, 180_000);

  it("an empty table passes what is about rows, and has no figures but its counts", async () => {
    const rowChecks = rowCases.map(([label, make]) => make({ threshold: 1, name: label }));
    const figures = figureCases.map(([label, one]) => ({ ...one, spec: { ...one.spec, name: label } }));
    const found = await outcomes([...rowChecks, ...figures], format, "empty", workers, interpreted);
    const wrong = rowCases.flatMap(([label]) =>
      found.get(label)?.verdict === "passed" && found.get(label)?.total === 0 ? [] : [label],
    );
    for (const [label, , sql] of figureCases) {
      const wanted = (await holds(sql, "all_rows LIMIT 0")) ? "passed" : "failed";
      if (found.get(label)?.verdict !== wanted) wrong.push(`${label}: found ${found.get(label)?.verdict}, expected ${wanted}`);
    }
    expect(wrong).toEqual([]);
  }, 180_000);
});
