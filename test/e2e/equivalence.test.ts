import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { type Dataset, Engine, avg, col, count, countDistinct, desc, max, median, min, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expressions, type Pair } from "../support/expressions.js";
import { duckDbColumns, type GeneratedRow, tableSchema, tables, toCsv } from "../support/table.js";

/**
 * The same plans in all modes give what plain DuckDB gives over the whole input: generated code and interpreter, one worker and
 * several with many partitions, text and Parquet, optimised and as written.
 */
const runs = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 25);
const parameters = { numRuns: runs };

const modes = [
  { name: "compiled, 1 worker", options: { workers: 1 } },
  { name: "interpreted, 1 worker", options: { workers: 1, kernels: "interpreted" } },
  { name: "compiled, 2 workers, tiny partitions", options: { workers: 2, partitionBytes: 200 } },
  { name: "compiled, 2 workers, no broadcast joins", options: { workers: 2, broadcastBytes: 0 } },
  { name: "compiled, as written", options: { workers: 1, optimizer: false, partitionBytes: 500 } },
] as const;

let folder = "";
let engines: { readonly name: string; readonly engine: Engine }[] = [];
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-equivalence-"));
  engines = await Promise.all(
    modes.map(async ({ name, options }) => ({
      name,
      engine: await Engine.create({ memory: "512MB", stateDir: join(folder, "state"), ...options }),
    })),
  );
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
}, 180_000);

afterAll(async () => {
  await Promise.all(engines.map(({ engine }) => engine.close()));
  const left = readdirSync(join(folder, "state", "runs"), { recursive: true, withFileTypes: true });
  expect(
    left.filter((entry) => entry.name === "scratch" || /\.(blocks|tmp)$/.test(entry.name)).map((entry) => entry.name),
  ).toEqual([]);
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

type Cell = string | number | bigint | boolean | null;

/** Values of one Arrow column or one DuckDB column in one form: temporal values as microseconds or days. */
function plainCell(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === "object") {
    const parts = value as { readonly micros?: bigint; readonly days?: number };
    if (parts.micros !== undefined) return parts.micros;
    if (parts.days !== undefined) return BigInt(parts.days) * 86_400_000_000n;
    if (value instanceof Date) return BigInt(value.getTime()) * 1000n;
    return String(value);
  }
  return value as Cell;
}

async function oracle(sql: string): Promise<Cell[][]> {
  const result = await duckdb.runAndReadAll(sql);
  return result.getRows().map((row) => row.map(plainCell));
}

const sorted = (rows: readonly (readonly Cell[])[]): string[] =>
  rows
    .map((row) =>
      row.map((cell) => (typeof cell === "bigint" ? `${cell}n` : Object.is(cell, -0) ? "0" : String(cell))).join("\u0001"),
    )
    .sort();

/** Integers of any width compare by value, sums of doubles to a relative 1e-9. */
function expectSame(found: Cell[][], expected: Cell[][], where: string, approximate: readonly number[] = []): void {
  const normal = (rows: Cell[][]) =>
    rows.map((row) =>
      row.map((cell, i) => (approximate.includes(i) ? rounded(cell) : typeof cell === "bigint" ? Number(cell) : cell)),
    );
  expect(sorted(normal(found)), where).toEqual(sorted(normal(expected)));
}

const rounded = (cell: Cell): Cell => (typeof cell === "number" && Number.isFinite(cell) ? Number(cell.toPrecision(9)) : cell);

/** `twin` has the same rows as `csv`: a right side of joins that is not read in the same pass as the left one. */
async function writeInputs(rows: readonly GeneratedRow[]): Promise<{ csv: string; twin: string; parquet: string }> {
  const csv = join(folder, "input.csv");
  const parquet = join(folder, "input.parquet");
  const twin = join(folder, "twin.csv");
  writeFileSync(csv, toCsv(rows));
  writeFileSync(twin, toCsv(rows));
  await duckdb.run(`CREATE OR REPLACE TABLE input AS SELECT * FROM read_csv('${csv}', header = true, auto_detect = false,
    columns = ${duckDbColumns}, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, new_line = '\\n')`);
  await duckdb.run(`COPY input TO '${parquet}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  return { csv, twin, parquet };
}

type Input = Dataset<typeof tableSchema>;

/** Collects a plan in every mode over both inputs and compares each with the oracle's rows. */
async function check(
  rows: readonly GeneratedRow[],
  build: (input: Input, twin: Input) => { toPlan(): ReturnType<Input["toPlan"]> },
  sql: string,
  options: { readonly ordered?: boolean; readonly approximate?: readonly number[] } = {},
): Promise<void> {
  const { csv, twin, parquet } = await writeInputs(rows);
  const expected = await oracle(sql);
  const inputs: [string, Input][] = [
    ["csv", read.csv(csv, { schema: tableSchema })],
    ["parquet", read.parquet(parquet) as unknown as Input],
  ];
  for (const [format, input] of inputs) {
    for (const { name, engine } of engines) {
      const table = await engine.collect(build(input, read.csv(twin, { schema: tableSchema })));
      const found = Array.from({ length: table.numRows }, (_, i) => table.schema.fields.map((_field, j) => cellOf(table, i, j)));
      expectSame(found, expected, `${format}, ${name}`, options.approximate);
      if (options.ordered === true)
        expect(
          found.map((row) => String(row[0])),
          `${format}, ${name}, order`,
        ).toEqual(expected.map((row) => String(row[0])));
    }
  }
}

interface ArrowTable {
  getChildAt(column: number): { get(row: number): unknown; readonly type: { toString(): string } } | null;
}

/** Arrow gives dates and timestamps as milliseconds; microseconds are read from the vector's own words. */
function cellOf(table: ArrowTable, row: number, column: number): Cell {
  const vector = table.getChildAt(column);
  const value = vector?.get(row);
  if (value === null || value === undefined) return null;
  const type = String(vector?.type);
  if (type.startsWith("Timestamp")) return BigInt(Math.round(Number(value) * 1000));
  if (type.startsWith("Date")) return BigInt(Number(value)) * 1000n;
  return plainCell(value);
}

describe("equivalence with DuckDB in every mode", () => {
  it("computed columns and filters", async () => {
    const picks = fc.tuple(
      expressions.bool,
      expressions.int,
      expressions.float,
      expressions.text,
      expressions.date,
      expressions.time,
    );
    await fc.assert(
      fc.asyncProperty(tables, picks, async (rows, [where, ...made]) => {
        const names = made.map((_, i) => `e${i}`);
        await check(
          rows,
          (input) =>
            input
              .filter(() => where.dsl)
              .withColumns(() => Object.fromEntries(made.map((one: Pair, i) => [names[i], one.dsl])))
              .select(...(["id", ...names] as unknown as ["id"])),
          `SELECT id, ${made.map((one, i) => `${one.sql} AS e${i}`).join(", ")} FROM input WHERE ${where.sql} ORDER BY id`,
          { ordered: true },
        );
      }),
      parameters,
    );
  }, 900_000);

  it("groups and aggregates", async () => {
    await fc.assert(
      fc.asyncProperty(tables, expressions.int, expressions.text, async (rows, key, text) => {
        await check(
          rows,
          (input) =>
            input
              .groupBy("b", () => ({ g: key.dsl }))
              .agg((c) => ({
                n: count(),
                k: sum(c.k),
                low: min(c.l),
                high: max(c.t),
                texts: countDistinct(text.dsl),
                middle: median(c.k),
                mean: avg(c.k),
              })),
          `SELECT b, ${key.sql} AS g, count(*), sum(k), min(l), max(t), count(DISTINCT ${text.sql}), median(k), avg(k) FROM input GROUP BY ALL`,
          { approximate: [7, 8] },
        );
        await check(
          rows,
          (input) => input.groupBy("s").agg((c) => ({ n: count(c.f), x: sum(c.k), last: max(c.d), small: min(c.f) })),
          "SELECT s, count(f), sum(k), max(d), min(f) FROM input GROUP BY s",
        );
      }),
      parameters,
    );
  }, 900_000);

  it("joins, unions, sorts, limits and distinct rows", async () => {
    const how = fc.constantFrom("inner", "left", "right", "full", "semi", "anti");
    await fc.assert(
      fc.asyncProperty(tables, how, fc.nat(10), async (rows, kind, most) => {
        const right = "(SELECT k, s AS other FROM input WHERE id % 3 = 0) r";
        const joins: Record<string, string> = {
          inner: `SELECT l.id, l.k, r.other FROM input l JOIN ${right} ON l.k = r.k`,
          left: `SELECT l.id, l.k, r.other FROM input l LEFT JOIN ${right} ON l.k = r.k`,
          right: `SELECT l.id, r.k, r.other FROM input l RIGHT JOIN ${right} ON l.k = r.k`,
          full: `SELECT l.id, coalesce(l.k, r.k), r.other FROM input l FULL JOIN ${right} ON l.k = r.k`,
          semi: `SELECT l.id, l.k FROM input l SEMI JOIN ${right} ON l.k = r.k`,
          anti: `SELECT l.id, l.k FROM input l ANTI JOIN ${right} ON l.k = r.k`,
        };
        await check(
          rows,
          (input) => {
            const other = input.filter((c) => c.id.mod(3).eq(0)).select("k", (c) => ({ other: c.s }));
            const joined = input.select("id", "k").join(other, { on: "k", how: kind as "inner" });
            return joined;
          },
          joins[kind] as string,
        );
        await check(
          rows,
          (input, twin) => {
            const other = twin.filter((c) => c.id.mod(3).eq(0)).select("k", (c) => ({ other: c.s }));
            return input.select("id", "k").join(other, { on: "k", how: kind as "inner" });
          },
          joins[kind] as string,
        );
        await check(
          rows,
          (input) =>
            input
              .union(input.filter((c) => c.b))
              .sort(desc("k"), "id")
              .limit(most, { offset: 1 })
              .select("id", "k"),
          `SELECT id, k FROM (SELECT * FROM input UNION ALL SELECT * FROM input WHERE b) ORDER BY k DESC NULLS LAST, id LIMIT ${most} OFFSET 1`,
          { ordered: true },
        );
        await check(rows, (input) => input.select("k", "b").distinct(), "SELECT DISTINCT k, b FROM input");
        await check(
          rows,
          (input) =>
            input
              .filter(() => col("s").isNotNull())
              .limit(most)
              .select("id"),
          `SELECT id FROM input WHERE s IS NOT NULL ORDER BY id LIMIT ${most}`,
          { ordered: true },
        );
      }),
      parameters,
    );
  }, 900_000);
});
