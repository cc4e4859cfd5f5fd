import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { check, Engine, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import "../support/properties.js";

/** Checks of drift over runs of random data: DuckDB computes each run's figures, and the verdicts follow from those of the accepted runs. */
let folder = "";
let instance: DuckDBInstance;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-drift-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
});
afterAll(() => {
  instance.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

const schema = { v: "float64" } as const;
const figures = {
  mean: "avg(v)",
  stddev: "stddev(v)",
  distinctCount: "count(DISTINCT v)",
  nullRate: "1 - count(v) / count(*)",
  sum: "sum(v)",
} as const;
type Figure = keyof typeof figures;
const within = 0.15;

function write(name: string, seed: number): string {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const level = 50 + 40 * random() * random();
  const nulls = 0.1 + 0.02 * random();
  const rows = Array.from({ length: 500 }, () => (random() < nulls ? '""' : (level * (0.5 + random())).toFixed(1)));
  const file = join(folder, name);
  writeFileSync(file, `v\n${rows.join("\n")}\n`);
  return file;
}

async function figure(file: string, sql: string): Promise<number> {
  const duckdb = await instance.connect();
  const rows = await duckdb.runAndReadAll(
    `SELECT CAST(${sql} AS DOUBLE) FROM read_csv('${file}', columns = {'v': 'DOUBLE'}, header = true, null_padding = true)`,
  );
  duckdb.closeSync();
  return Number(rows.getRows()[0]?.[0]);
}

/** A figure of a few values; null where there is none. */
async function computed(cells: readonly (string | null)[], sql: string): Promise<number | null> {
  const duckdb = await instance.connect();
  const list = cells.map((text) => (text === null ? "NULL" : `'${text}'`)).join(", ");
  // A sum of rounded parts, as of whole numbers and halves, is exact. The spread of infinite values is no number.
  const infinite = cells.some((text) => text === "NaN" || text === "inf");
  const spread = sql.startsWith("stddev") && infinite;
  if (spread) return Number.NaN;
  const rate = sql.startsWith("1 -") ? "coalesce(1 - count(v) / nullif(count(*), 0), 0)" : sql;
  const rows = await duckdb.runAndReadAll(
    `SELECT CAST(${rate} AS DOUBLE) FROM (SELECT CAST(unnest(CAST([${list}] AS VARCHAR[])) AS DOUBLE) AS v)`,
  );
  duckdb.closeSync();
  const figure = rows.getRows()[0]?.[0];
  return figure === null || figure === undefined ? null : Number(figure);
}

describe("drift", () => {
  it.each(Object.keys(figures) as Figure[])(
    "%s: judged against the mean of the accepted runs before",
    async (name) => {
      await using engine = await Engine.create({ workers: 1, stateDir: join(folder, `state-${name}`) });
      const accepted: number[] = [];
      const verdicts: string[] = [];
      for (let run = 0; run < 9; run++) {
        const file = write(`${name}-${run}.csv`, 7919 * run + name.length);
        const now = await figure(file, figures[name]);
        const last = accepted.slice(-4);
        const usual = last.reduce((sum, value) => sum + value, 0) / last.length;
        const expected = last.length < 2 || Math.abs(now - usual) <= within * usual ? "passed" : "failed";
        const plan = read
          .csv(file, { schema })
          .expect(check.drift("v", { figure: name, within, runs: 4, atLeast: 2 }))
          .write.csv(join(folder, "out"), { mode: "overwrite" });
        const { report } = await engine.run(plan, { job: "drifting" }).result;
        const [result] = report.quality?.checks ?? [];
        expect(result).toMatchObject({ kind: "drift", dimension: "distribution", total: 1, verdict: expected });
        expect(result?.figure).toBeCloseTo(now, 9);
        if (expected === "passed") accepted.push(now);
        verdicts.push(expected);
      }
      expect(verdicts.slice(0, 2)).toEqual(["passed", "passed"]);
    },
    60_000,
  );

  it("random runs: nulls, NaN, infinities, no rows, any figure and options", async () => {
    const kinds = { ...figures, min: "min(v)", max: "max(v)" } as const;
    const cell = fc.option(fc.constantFrom("1", "1.5", "2", "-3", "0", "NaN", "inf", "100"), { freq: 5 });
    const runs = fc.array(fc.array(cell, { maxLength: 6 }), { minLength: 3, maxLength: 7 });
    const given = fc.record({
      figure: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
      within: fc.constantFrom(0, 0.1, 0.5, 2),
      runs: fc.integer({ min: 1, max: 4 }),
      atLeast: fc.integer({ min: 1, max: 3 }),
    });
    await using engine = await Engine.create({ workers: 1, stateDir: join(folder, "state-random") });
    let job = 0;
    const property = fc.asyncProperty(runs, given, async (tables, options) => {
      const accepted: number[] = [];
      job++;
      for (const cells of tables) {
        const file = join(folder, "random.csv");
        writeFileSync(file, `v\n${cells.map((text) => `${text ?? '""'}\n`).join("")}`);
        const now = await computed(cells, kinds[options.figure]);
        const last = accepted.slice(-options.runs);
        const usual = last.reduce((sum, value) => sum + value, 0) / last.length;
        const known = last.length >= options.atLeast;
        const near = now === usual || Math.abs((now ?? Number.NaN) - usual) <= options.within * Math.abs(usual);
        const expected = now === null || (known && !near) ? "failed" : "passed";
        const plan = read
          .csv(file, { schema })
          .expect(check.drift("v", options))
          .write.csv(join(folder, "out"), { mode: "overwrite" });
        const { report } = await engine.run(plan, { job: `random-${job}` }).result;
        const result = report.quality?.checks[0];
        expect([cells, options, last, now, result?.verdict]).toEqual([cells, options, last, now, expected]);
        if (now !== null && Number.isFinite(now)) expect(result?.figure).toBeCloseTo(now, 9);
        // What is no number is nothing that others could be near to.
        if (expected === "passed" && result?.figure !== undefined) accepted.push(result.figure);
      }
    });
    await fc.assert(property, { numRuns: 25 });
  }, 360_000);

  it("holds where there is no history, and can stop a run", async () => {
    const [low, high] = [join(folder, "low.csv"), join(folder, "high.csv")];
    writeFileSync(low, "v\n1\n3\n");
    writeFileSync(high, "v\n10\n30\n");
    const plan = (file: string) =>
      read
        .csv(file, { schema })
        .expect(check.drift("v", { within: 0.5, action: "fail" }))
        .write.csv(join(folder, "stopped"), { mode: "overwrite" });
    await using forgetful = await Engine.create({ workers: 1, stateDir: join(folder, "none"), history: false });
    for (const file of [low, high]) expect((await forgetful.run(plan(file), { job: "a" }).result).status).toBe("success");
    await using engine = await Engine.create({ workers: 1, stateDir: join(folder, "some") });
    await engine.run(plan(low), { job: "a" }).result;
    await expect(engine.run(plan(high), { job: "a" }).result).rejects.toMatchObject({
      code: "CHECK_FAILED",
      message: expect.stringContaining("20.0, usual 2 (1 run) (expected within 50 % of the usual mean)"),
    });
    // What failed did not become usual.
    await expect(engine.run(plan(high), { job: "a" }).result).rejects.toMatchObject({ code: "CHECK_FAILED" });
    expect((await engine.run(plan(high), { job: "another" }).result).status).toBe("success");
  });

  it("asks for a share", () => {
    expect(() => check.drift("v", { within: -1 })).toThrow(/"within": expected a share of at least 0, found the number -1/);
    expect(() => check.onTime("v", { arrived: "w", within: "soon" })).toThrow(/within/);
  });
});
