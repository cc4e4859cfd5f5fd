import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { Engine } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deliver, deliveries } from "./planSinks.js";
import { randomPlan } from "./planSteps.js";
import { quoted, randomTable, type TestColumn } from "./planTables.js";
import { fuzzSeed, randomFrom } from "./random.js";

/**
 * Random plans over random tables of some ten thousand rows, so that every operator sees several partitions, against plain DuckDB.
 * `MILLRACE_PROPERTY_SEED` and `MILLRACE_FIRST_PLAN` repeat a failure; `MILLRACE_PLANS` looks longer.
 */
const plans = Number(process.env.MILLRACE_PLANS ?? 25);
const firstPlan = Number(process.env.MILLRACE_FIRST_PLAN ?? 0);
const rows = 15_000;

const folder = mkdtempSync(join(tmpdir(), "millrace-plans-"));
const settings = [
  { workers: 2, partitionBytes: 200_000 },
  { workers: 1, memory: "600MB" },
  { workers: 2, partitionBytes: 50_000, broadcastBytes: 0, memory: "400MB" },
] as const;
let engines: readonly Engine[] = [];
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  engines = await Promise.all(settings.map((one) => Engine.create({ stateDir: join(folder, "state"), ...one })));
  instance = await DuckDBInstance.create(":memory:");
  duckdb = await instance.connect();
});

afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Doubles to nine digits: DuckDB's own sums differ in the last ones from run to run. */
function comparable({ name, type }: TestColumn): string {
  const column = quoted(name);
  if (type !== "float64") return column;
  return `CASE WHEN abs(${column}) < 1e-7 THEN '0' ELSE printf('%.8e', ${column}) END AS ${column}`;
}

const nth = (order: string): string => `, row_number() OVER (ORDER BY ${order}) AS nth_row`;

it(`gives what DuckDB gives for ${plans} random plans`, async () => {
  for (let run = firstPlan; run < firstPlan + plans; run++) {
    const random = randomFrom(fuzzSeed, run);
    const other = await randomTable(duckdb, random, folder, "other", random.pick([200, 4_000, rows]));
    const plan = randomPlan(await randomTable(duckdb, random, folder, "input", rows), other, random);
    const out = join(folder, `out-${run}`);
    const engine = engines[run % engines.length] as Engine;
    const delivery = plan.order === null ? random.pick(deliveries) : "parquet";
    const where = `seed ${fuzzSeed}, plan ${run}, as ${delivery}:\n${plan.log.join("\n")}`;
    const delivered = await deliver(engine, plan.rows, out, delivery, plan.columns).catch((error: unknown) => {
      throw new Error(where, { cause: error });
    });
    await duckdb.run(`CREATE OR REPLACE TABLE expected AS ${plan.sql}`);
    const columns = plan.columns.map(comparable).join(", ");
    const [place, wanted] = plan.order === null ? ["", ""] : [nth("filename, file_row_number"), nth(plan.order)];
    const found = `(SELECT ${columns}${place} FROM ${delivered})`;
    const expected = `(SELECT ${columns}${wanted} FROM expected)`;
    const differences = `SELECT (SELECT count(*) FROM (FROM ${found} EXCEPT ALL FROM ${expected})) AS extra,
      (SELECT count(*) FROM (FROM ${expected} EXCEPT ALL FROM ${found})) AS missing`;
    const [difference] = (await duckdb.runAndReadAll(differences)).getRowObjects();
    const sample = async (from: string, without: string) =>
      JSON.stringify((await duckdb.runAndReadAll(`FROM ${from} EXCEPT ALL FROM ${without} ORDER BY ALL LIMIT 2`)).getRowsJson());
    const samples =
      difference?.extra === 0n && difference.missing === 0n
        ? ""
        : `\nextra ${await sample(found, expected)}\nmissing ${await sample(expected, found)}`;
    expect(difference, where + samples).toEqual({ extra: 0n, missing: 0n });
    rmSync(out, { recursive: true, force: true });
  }
}, 300_000);
