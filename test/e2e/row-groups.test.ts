import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { check, Engine, type Plan, read, udf } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";

let folder = "";
let engine: Engine;
let made = 0;
const rows = 50_000;

/** Plain DuckDB: the rows as it shows them. */
async function duck(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-row-groups-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state"), partitionBytes: 60_000 });
  const select = `SELECT i AS id, 'n' || i AS name, CASE WHEN i < 9000 THEN NULL ELSE i % 10 END AS digit, hash(i) % 4 AS part FROM range(${rows}) t(i)`;
  await duck(`COPY (${select}) TO '${folder}/one.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  await duck(`COPY (${select}) TO '${folder}/many' (FORMAT parquet, PARTITION_BY (part), ROW_GROUP_SIZE 2048)`);
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ran(plan: (out: string) => Plan) {
  const out = join(folder, `out-${made++}`);
  const { report } = await engine.run(plan(out)).result;
  const { execution } = report.toJSON();
  return {
    found: await duck(`SELECT * FROM read_parquet('${out}/**/*.parquet', hive_partitioning = false) ORDER BY id`),
    read: execution.recordsRead,
    filtered: execution.recordsFiltered,
    rejected: execution.recordsFailed,
    bytes: execution.stages[0]?.bytes ?? Number.NaN,
  };
}

const half = udf((id: bigint) => Number(id) / 2, { returns: "float64" });

it("rows of groups that no condition lets through are counted as filtered", async () => {
  const all = await ran((out) => read.parquet(join(folder, "one.parquet")).write.parquet(out));
  for (const plan of [
    (out: string) =>
      read
        .parquet(join(folder, "one.parquet"))
        .filter((c) => c.id.gte(20_000n).and(c.id.lt(20_100n)))
        .write.parquet(out),
    (out: string) =>
      read
        .parquet(join(folder, "one.parquet"))
        .withColumns((c) => ({ half: half(c.id) }))
        .filter((c) => c.id.gte(20_000n).and(c.half.lt(10_050)))
        .drop("half")
        .write.parquet(out),
  ]) {
    const few = await ran(plan);
    expect(few.found).toEqual(await duck(`SELECT * FROM '${folder}/one.parquet' WHERE id BETWEEN 20000 AND 20099 ORDER BY id`));
    expect([few.read, few.filtered, few.rejected]).toEqual([rows, rows - 100, 0]);
  }
  const few = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"))
      .filter((c) => c.id.lt(10n))
      .write.parquet(out),
  );
  expect(few.bytes).toBeLessThan(all.bytes / 10);
});

it("files are passed over by the values of their folders", async () => {
  const from = () => read.parquet(join(folder, "many"));
  const all = await ran((out) => from().write.parquet(out));
  const one = await ran((out) =>
    from()
      .filter((c) => c.part.eq(2))
      .write.parquet(out),
  );
  const wanted = `SELECT id, name, digit, part FROM read_parquet('${folder}/many/**/*.parquet', hive_partitioning = true)`;
  expect(one.found).toEqual(await duck(`${wanted} WHERE part = 2 ORDER BY id`));
  expect([one.read, one.filtered]).toEqual([rows, rows - one.found.length]);
  expect(one.bytes).toBeLessThan(all.bytes / 3);
  const none = await ran((out) =>
    from()
      .filter((c) => c.part.eq(7))
      .write.parquet(out),
  );
  expect([none.found.length, none.filtered, none.bytes]).toEqual([0, rows, 0]);
});

it("rows that lack a required value, and those that a check judges first, are not passed over", async () => {
  const strict = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"), { required: ["digit"], onReject: "quarantine" })
      .filter((c) => c.id.gte(20_000n))
      .write.parquet(out),
  );
  expect([strict.rejected, strict.filtered, strict.found.length]).toEqual([9000, 11_000, 30_000]);
  const checked = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"), { onReject: "quarantine" })
      .expect(check.notNull("digit", { action: "quarantine" }))
      .filter((c) => c.id.gte(20_000n))
      .write.parquet(out),
  );
  expect([checked.rejected, checked.filtered, checked.found.length]).toEqual([9000, 11_000, 30_000]);
});

it("rejects behind groups that were passed over name their row", async () => {
  const out = join(folder, `out-${made++}`);
  const fails = udf(
    (id: bigint) => {
      if (id === 30_000n) throw new Error("not this one");
      return Number(id);
    },
    { returns: "float64" },
  );
  const result = await engine.run(
    read
      .parquet(join(folder, "one.parquet"), { onReject: "quarantine" })
      .filter((c) => c.id.gte(29_990n))
      .withColumns((c) => ({ x: fails(c.id) }))
      .write.parquet(out),
  ).result;
  const { samples } = result.report.toJSON().execution.rejects;
  expect(samples.map(({ row }) => row)).toEqual([30_000]);
});
