import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Engine, MillraceError, type RunReport, read } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";

/** What the report of a run that fails says of the stage it failed in. */
let folder = "";
let file = "";
let engine: Engine;
const rows = 4_000;
const bad = 3_500;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-failed-"));
  file = join(folder, "in.csv");
  const lines = Array.from({ length: rows }, (_, n) => (n === bad ? "wrongly" : `${1_000_000 + n}`));
  writeFileSync(file, `id\n${lines.join("\n")}\n`);
  engine = await Engine.create({ workers: 2, stateDir: join(folder, "state"), partitionBytes: 8_000 });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function reportOf(running: Promise<unknown>): Promise<RunReport> {
  const error = await running.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  const { report } = error as { readonly report?: RunReport };
  if (report === undefined) throw new Error("the error has no report");
  return report;
}

it("a worker stage counts the partitions before the one that failed", async () => {
  const plan = read.csv(file, { schema: { id: "int64" }, onReject: "fail" }).write.csv(join(folder, "out"));
  const { data } = await reportOf(engine.run(plan).result);
  const [stage] = data.execution.stages;
  // Every line has eight bytes, and a partition is 8,000: the failing line lies in the fourth.
  const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
  const sql = `SELECT count(*) FROM read_csv('${file}', all_varchar = true) WHERE id <> 'wrongly' AND 3 + 8 * (TRY_CAST(id AS BIGINT) - 1000000) < 24000`;
  const before = Number((await duckdb.runAndReadAll(sql)).getRows()[0]?.[0]);
  duckdb.closeSync();
  expect(data.status).toBe("failed");
  expect(data.execution.stages).toHaveLength(1);
  expect(stage).toMatchObject({ unfinished: true, partitions: 3, recordsIn: before, recordsRead: before, failed: 0 });
  expect(data.execution.recordsRead).toBe(before);
  expect(stage?.waitMs).toBeGreaterThanOrEqual(0);
});

it("a query that fails is there with its time, and the page says that it did not finish", async () => {
  const plan = read
    .csv(file, { schema: { id: "utf8" } })
    .sql("SELECT CAST(id AS BIGINT) AS id FROM input")
    .write.csv(join(folder, "out"));
  const report = await reportOf(engine.run(plan).result);
  const stages = report.data.execution.stages;
  const query = stages.find(({ kind }) => kind === "duckdb");
  expect(query).toMatchObject({ unfinished: true, recordsIn: rows, recordsOut: 0, spillBytes: 0 });
  expect(stages.filter(({ unfinished }) => unfinished)).toHaveLength(1);
  expect(report.toHtml()).toContain("DuckDB, not finished");
});
