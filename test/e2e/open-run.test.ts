import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { openRun, openRunReport } from "millrace";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** A process that is killed leaves no report; `report` then tells what the journal knows. */
const dist = resolve(import.meta.dirname, "../../dist/run");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-open-run-"));
  writeFileSync(join(folder, "in.csv"), `id\n${Array.from({ length: 4_000 }, (_, n) => 1_000_000 + n).join("\n")}\n`);
  writeFileSync(
    join(folder, "job.mjs"),
    `import { Engine, read } from ${JSON.stringify(pathToFileURL(join(dist, "index.js")).href)};
const engine = await Engine.create({ workers: 1, stateDir: "state", partitionBytes: 8_000 });
await engine.run(read.csv("in.csv", { schema: { id: "int64" } }).write.csv("out"), { job: "cut" });
await engine.close();
`,
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function killedAt(point: string): void {
  const env = { ...process.env, MILLRACE_KILL_AT: point };
  const { signal, stderr } = spawnSync(process.execPath, ["job.mjs"], { cwd: folder, env, encoding: "utf8" });
  expect(signal, stderr).toBe("SIGKILL");
}

function report(...args: string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const cli = [join(dist, "cli.js"), "report", ...args, "--state-dir", "state"];
  const { status, stdout, stderr } = spawnSync(process.execPath, cli, { cwd: folder, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

describe("the report of a run that was killed", () => {
  it("says what is done, what is missing and how to go on", () => {
    killedAt("task-done:2");
    expect(openRun({ stateDir: join(folder, "state"), runId: "" })).toBeNull();
    const runId = runOf();
    const { code, out, err } = report(runId.slice(-6));
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toContain(`Run ${runId} of cut was cut off; it has no report yet.`);
    expect(out).toMatch(/done {6}stage \d+: \d tasks?, [\d,]+ records read/);
    expect(out).toContain(`nothing was published to ${join(folder, "out")}`);
    expect(out).toContain(`engine.run(plan, { resume: "${runId}" })`);
    const found = JSON.parse(report(runId, "--json").out) as { stages: { tasks: number; recordsRead: number }[]; done: number };
    expect(found).toMatchObject({ schemaVersion: 1, kind: "open-run", runId, state: "unfinished", staged: false, published: [] });
    // Partitions of 8,000 bytes hold 1,000 records of eight.
    const [stage] = found.stages;
    expect(stage?.tasks).toBe(found.done);
    expect(Math.abs((stage?.recordsRead ?? 0) - 1_000 * (stage?.tasks ?? 0))).toBeLessThanOrEqual(1);
  });

  it("is a page and Prometheus' text too; an unknown run stays an error", () => {
    killedAt("task-done:2");
    const runId = runOf();
    const page = report(runId, "--html", "--out", "page.html");
    expect(page).toMatchObject({ code: 0, err: "" });
    const html = readFileSync(join(folder, "page.html"), "utf8");
    expect(html).toContain("RUN_CUT_OFF");
    expect(html).toContain("nothing was published");
    expect(html).not.toContain("<script");
    expect(report(runId, "--prometheus").out).toContain("batch_job_records_processed_total");
    expect(report("20990101-nothing").code).toBe(2);
  });

  it("counts what its finished partitions hold, as DuckDB does", async () => {
    killedAt("task-done:2");
    const runId = runOf();
    const stateDir = join(folder, "state");
    const { data } = (await openRunReport({ stateDir, runId })) ?? {};
    const [stage] = data?.execution.stages ?? [];
    expect(data).toMatchObject({ job: "cut", runId, status: "failed", quality: null });
    expect(stage?.partitions).toBe(openRun({ stateDir, runId })?.done);
    // Ids grow by one from line to line, and every line has eight bytes.
    const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
    const rows = async (from: number, to: number) => {
      const query = `SELECT count(*) FROM read_csv('${join(folder, "in.csv")}') WHERE 3 + 8 * (id - 1000000) >= ${from} AND 3 + 8 * (id - 1000000) < ${to}`;
      return Number((await duckdb.runAndReadAll(query)).getRows()[0]?.[0]);
    };
    for (const { partition, records } of stage?.tasks ?? [])
      expect(records).toBe(await rows(8_000 * partition, 8_000 * (partition + 1)));
    const all = (stage?.tasks ?? []).reduce((sum, { records }) => sum + records, 0);
    expect(data?.execution.recordsRead).toBe(all);
    expect(stage).toMatchObject({ recordsRead: all, recordsOut: all, failed: 0 });
    duckdb.closeSync();
  });

  it("has the figures of the whole run where only the publishing is missing", async () => {
    killedAt("publishing");
    const runId = runOf();
    const { data } = (await openRunReport({ stateDir: join(folder, "state"), runId })) ?? {};
    expect(data?.execution).toMatchObject({ recordsRead: 4_000, outputs: [], recordsWritten: 0 });
    expect(data?.execution.stages[0]?.steps.length).toBeGreaterThan(0);
    expect(data?.execution.error?.message).toContain("nothing was published");
  });
});

function runOf(): string {
  const list = spawnSync(process.execPath, [join(dist, "cli.js"), "runs", "--json", "--state-dir", "state"], { cwd: folder });
  return (JSON.parse(String(list.stdout).split("\n")[0] ?? "") as { runId: string }).runId;
}
