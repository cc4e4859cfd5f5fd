import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { Engine, type EngineOptions } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deliver, deliveries } from "./planSinks.js";
import { planOf } from "./planSteps.js";
import { quoted, type TestColumn } from "./planTables.js";
import { fuzzSeed, randomFrom } from "./random.js";

/**
 * Random plans over random tables of some ten thousand rows, so that every operator sees several partitions, against plain DuckDB.
 * `MILLRACE_PROPERTY_SEED` and `MILLRACE_FIRST_PLAN` repeat a failure; `MILLRACE_PLANS` looks longer.
 */
const plans = Number(process.env.MILLRACE_PLANS ?? 25);
const firstPlan = Number(process.env.MILLRACE_FIRST_PLAN ?? 0);
const rows = 15_000;

const folder = mkdtempSync(join(tmpdir(), "millrace-plans-"));
/** Pairs that differ in what may not change a byte of an output. */
const settings = [
  [{ partitionBytes: 200_000 }, { workers: 2 }, { workers: 1, memory: "450MB" }],
  [{}, { workers: 1, memory: "600MB" }, { workers: 2 }],
  [{ partitionBytes: 50_000, broadcastBytes: 0 }, { workers: 2, memory: "400MB" }, { workers: 3 }],
] as const;
let engines: readonly (readonly [Engine, Engine])[] = [];
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  const stateDir = join(folder, "state");
  const make = (...options: readonly EngineOptions[]) => Engine.create(Object.assign({ stateDir }, ...options));
  engines = await Promise.all(
    settings.map(async ([both, one, other]) => [await make(both, one), await make(both, other)] as const),
  );
  // Without it, what DuckDB gives for a limit below a join depends on timing.
  instance = await DuckDBInstance.create(":memory:", { disabled_optimizers: "join_filter_pushdown" });
  duckdb = await instance.connect();
});

afterAll(async () => {
  await Promise.all(engines.flat().map((engine) => engine.close()));
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows of a table, numbered in an order of their own values where the plan gives none; doubles come last, short at first, for they may differ. */
function numbered(table: string, columns: readonly TestColumn[], order: string | null): string {
  const names = (floats: boolean) =>
    columns.filter(({ type }) => (type === "float64") === floats).map(({ name }) => quoted(name));
  const own = [...names(false), ...names(true).map((name) => `printf('%.5e', ${name})`), ...names(true)].join(", ");
  return `(SELECT ${columns.map(({ name }) => quoted(name)).join(", ")}, row_number() OVER (ORDER BY ${order ?? own}) AS nth_row FROM ${table})`;
}

/** The values differ; doubles by more than DuckDB's own sums do from run to run. */
function differs({ name, type }: TestColumn): string {
  const [f, e] = [`f.${quoted(name)}`, `e.${quoted(name)}`];
  const far = `${f} IS DISTINCT FROM ${e}`;
  if (type !== "float64") return far;
  return `(${far} AND coalesce(abs(${f} - ${e}) > 1e-7 AND abs(${f} - ${e}) > 1e-9 * greatest(abs(${f}), abs(${e})), true))`;
}

/** Name and checksum of each file; nothing where rows went to the program. */
const filesIn = (path: string): readonly string[] =>
  existsSync(path)
    ? readdirSync(path)
        .filter((name) => name.startsWith("part-"))
        .map((name) => `${name} ${crc32(readFileSync(join(path, name)))}`)
    : [];

it(
  `gives what DuckDB gives for ${plans} random plans`,
  async () => {
    for (let run = firstPlan; run < firstPlan + plans; run++) {
      const random = randomFrom(fuzzSeed, run);
      const inputs = join(folder, `in-${run}`);
      mkdirSync(inputs);
      const plan = await planOf(duckdb, random, inputs, rows);
      const out = join(folder, `out-${run}`);
      const [engine, twin] = engines[run % engines.length] as readonly [Engine, Engine];
      const delivery = plan.order === null ? random.pick(deliveries) : "parquet";
      const where = `seed ${fuzzSeed}, plan ${run}, as ${delivery}:\n${plan.log.join("\n")}`;
      const attempt = (by: Engine, to: string) =>
        deliver(by, plan.rows, to, delivery, plan.columns).catch((error: unknown) => {
          throw new Error(where, { cause: error });
        });
      const delivered = await attempt(engine, out);
      if (random.chance(0.3)) {
        await attempt(twin, `${out}-twin`);
        expect(filesIn(`${out}-twin`), `other bytes with other settings: ${where}`).toEqual(filesIn(out));
        rmSync(`${out}-twin`, { recursive: true, force: true });
      }
      await duckdb.run(`CREATE OR REPLACE TABLE expected AS ${plan.sql}`);
      const found = numbered(delivered, plan.columns, plan.order === null ? null : "filename, file_row_number");
      const expected = numbered("expected", plan.columns, plan.order);
      const different = plan.columns.map(differs).join(" OR ");
      const result = await duckdb.runAndReadAll(
        `SELECT f, e FROM ${found} f FULL JOIN ${expected} e ON f.nth_row = e.nth_row WHERE f.nth_row IS NULL OR e.nth_row IS NULL OR ${different} LIMIT 2`,
      );
      expect(result.getRowsJson(), where).toEqual([]);
      for (const path of [out, inputs]) rmSync(path, { recursive: true, force: true });
    }
  },
  60_000 + plans * 12_000,
);
