import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import {
  alerts,
  check,
  count,
  Engine,
  openReport,
  openTelemetry,
  pastRuns,
  type RunReportData,
  type RunResult,
  read,
  sum,
} from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../support/chromium.js";

/** What a report says of a run, each figure computed again by plain DuckDB from the data, or from the report's own parts. */
const rows = 30_000;
const schema = { id: "int64", store: "utf8", quantity: "int32", price: "float64" } as const;

let folder = "";
let file = "";
let stateDir = "";
let out = "";
let engine: Engine;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
let result: RunResult;
let data: RunReportData;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-report-"));
  file = join(folder, "in.csv");
  stateDir = join(folder, "state");
  out = join(folder, "out");
  writeFileSync(file, text());
  engine = await Engine.create({ workers: 2, stateDir, partitionBytes: "64KiB" });
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(
    `create table raw as select * from read_csv('${file}', header = true, all_varchar = true);
     create table good as select id::bigint as id, store, quantity::int as quantity, price::double as price from raw where try_cast(quantity as int) is not null`,
  );
  for (let i = 0; i < 3; i++) result = await engine.run(job(), { job: "nightly", parameters: { date: "2026-01-31" } });
  data = result.report.data;
}, 180_000);

afterAll(async () => {
  await engine?.close();
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Every hundredth quantity is no number; stores are blank now and then. */
function text(): string {
  const lines = ["id,store,quantity,price"];
  for (let i = 0; i < rows; i++) {
    lines.push(`${i},${i % 50 === 7 ? "" : `s${i % 9}`},${i % 100 === 3 ? "many" : (i * 7) % 12},${(i % 977) / 4}`);
  }
  return `${lines.join("\n")}\n`;
}

const job = (to = out) =>
  read
    .csv(file, { schema, onReject: "quarantine" })
    .expect(check.notNull("store"), check.between("quantity", { min: 0, max: 9 }), check.unique("id"))
    .filter((c) => c.quantity.gt(2))
    .groupBy("store")
    .agg((c) => ({ revenue: sum(c.price.mul(c.quantity)), sales: count() }))
    .write.parquet(to, { mode: "overwrite" });

async function number(sql: string): Promise<number> {
  const reader = await duckdb.runAndReadAll(sql);
  return Number(reader.getRows()[0]?.[0]);
}

describe("what a report counts", () => {
  it("agrees with the data", async () => {
    const { execution } = data;
    const [all, bad] = [
      await number("select count(*) from raw"),
      await number("select count(*) from raw where try_cast(quantity as int) is null"),
    ];
    expect(all).toBe(rows);
    expect(bad).toBeGreaterThan(0);
    expect(execution.recordsRead).toBe(all);
    expect(execution.recordsFailed).toBe(bad);
    expect(execution.rejects).toMatchObject({
      count: bad,
      byCode: { CAST_FAILED: bad },
      byColumn: { quantity: bad },
      byFile: { [file]: bad },
    });
    expect(execution.successRate).toBeCloseTo((100 * (all - bad)) / all, 10);
    expect(data.status).toBe("partial");
    expect(execution.recordsFiltered).toBe(await number("select count(*) from good where not coalesce(quantity > 2, false)"));
  });

  it("agrees with what was written", async () => {
    const [output] = data.execution.outputs;
    const written = await number(`select count(*) from read_parquet('${out}/**/*.parquet')`);
    expect(written).toBe(await number("select count(distinct coalesce(store, '')) from good where quantity > 2"));
    expect(data.execution.recordsWritten).toBe(written);
    expect(output).toMatchObject({ path: out, format: "parquet", mode: "overwrite", rows: written });
    expect(output?.bytes).toBe((output?.files ?? []).reduce((bytes, one) => bytes + statSync(join(out, one.path)).size, 0));
  });

  it("agrees with what was read", () => {
    const { inputs } = data.execution;
    expect(inputs).toEqual([{ path: file, bytes: statSync(file).size, modifiedMs: statSync(file).mtimeMs }]);
    const [scan] = data.execution.stages;
    expect(scan?.partitions).toBeGreaterThan(4);
    expect(scan?.tasks.map((task) => task.partition)).toEqual(Array.from({ length: scan?.partitions ?? 0 }, (_, i) => i));
    // The header belongs to the first.
    expect(scan?.tasks.reduce((all, task) => all + task.bytes, 0)).toBe(statSync(file).size);
    expect(scan?.tasks.reduce((all, task) => all + task.records, 0)).toBe(rows);
    expect(scan?.tasks.reduce((all, task) => all + task.failed, 0)).toBe(data.execution.recordsFailed);
    expect(scan?.estimatedRecords).toBeGreaterThanOrEqual(rows);
  });

  it("scores quality by records", async () => {
    const failing = [
      await number("select count(*) from good where store is null"),
      await number("select count(*) from good where not (quantity between 0 and 9)"),
      await number("select count(*) - count(distinct id) from good"),
    ];
    const total = await number("select count(*) from good");
    expect(data.quality?.checks.map(({ failed }) => failed)).toEqual(failing);
    expect(data.quality?.score).toBeCloseTo(100 - (100 * failing.reduce((a, b) => a + b)) / (3 * total), 10);
  });

  it("is consistent within itself", () => {
    const { execution, performance } = data;
    expect(Date.parse(execution.end) - Date.parse(execution.start)).toBe(execution.durationMs);
    expect(performance.recordsPerSecond).toBeCloseTo((1000 * execution.recordsRead) / execution.durationMs, 6);
    expect(performance.slowestStage).toBe([...execution.stages].sort((a, b) => b.durationMs - a.durationMs)[0]?.label);
    for (const stage of execution.stages) {
      expect(stage.shareOfTotal).toBeCloseTo(stage.durationMs / execution.durationMs, 10);
      expect(stage.startMs + stage.durationMs).toBeLessThanOrEqual(execution.durationMs);
      expect(stage.recordsPerSecond).toBeCloseTo((1000 * stage.recordsIn) / Math.max(1, stage.durationMs), 6);
      for (const task of stage.tasks) expect(task.startMs).toBeGreaterThanOrEqual(stage.startMs - 1);
    }
    expect(execution.phases.map(({ name }) => name)).toEqual(["prepare", "publish"]);
    expect(execution.parameters).toEqual({ date: "2026-01-31" });
    expect(Object.keys(execution.versions)).toEqual(expect.arrayContaining(["millrace", "node", "@duckdb/node-api"]));
  });

  it("leads from the input to the output and to the checks", () => {
    const { flow } = data.execution;
    const reached = new Set(
      flow.filter((stage) => stage.sources.some((source) => source.paths.includes(file))).map(({ id }) => id),
    );
    for (const stage of flow) if (stage.reads.some((id) => reached.has(id))) reached.add(stage.id);
    const ends = flow.filter(({ id }) => reached.has(id));
    expect(ends.flatMap(({ outputs }) => outputs)).toEqual([0]);
    expect(ends.some(({ checks }) => checks)).toBe(true);
  });
});

describe("history", () => {
  it("remembers every run, and compares with the average of those before", () => {
    const past = pastRuns({ stateDir, job: "nightly" });
    expect(past).toHaveLength(3);
    expect(past[0]).toMatchObject({
      runId: result.runId,
      status: "partial",
      recordsRead: rows,
      recordsFailed: data.execution.recordsFailed,
    });
    const { comparison } = data.performance;
    const earlier = past.slice(1).map(({ durationMs }) => durationMs);
    const usual = earlier.reduce((a, b) => a + b) / earlier.length;
    expect(comparison?.runs).toBe(2);
    expect(comparison?.durationMs.usual).toBeCloseTo(usual, 10);
    expect(comparison?.durationMs.changePercent).toBeCloseTo((100 * (data.execution.durationMs - usual)) / usual, 8);
    expect(comparison?.recordsRead).toEqual({ now: rows, usual: rows, changePercent: 0 });
  });

  it("opens the report of any run as it was", async () => {
    const opened = await openReport({ stateDir, runId: result.runId });
    expect(JSON.parse(JSON.stringify(opened))).toEqual(JSON.parse(JSON.stringify(result.report)));
    expect(opened.toHtml()).toBe(result.report.toHtml());
    await expect(openReport({ stateDir, runId: `${result.runId}x` })).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
      hint: expect.stringContaining(result.runId),
    });
  });

  it("remembers runs that failed, and leaves them out of what is usual", async () => {
    const own = join(folder, "own-state");
    await using short = await Engine.create({ workers: 1, stateDir: own });
    const wrong = read.csv(file, { schema }).write.csv(join(folder, "never.csv"));
    await expect(short.run(wrong, { job: "strict" }).result).rejects.toMatchObject({ code: "CAST_FAILED" });
    const good = read.csv(file, { schema, onReject: "skip" }).write.csv(join(folder, "some.csv"), { mode: "overwrite" });
    const first = await short.run(good, { job: "strict" });
    expect(first.report.data.performance.comparison).toBeNull();
    expect(pastRuns({ stateDir: own }).map(({ status, errorCode }) => [status, errorCode])).toEqual([
      ["partial", null],
      ["failed", "CAST_FAILED"],
    ]);
  });

  it("is not kept when it is switched off", async () => {
    const none = join(folder, "no-history");
    await using silent = await Engine.create({ workers: 1, stateDir: none, history: false });
    await silent.run(read.rows([{ a: 1 }]).write.csv(join(folder, "one.csv")));
    expect(existsSync(join(none, "history"))).toBe(false);
  });

  it("refuses options that make no sense", async () => {
    await expect(Engine.create({ history: { keepDays: 0 } })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(Engine.create({ history: { keep: 1 } as object })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
  });

  it("never fails a run", async () => {
    const blocked = join(folder, "blocked");
    await using one = await Engine.create({ workers: 1, stateDir: blocked });
    writeFileSync(join(blocked.replace(/blocked$/, ""), "marker"), "");
    const plan = () => read.rows([{ a: 1 }]).write.csv(join(folder, "blocked.csv"), { mode: "overwrite" });
    await one.run(plan());
    rmSync(join(blocked, "history"), { recursive: true });
    writeFileSync(join(blocked, "history"), "a file where a folder should be");
    const warnings: string[] = [];
    const listen = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", listen);
    expect((await one.run(plan())).status).toBe("success");
    await new Promise((done) => setImmediate(done));
    process.off("warning", listen);
    expect(warnings.some((message) => message.includes("history of runs"))).toBe(true);
  });
});

describe("observers", () => {
  it("are told of a run's beginning, progress and end, before its result is there", async () => {
    const told: string[] = [];
    const observer = {
      name: "test",
      started: () => void told.push("started"),
      progress: () => void (told.at(-1) === "progress" || told.push("progress")),
      finished: async () => {
        await new Promise((done) => setTimeout(done, 20));
        told.push("finished");
      },
    };
    await using watched = await Engine.create({ workers: 1, stateDir, observers: [observer] });
    await watched.run(job(join(folder, "watched")), { job: "watched" });
    expect(told).toEqual(["started", "progress", "finished"]);
  });

  it("never fail a run, and hear of failed ones", async () => {
    const sent: string[] = [];
    const broken = {
      name: "broken",
      started: () => {
        throw new Error("no");
      },
      finished: () => Promise.reject(new Error("no")),
    };
    const handlers = [
      {
        name: "test",
        send: ({ violations }: { violations: readonly { code: string }[] }) =>
          void sent.push(...violations.map(({ code }) => code)),
      },
    ];
    await using watched = await Engine.create({ workers: 1, stateDir, observers: [broken, alerts({ handlers })] });
    expect((await watched.run(read.rows([{ a: 1 }]).write.csv(join(folder, "two.csv")))).status).toBe("success");
    await expect(watched.run(read.csv(file, { schema }).write.csv(join(folder, "no.csv"))).result).rejects.toThrow();
    expect(sent[0]).toBe("run-failed");
  });

  it("include OpenTelemetry's API as it is", async () => {
    const named = new Set<string>();
    const instrument = (name: string) => ({ add: () => void named.add(name), record: () => void named.add(name) });
    const meter = {
      createCounter: instrument,
      createUpDownCounter: instrument,
      createHistogram: instrument,
      createGauge: instrument,
    };
    const span = {
      setAttributes: () => undefined,
      setStatus: () => undefined,
      recordException: () => undefined,
      end: () => undefined,
    };
    const startSpan = (name: string) => {
      named.add(name);
      return span;
    };
    const tracer = { startSpan };
    const api = {
      metrics: { getMeter: () => meter },
      trace: { getTracer: () => tracer, setSpan: (context: object) => context },
      context: { active: () => ({}) },
    };
    await using watched = await Engine.create({ workers: 1, stateDir, observers: [openTelemetry<object>(api)] });
    await watched.run(read.rows([{ a: 1 }]).write.csv(join(folder, "three.csv")), { job: "traced" });
    expect([...named]).toEqual(expect.arrayContaining(["batch_jobs_running", "batch_job_duration_seconds", "batch_job.traced"]));
  });
});

describe("the command line", () => {
  const cli = resolve(import.meta.dirname, "../../dist/run/cli.js");
  const millrace = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, "--state-dir", stateDir], { encoding: "utf8" });
    return { status, stdout, stderr };
  };

  it("lists runs, latest first", () => {
    const { stdout, status } = millrace("runs", "--job", "nightly", "--limit", "2");
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(new RegExp(`^${result.runId} +nightly +partial `));
    const [first] = millrace("runs", "--job", "nightly", "--json").stdout.split("\n");
    expect(JSON.parse(first ?? "")).toMatchObject({ schemaVersion: 1, kind: "run", runId: result.runId, recordsRead: rows });
  });

  it("shows a report in every form", () => {
    expect(millrace("report", result.runId).stdout).toBe(result.report.toText());
    expect(millrace("report", result.runId.slice(-8), "--html").stdout).toBe(result.report.toHtml());
    expect(JSON.parse(millrace("report", result.runId, "--json").stdout)).toMatchObject({
      runId: result.runId,
      schemaVersion: 1,
    });
    expect(millrace("report", result.runId, "--prometheus").stdout).toBe(result.report.toPrometheus());
    const page = join(folder, "page.html");
    expect(millrace("report", result.runId, "--out", page).stdout).toBe("");
    expect(readFileSync(page, "utf8")).toBe(result.report.toHtml());
  });

  it("compares two runs", () => {
    const [, earlier] = pastRuns({ stateDir, job: "nightly" });
    const { stdout } = millrace("runs", "diff", earlier?.runId ?? "", result.runId);
    expect(stdout).toMatch(/the same plan/);
    expect(stdout).toContain(`the same bytes: ${out}`);
  });

  it("says what is wrong", () => {
    expect(millrace("report", "nope")).toMatchObject({ status: 2, stderr: expect.stringContaining("RUN_NOT_FOUND") });
    expect(millrace("report", "--html", "--json")).toMatchObject({ status: 2 });
    expect(millrace("runs", "diff")).toMatchObject({ status: 2 });
    expect(millrace("runs", "dif")).toMatchObject({ status: 2 });
  });
});

/** The page in a real browser. */
const browser = findBrowser();

describe.skipIf(browser === null)("the page in a browser", () => {
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    `--user-data-dir=${join(tmpdir(), "millrace-chromium")}`,
  ];

  it("is taken as it was written: no script, nothing blocked, every drawing there", () => {
    const page = join(folder, "browser.html");
    writeFileSync(page, result.report.toHtml());
    const dom = execFileSync(browser ?? "", [...flags, "--dump-dom", `file://${page}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(dom).not.toContain("<script");
    const drawings = (text: string) => [...text.matchAll(/<svg /g)].length;
    expect(drawings(dom)).toBe(drawings(result.report.toHtml()));
    expect(dom).toContain("Finished with rejects");
  }, 180_000);

  it.each([
    ["wide", "1120,2400"],
    ["narrow", "390,2400"],
    ["dark", "1120,2400", "--blink-settings=preferredColorScheme=0"],
  ])(
    "can be drawn %s",
    (name, size, ...more) => {
      const page = join(folder, "browser.html");
      writeFileSync(page, result.report.toHtml());
      const image = join(folder, `${name}.png`);
      execFileSync(browser ?? "", [...flags, ...more, `--window-size=${size}`, `--screenshot=${image}`, `file://${page}`], {
        stdio: "ignore",
      });
      // A blank page packs into a few kilobytes.
      expect(statSync(image).size).toBeGreaterThan(30_000);
    },
    60_000,
  );

  it("has nothing cut off on a sheet of A4", () => {
    const count = `[...document.querySelectorAll("table, svg, p, dd")].filter((one) => one.getBoundingClientRect().right > innerWidth).length`;
    const paper = result.report
      .toHtml()
      .replace("@media print{", "@media all{")
      .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "")
      .replace("</body>", `<script>document.title = "cut off: " + ${count}</script></body>`);
    const page = join(folder, "paper.html");
    writeFileSync(page, paper);
    // 210 mm less two margins of 12 mm, at 96 dots an inch.
    const dom = execFileSync(browser ?? "", [...flags, "--window-size=703,1000", "--dump-dom", `file://${page}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(dom).toContain("<title>cut off: 0</title>");
  }, 180_000);
});
