import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { openRun } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** A process that is killed leaves no report; `report` then tells what the journal knows. */
const dist = resolve(import.meta.dirname, "../../dist/run");
let folder = "";

beforeAll(() => {
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
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

  it("has no page, and an unknown run stays an error", () => {
    const { runId } = openRun({ stateDir: join(folder, "state"), runId: runOf() }) ?? {};
    expect(report(String(runId), "--html").code).toBe(2);
    expect(report("20990101-nothing").code).toBe(2);
  });
});

function runOf(): string {
  const list = spawnSync(process.execPath, [join(dist, "cli.js"), "runs", "--json", "--state-dir", "state"], { cwd: folder });
  return (JSON.parse(String(list.stdout).split("\n")[0] ?? "") as { runId: string }).runId;
}
