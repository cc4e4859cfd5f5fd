import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { listRuns } from "millrace";
import { afterAll, beforeEach, describe, expect, it } from "vitest";

/** Processes that are killed while they publish, and what the next one makes of it: all of it is published, once, and nothing is left over. */
const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
const root = mkdtempSync(join(tmpdir(), "millrace-publish-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const job = `
import { Engine, plan, read } from ${JSON.stringify(index)};
const [name, base, resume, state] = process.argv.slice(2);
const rows = (file) => read.csv(base + "/" + file, { schema: { id: "int64", n: "int32" }, onReject: "quarantine" });
const log = (file) => rows(file).write.jsonl(base + "/out/log", { mode: "append" });
const plans = {
  two: () => plan.all(rows("a.csv").write.csv(base + "/out/copy.csv"), log("a.csv")),
  log: () => log("b.csv"),
  table: () => rows("a.csv").write.duckdb(base + "/out/a.duckdb", { table: "t" }),
};
const engine = await Engine.create({ workers: 1, memory: "256MB", stateDir: base + "/" + state, partitionBytes: 500 });
try {
  const { status, runId, report, rejects } = await engine.run(plans[name](), { job: name, resume: resume === "no" ? false : resume });
  console.log(JSON.stringify({ status, runId, resumed: report.data.execution.resume !== undefined, rejects: rejects.count }));
} finally {
  await engine.close();
}
`;

let base = "";
let cases = 0;
beforeEach(() => {
  base = join(root, `case-${cases++}`);
  mkdirSync(join(base, "out"), { recursive: true });
  writeFileSync(join(base, "job.mjs"), job);
  const lines = (from: number) => Array.from({ length: 300 }, (_, i) => `${from + i},${i % 50 === 7 ? "bad" : i}`);
  writeFileSync(join(base, "a.csv"), `id,n\n${lines(0).join("\n")}\n`);
  writeFileSync(join(base, "b.csv"), `id,n\n${lines(10_000).join("\n")}\n`);
});

interface How {
  readonly resume?: string;
  readonly killAt?: string;
  readonly state?: string;
}

function run(name: string, { resume = "no", killAt, state = "state" }: How = {}) {
  const env = { ...process.env, ...(killAt === undefined ? {} : { MILLRACE_KILL_AT: killAt }) };
  const args = [join(base, "job.mjs"), name, base, resume, state];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  if (killAt !== undefined) expect(signal, stderr).toBe("SIGKILL");
  else expect(stderr).toBe("");
  return stdout === ""
    ? null
    : (JSON.parse(stdout) as { readonly status: string; readonly runId: string; readonly resumed: boolean });
}

const everything = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const latestRun = (state = "state"): string =>
  readdirSync(join(base, state, "runs"))
    .sort()
    .at(-1) ?? "";
const good = 300 - 6;

function idsInLog(): number[] {
  const folder = join(base, "out/log");
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"));
  return lines.map((line) => (JSON.parse(line) as { id: number }).id).sort((a, b) => a - b);
}

describe("a run that was killed while it published, resumed", () => {
  it("just before its staging's own folder went: removes that too", () => {
    run("log", { killAt: "staging-removed:1" });
    expect(existsSync(join(base, "out/.millrace"))).toBe(true);
    expect(run("log", { resume: latestRun() })).toMatchObject({ status: "partial" });
    expect(existsSync(join(base, "out/.millrace"))).toBe(false);
  });

  it.each(["publishing:1", "rename:1", "publish:1", "publish:2"])(
    "%s: has its report, and no reject of a task is left",
    (killAt) => {
      run("two", { killAt });
      const runId = latestRun();
      expect(run("two", { resume: runId })).toMatchObject({ status: "partial", runId, resumed: true });
      const files = everything(join(base, "state/runs", runId));
      expect(files.filter((file) => file.endsWith(".blocks") || file.startsWith("scratch"))).toEqual([]);
      expect(files).toContain("report.json");
      const report = JSON.parse(readFileSync(join(base, "state/runs", runId, "report.json"), "utf8")) as {
        execution: { recordsWritten: number; resume: { earlierProcesses: number } };
      };
      expect(report.execution).toMatchObject({ resume: { earlierProcesses: 1 } });
      expect(idsInLog()).toHaveLength(good);
    },
  );

  it("does not fail any more once all is published: nobody would know that it was", () => {
    run("log", { killAt: "publishing:1" });
    const runId = latestRun();
    // What cannot be read, whatever the reason.
    const rejects = join(base, "state/runs", runId, "rejects/index.json");
    rmSync(rejects);
    mkdirSync(rejects);
    expect(run("log", { resume: "auto" })).toMatchObject({ status: "partial", runId, rejects: 6 });
    expect(idsInLog()).toHaveLength(good);
  });

  it("leaves no database that was in the making", () => {
    run("table", { killAt: "table-filled:1" });
    const runId = latestRun();
    expect(everything(join(base, "out"))).toEqual([expect.stringMatching(/^\.a\.duckdb\..*staged$/)]);
    expect(run("table", { resume: runId })).toMatchObject({ runId });
    expect(everything(join(base, "out"))).toEqual(["a.duckdb"]);
  });

  it("leaves nothing of a lock that was taken", () => {
    run("table", { killAt: "locked:1" });
    const runId = latestRun();
    run("table", { resume: runId });
    expect(everything(join(base, "state/runs", runId, "owners"))).toEqual(["000001.json", "000002.json"]);
  });
});

describe("a run that was killed between its targets", () => {
  it.each([
    ["publish:1", "state"],
    ["publishing:1", "state"],
    ["intent:2", "state"],
    ["publish:1", "another"],
  ])("%s: is published to its end before a later run writes to one of them (%s)", (killAt, state) => {
    run("two", { killAt });
    const runId = latestRun();
    expect(run("log", { state })).toMatchObject({ status: "partial" });
    expect(everything(join(base, "out")).filter((file) => !file.includes("manifest"))).toEqual([
      "copy.csv",
      ...everything(join(base, "out")).filter((file) => /^log\/part-.*jsonl$/.test(file)),
    ]);
    const wanted = [0, 10_000].flatMap((from) => Array.from({ length: 300 }, (_, i) => from + i).filter((id) => id % 50 !== 7));
    expect(idsInLog()).toEqual(wanted);
    expect(readFileSync(join(base, "out/copy.csv"), "utf8").trim().split("\n")).toHaveLength(good + 1);
    expect(listRuns({ stateDir: join(base, "state") }).find((one) => one.runId === runId)?.state).toBe("finished");
    expect(run("two", { resume: runId })).toMatchObject({ status: "partial", runId, resumed: true });
    expect(idsInLog()).toEqual(wanted);
  });
});

it("the scratch files of a run that can no longer be resumed go with the next run", () => {
  run("two", { killAt: "task-done:3" });
  const runId = latestRun();
  run("log");
  expect(listRuns({ stateDir: join(base, "state") }).find((one) => one.runId === runId)?.state).toBe("superseded");
  run("log");
  expect(everything(join(base, "state/runs", runId)).filter((file) => !file.startsWith("owners/"))).toEqual([
    "journal",
    "superseded.json",
  ]);
  expect(readdirSync(join(base, "state/runs", runId))).not.toContain("scratch");
  expect(existsSync(join(base, "out/.millrace"))).toBe(false);
});
