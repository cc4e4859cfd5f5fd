import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { DuckDbSession } from "../../../src/duckdb/session.js";
import { writeDuckDbTable } from "../../../src/duckdb/table.js";
import type { WriteMode } from "../../../src/plan/nodes.js";
import { openForTests, rowsOf, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
const path = join(folder.path, "out", "target.duckdb");
const options = { memoryBytes: 200e6, tempDirectory: join(folder.path, "spill") };
let session: DuckDbSession;
openForTests(folder, (opened) => {
  session = opened;
});

const everyType = `SELECT i::INTEGER AS id, i % 2 = 0 AS b, i::TINYINT AS t, i::UBIGINT AS u, i::BIGINT * 1000000007 AS big, i / 7.0::FLOAT AS f,
  i / 3.0::DOUBLE AS d, (i / 4.0)::DECIMAL(4,2) AS d4, (i * 1.5)::DECIMAL(9,3) AS d9, (i * 1.5)::DECIMAL(18,3) AS d18,
  (i * -123456789.5)::DECIMAL(38,9) AS d38, DATE '1969-12-30' + i::INTEGER AS day, make_timestamp(i * 999999937) AS ts,
  CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN 'é' || i ELSE repeat('long text ', 5) || i END AS s,
  encode('bytes' || i) AS blob, [i::BIGINT, NULL] AS l, {'x': i::INTEGER, 'y': [DATE '1970-01-01' + i::INTEGER]} AS st
  FROM range(LIMIT_ROWS) r(i)`;

async function write(table: string, mode: WriteMode, sql: string): Promise<number> {
  const schema = await session.describe(sql);
  return (await writeDuckDbTable({ path, table, mode }, schema, session.query(sql), options)).rows;
}

async function read(sql: string): Promise<unknown[][]> {
  const reader = await DuckDbSession.open({ ...options, threads: 2, path });
  try {
    return await rowsOf(reader.query(sql));
  } finally {
    reader.close();
  }
}

describe("the DuckDB sink", () => {
  test("writes every type as it came, in order, and leaves nothing beside the file", async () => {
    const sql = everyType.replace("LIMIT_ROWS", "100");
    expect(await write("all types", "error", sql)).toBe(100);
    expect(await read('SELECT * FROM "all types"')).toEqual(await rowsOf(session.query(sql)));
    expect(readdirSync(join(folder.path, "out"))).toEqual(["target.duckdb"]);
  });

  test("more rows than a chunk, and a selection", async () => {
    expect(await write("many", "error", "SELECT i, 'value ' || i AS s FROM range(10000) r(i)")).toBe(10000);
    expect(await read("SELECT count(*), sum(i), count(DISTINCT s) FROM many")).toEqual([[10000n, 49995000n, 10000n]]);
    const batches: Batch[] = [];
    for await (const batch of session.query("SELECT i FROM range(10) r(i)")) {
      batches.push({ ...batch, selection: Int32Array.of(1, 7) });
    }
    const schema = await session.describe("SELECT i FROM range(10) r(i)");
    await writeDuckDbTable({ path, table: "selected", mode: "error" }, schema, batches, options);
    expect(await read("SELECT i FROM selected")).toEqual([[1n], [7n]]);
  });

  test("modes", async () => {
    await expect(write("many", "error", "SELECT 1 AS i, 'x' AS s")).rejects.toMatchObject({
      code: "TARGET_EXISTS",
      category: "Config",
    });
    await expect(write("many", "overwrite-partitions", "SELECT 1 AS i")).rejects.toMatchObject({ code: "UNSUPPORTED_MODE" });
    await expect(write("many", "append", "SELECT 1 AS i, 'x' AS s")).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await write("many", "append", "SELECT 1::BIGINT AS i, 'x' AS s");
    expect(await read("SELECT count(*) FROM many")).toEqual([[10001n]]);
    await write("many", "overwrite", "SELECT 2.5::DOUBLE AS other");
    expect(await read("SELECT * FROM many")).toEqual([[2.5]]);
  });

  test("a failure on the way changes nothing", async () => {
    async function* failing(): AsyncGenerator<Batch> {
      yield* session.query("SELECT 1.5::DOUBLE AS other");
      throw new Error("cut");
    }
    const schema = await session.describe("SELECT 1.5::DOUBLE AS other");
    for (const [table, mode] of [
      ["many", "overwrite"],
      ["fresh", "error"],
    ] as const) {
      await expect(writeDuckDbTable({ path, table, mode }, schema, failing(), options)).rejects.toThrow("cut");
    }
    expect(await read("SELECT * FROM many")).toEqual([[2.5]]);
    await expect(read("SELECT * FROM fresh")).rejects.toThrow(/fresh/);
    const elsewhere = join(folder.path, "new", "other.duckdb");
    await expect(writeDuckDbTable({ path: elsewhere, table: "t", mode: "error" }, schema, failing(), options)).rejects.toThrow(
      "cut",
    );
    expect(readdirSync(join(folder.path, "new"))).toEqual([]);
  });
});
