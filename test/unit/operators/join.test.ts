import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Batch, rowCount } from "../../../src/batch/column.js";
import { openReader, planPartitions, resolveSource } from "../../../src/io/sources.js";
import { batchToRows } from "../../../src/kernels/rows.js";
import { createOperator } from "../../../src/operators/createOperator.js";
import type { JoinOutput, ResolvedSource } from "../../../src/plan/bound.js";
import type { Schema } from "../../../src/schema/types.js";
import type { BroadcastHow, Step } from "../../../src/task/protocol.js";

/** The operator over Parquet files that DuckDB wrote, against DuckDB's own join of the same rows in the order of both sides. */

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-join-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
});

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

async function source(name: string): Promise<ResolvedSource> {
  const file = join(folder, `${name}.parquet`);
  await duckdb.run(`COPY (SELECT * FROM "${name}" ORDER BY pos) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  return resolveSource({ format: "parquet", paths: [file], onReject: "fail", rejectLimits: {} });
}

async function joinStep(how: BroadcastHow, left: ResolvedSource, right: ResolvedSource, keys: readonly string[]) {
  const at = (schema: Schema, name: string) => schema.findIndex((field) => field.name === name);
  const leftOutput = left.schema.map((_, index): JoinOutput => ({ side: "left", index }));
  const rightOutput = right.schema.map((_, index): JoinOutput => ({ side: "right", index }));
  const both = how === "inner" || how === "left";
  const renamed = right.schema.map((field) => ({ ...field, name: `r_${field.name}`, nullable: true }));
  const step: Extract<Step, { op: "join" }> = {
    op: "join",
    input: -1,
    name: `${how} join`,
    how,
    on: keys.map((name) => ({ left: at(left.schema, name), right: at(right.schema, name) })),
    output: both ? [...leftOutput, ...rightOutput] : leftOutput,
    build: { scan: { source: right, schema: right.schema }, parts: await planPartitions(right, 4096) },
    schema: both ? [...left.schema, ...renamed] : left.schema,
  };
  return step;
}

/** Rows of the join as texts, in the order in which they come. `live` thins out the left rows by a selection. */
async function joined(
  step: Extract<Step, { op: "join" }>,
  left: ResolvedSource,
  live: (row: number) => boolean,
  batchRows = 1000,
) {
  const operator = await createOperator(step, left.schema, {
    interpreted: false,
    partition: 0,
    reject: () => {
      throw new Error("a join rejects nothing");
    },
  });
  const rows: unknown[] = [];
  const sizes: number[] = [];
  let taken = 0;
  for (const part of await planPartitions(left, 1e9)) {
    const reader = await openReader({ source: left, schema: left.schema }, part, {
      batchRows,
      partition: 0,
      reject: () => undefined,
    });
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const selection = Int32Array.from([...Array(batch.length).keys()].filter((row) => live(taken + row)));
      taken += batch.length;
      const thinned: Batch = selection.length === batch.length ? batch : { ...batch, selection };
      let out: Batch | null | undefined = await operator.push(thinned);
      while (out != null) {
        sizes.push(rowCount(out));
        rows.push(...batchToRows(out));
        out = operator.more?.();
      }
    }
    await reader.close();
  }
  expect(await operator.flush()).toBeNull();
  expect(operator.counts.rowsOut).toBe(rows.length);
  return { rows: rows.map(text), sizes };
}

const text = (row: unknown): string => JSON.stringify(Object.values(row as object).map(cellText));

function cellText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return Object.is(value, -0) ? "0" : String(value);
}

/** Columns as text that both sides write alike; floats and decimals compare by what DuckDB stores. */
async function expected(sql: string): Promise<string[]> {
  const result = await duckdb.runAndReadAll(sql);
  return result.getRows().map((row) => JSON.stringify(row.map((cell) => (cell === null ? null : String(cell)))));
}

/** Small ranges, so that keys repeat and miss; every kind of null. `i` numbers the rows. */
const keyTypes: { readonly name: string; readonly sql: string }[] = [
  { name: "bool", sql: "(i % 3 = 0)::BOOLEAN" },
  { name: "int8", sql: "((i * 7) % 50 - 25)::TINYINT" },
  { name: "uint16", sql: "((i * 31) % 60000)::USMALLINT" },
  { name: "int32", sql: "((i * 7919) % 97 - 40)::INTEGER" },
  { name: "uint32", sql: "(4294967295 - (i * 7) % 80)::UINTEGER" },
  { name: "int64", sql: "((i * 7919) % 97 * 1234567890123 - 4)::BIGINT" },
  { name: "uint64", sql: "(18446744073709551615::HUGEINT - (i * 7) % 80)::UBIGINT" },
  {
    name: "float32",
    sql: "(CASE WHEN i % 11 = 0 THEN 'nan' WHEN i % 11 = 1 THEN '-0.0' WHEN i % 11 = 2 THEN '0.0' ELSE (i % 40 / 4)::VARCHAR END)::FLOAT",
  },
  {
    name: "float64",
    sql: "(CASE WHEN i % 11 = 0 THEN '-nan' WHEN i % 11 = 3 THEN 'nan' WHEN i % 11 = 1 THEN '-0.0' WHEN i % 11 = 2 THEN '0.0' ELSE (i % 40 / 4)::VARCHAR END)::DOUBLE",
  },
  { name: "decimal(12,3)", sql: "((i * 7919) % 97 / 8.0)::DECIMAL(12,3)" },
  { name: "decimal(30,2)", sql: "((i * 7919) % 97 * 10000000000000000000::HUGEINT)::DECIMAL(30,2)" },
  { name: "date", sql: "DATE '1969-12-20' + ((i * 7) % 60)::INTEGER" },
  { name: "timestamp", sql: "TIMESTAMP '1969-12-31 23:00:00' + INTERVAL ((i * 7) % 90) MINUTE" },
  { name: "utf8", sql: "left('käse und straße, ein längerer Text', (i * 13) % 40)" },
  { name: "binary", sql: "('\\x00' || repeat('\\xFF', ((i * 5) % 20)::INTEGER))::BLOB" },
];

const hows: readonly BroadcastHow[] = ["inner", "left", "semi", "anti"];
const spelled = { inner: "JOIN", left: "LEFT JOIN", semi: "SEMI JOIN", anti: "ANTI JOIN" } as const;

async function makeTables(
  keys: readonly string[],
  options: { readonly left: number; readonly right: number; readonly unique: boolean },
): Promise<void> {
  const columns = keys.map((sql, k) => `CASE WHEN hash(i, ${k}) % 13 = 0 THEN NULL ELSE ${sql} END AS k${k}`).join(", ");
  const named = keys.map((_, k) => `k${k}`).join(", ");
  await duckdb.run(
    `CREATE OR REPLACE TABLE l AS SELECT i AS pos, ${columns}, 'left ' || i AS note FROM range(${options.left}) r(i)`,
  );
  const kept = options.unique ? `QUALIFY row_number() OVER (PARTITION BY ${named} ORDER BY pos) = 1` : "";
  await duckdb.run(`CREATE OR REPLACE TABLE r AS SELECT i - 3 AS pos, ${columns}, CASE WHEN i % 5 = 0 THEN NULL ELSE 'right ' || (i % 7) END AS label,
    (i * 10)::BIGINT AS amount, CASE WHEN i % 3 = 0 THEN NULL ELSE (i % 100)::SMALLINT END AS small, (i % 2 = 0) AS flag,
    (i * 1000000007)::DECIMAL(25,3) AS wide FROM range(3, ${options.right + 3}) t(i) ${kept}`);
}

/** The columns as `cellText` writes them. */
function selectSql(how: BroadcastHow, keys: readonly { readonly name: string }[]): string {
  const written = (side: string) => [`${side}.pos`, ...keys.map(({ name }, k) => writtenKey(name, `${side}.k${k}`))];
  const left = [...written("l"), "l.note"];
  if (how === "semi" || how === "anti") return left.join(", ");
  return [...left, ...written("r"), "r.label", "r.amount", "r.small", "r.flag", "r.wide"].join(", ");
}

function writtenKey(type: string, column: string): string {
  switch (type) {
    case "date":
      return `epoch_ms(${column})`;
    case "timestamp":
      return `epoch_us(${column})`;
    case "binary":
      return `lower(hex(${column}))`;
    case "float32":
    case "float64":
      return `CASE WHEN isnan(${column}) THEN 'NaN' ELSE regexp_replace(abs(${column})::DOUBLE::VARCHAR, '\\.0$', '') END`;
    default:
      return column;
  }
}

async function check(
  how: BroadcastHow,
  keys: readonly { readonly name: string }[],
  live: (row: number) => boolean,
  where: string,
): Promise<void> {
  const [left, right] = [await source("l"), await source("r")];
  const names = keys.map((_, k) => `k${k}`);
  const step = await joinStep(how, left, right, names);
  const on = names.map((name) => `l.${name} = r.${name}`).join(" AND ");
  const order = how === "semi" || how === "anti" ? "l.pos" : "l.pos, r.pos";
  const { rows } = await joined(step, left, live);
  const all = await expected(`SELECT ${selectSql(how, keys)} FROM l ${spelled[how]} r ON ${on} ORDER BY ${order}`);
  const kept = all.filter((row) => live(Number((JSON.parse(row) as string[])[0])));
  expect(rows, where).toEqual(kept);
}

describe("broadcast join", () => {
  for (const key of keyTypes) {
    it(`on ${key.name} gives what DuckDB gives, in the order of both sides`, async () => {
      for (const unique of [true, false]) {
        await makeTables([key.sql], { left: 300, right: 110, unique });
        for (const how of hows) {
          await check(how, [key], () => true, `${how}, unique ${unique}`);
          await check(how, [key], (row) => row % 3 !== 1, `${how}, unique ${unique}, selected`);
        }
      }
    });
  }

  it("on several keys of different types", async () => {
    const byName = (...names: string[]) => keyTypes.filter(({ name }) => names.includes(name));
    for (const keys of [
      byName("int8", "utf8"),
      byName("float64", "date", "binary"),
      byName("decimal(30,2)", "bool"),
      byName("int32", "int64", "utf8"),
    ]) {
      for (const unique of [true, false]) {
        await makeTables(
          keys.map(({ sql }) => sql),
          { left: 900, right: 500, unique },
        );
        for (const how of hows)
          await check(how, keys, (row) => row % 5 !== 2, `${keys.map(({ name }) => name).join()}, ${how}, unique ${unique}`);
      }
    }
  });

  it("over an empty right side, and over one of nulls alone", async () => {
    const keys = keyTypes.filter(({ name }) => name === "utf8");
    await makeTables(
      keys.map(({ sql }) => sql),
      { left: 100, right: 0, unique: true },
    );
    for (const how of hows) await check(how, keys, () => true, how);
    await duckdb.run("INSERT INTO r SELECT i, NULL, 'x', 1, 1, true, 1 FROM range(20) t(i)");
    for (const how of hows) await check(how, keys, () => true, `${how}, nulls`);
  });

  it("does not confuse keys whose columns join to the same text", async () => {
    await duckdb.run("CREATE OR REPLACE TABLE l AS SELECT 0 AS pos, 'ab' AS k0, 'c' AS k1, 'left' AS note");
    await duckdb.run("CREATE OR REPLACE TABLE r AS SELECT 0 AS pos, 'a' AS k0, 'bc' AS k1");
    const [left, right] = [await source("l"), await source("r")];
    const { rows } = await joined(await joinStep("inner", left, right, ["k0", "k1"]), left, () => true);
    expect(rows).toEqual([]);
  });

  it("cuts the rows that many duplicates make into batches", async () => {
    await duckdb.run("CREATE OR REPLACE TABLE l AS SELECT i AS pos, i % 5 AS k0, 'left' AS note FROM range(40) t(i)");
    await duckdb.run("CREATE OR REPLACE TABLE r AS SELECT i AS pos, i % 4 AS k0, 'v' || (i % 3) AS label FROM range(20000) t(i)");
    const [left, right] = [await source("l"), await source("r")];
    const { rows, sizes } = await joined(await joinStep("left", left, right, ["k0"]), left, () => true);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    const sql = "SELECT l.*, r.* FROM l LEFT JOIN r USING (k0) ORDER BY l.pos, r.pos";
    expect(rows).toEqual(
      await expected(
        sql.replace("l.*, r.*", "l.pos, l.k0, l.note, r.pos, CASE WHEN r.pos IS NULL THEN NULL ELSE l.k0 END, r.label"),
      ),
    );
  });

  it("keeps texts of many and of few values, over more rows than one batch holds", async () => {
    await duckdb.run(`CREATE OR REPLACE TABLE r AS SELECT i AS pos, 'K' || i AS k0, CASE WHEN i % 10 = 0 THEN NULL ELSE 'region ' || (i % 9) END AS few,
      'customer number ' || i AS many FROM range(70000) t(i)`);
    await duckdb.run(
      "CREATE OR REPLACE TABLE l AS SELECT i AS pos, 'K' || ((i * 7919) % 90000) AS k0, 'left' AS note FROM range(5000) t(i)",
    );
    const [left, right] = [await source("l"), await source("r")];
    for (const how of ["inner", "left"] as const) {
      const { rows } = await joined(await joinStep(how, left, right, ["k0"]), left, (row) => row % 2 === 0);
      const sql = `SELECT l.pos, l.k0, l.note, r.pos, r.k0, r.few, r.many FROM l ${spelled[how]} r ON l.k0 = r.k0 WHERE l.pos % 2 = 0 ORDER BY l.pos`;
      expect(rows, how).toEqual(await expected(sql));
    }
  });
});
