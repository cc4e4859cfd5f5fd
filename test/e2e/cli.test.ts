import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** What the process says to whatever started it: exit codes, words on stderr, NDJSON on stdout, and nothing left after a failure. */
const dist = resolve(import.meta.dirname, "../../dist/run");
let root = "";
let folder = "";
let out = "";
let made = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "millrace-cli-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, `case-${made++}`);
  out = join(folder, "out");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(folder, "in.csv"), "id,n\n1,10\n2,ten\n3,30\n");
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

type Watch = (said: { readonly out: string; readonly err: string }, child: ChildProcess) => void;

/** Runs a plan whose text stands between the imports and the output; a function looks at what was said so far whenever more is. */
function run(dataset: string, ...given: (string | Watch)[]): Promise<Ended> {
  const flags = given.filter((flag) => typeof flag === "string");
  const watch = given.find((flag) => typeof flag === "function");
  seen.clear();
  const plan = join(folder, "plan.mjs");
  const schema = 'const schema = { id: "int64", n: "int32" };';
  writeFileSync(
    plan,
    `import { check, read } from ${JSON.stringify(pathToFileURL(join(dist, "index.js")).href)};\n${schema}\nexport default ${dataset};\n`,
  );
  const report = join(folder, "report.json");
  const args = ["run", plan, "--workers", "1", "--state-dir", join(folder, "state"), "--report", report, ...flags];
  const child = spawn(process.execPath, [join(dist, "cli.js"), ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => {
    said.out += text.toString();
    watch?.(said, child);
  });
  child.stderr.on("data", (text: Buffer) => {
    said.err += text.toString();
    watch?.(said, child);
  });
  return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
}

const json = ["--json"];
const seen = new Set<string>();

function once(text: string, part: string, action: () => void): void {
  if (seen.has(part) || !text.includes(part)) return;
  seen.add(part);
  action();
}

const csv = (options: string, file = "in.csv") => `read.csv(${JSON.stringify(join(folder, file))}, { schema${options} })`;
const write = () => `.write.csv(${JSON.stringify(join(out, "result"))})`;

describe("exit codes", () => {
  it("0 when all is well, with nothing on stdout", async () => {
    writeFileSync(join(folder, "good.csv"), "id,n\n1,10\n");
    const ended = await run(csv("", "good.csv") + write());
    expect([ended.code, ended.out]).toEqual([0, ""]);
    expect(readdirSync(join(out, "result"))).toContain("part-00000.csv");
  });

  it("1 for bad data, with place and remedy", async () => {
    const ended = await run(csv("") + write());
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/CAST_FAILED[\s\S]*in\.csv:3[\s\S]*column "n"[\s\S]*hint:/);
    expect(readdirSync(out)).toEqual([]);
    expect(JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))).toMatchObject({ status: "failed" });
  });

  it("2 for a plan that cannot be, and for a target that is taken", async () => {
    const unknown = await run(`${csv("")}.filter((c) => c.m.gt(1))${write()}`);
    expect([unknown.code, readdirSync(out)]).toEqual([2, []]);
    expect(unknown.err).toMatch(/UNKNOWN_COLUMN/);
    mkdirSync(join(out, "result"));
    writeFileSync(join(out, "result", "mine.csv"), "x\n");
    const taken = await run(csv(', onReject: "skip"') + write());
    expect(taken.code).toBe(2);
    expect(taken.err).toMatch(/TARGET_EXISTS[\s\S]*overwrite/);
    expect(readdirSync(join(out, "result"))).toEqual(["mine.csv"]);
  });

  /** A function that takes a second for three rows. */
  const slowBy = (ms: number) =>
    `.map((row) => { const end = Date.now() + ${ms}; while (Date.now() < end); return { id: row.id }; }, { schema: { id: "int64" } })`;
  const slow = slowBy(350);

  it("5 when it was late, with rejects too; the outputs are there", async () => {
    const ended = await run(`${csv(', onReject: "skip"')}${slow}${write()}`, "--deadline", "100ms");
    expect(ended.code).toBe(5);
    expect(ended.err).toMatch(/the deadline has passed: the run goes on[\s\S]*It had to be done by/);
    expect(readFileSync(join(out, "result", "part-00000.csv"), "utf8")).toBe("id\n1\n3\n");
    const { execution } = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as {
      execution: { deadline: { lateMs: number } };
    };
    expect(execution.deadline.lateMs).toBeGreaterThan(0);
  });

  it("5 when the deadline stopped it: nothing is published, and it can be resumed", async () => {
    const flags = ["--deadline", "100ms", "--stop-at-deadline"];
    const ended = await run(`${csv(', onReject: "skip"')}${slow}${write()}`, ...flags, "--json");
    expect(ended.code).toBe(5);
    const kinds = ended.out.trimEnd().split("\n");
    const lines = kinds.map((line) => JSON.parse(line) as { kind: string; schemaVersion: number; error?: { code: string } });
    expect(lines.find((line) => line.kind === "deadline-missed")).toMatchObject({ stopping: true });
    expect(lines.find((line) => line.kind === "error")?.error?.code).toBe("DEADLINE_EXCEEDED");
    expect(existsSync(join(out, "result"))).toBe(false);
    const again = await run(`${csv(', onReject: "skip"')}${slow}${write()}`, "--resume");
    expect(again.code).toBe(3);
    expect(readFileSync(join(out, "result", "part-00000.csv"), "utf8")).toBe("id\n1\n3\n");
  });

  it("2 for a deadline that is none, 0 in time, 1 for a failure whatever the time", async () => {
    const wrong = await run(`${csv("")}${write()}`, "--deadline", "soon");
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/deadline: expected a time .* found soon/)]);
    expect((await run(`${csv("")}${write()}`, "--stop-at-deadline")).code).toBe(2);
    writeFileSync(join(folder, "good.csv"), "id,n\n1,10\n");
    expect((await run(csv("", "good.csv") + write(), "--deadline", "2100-01-01T00:00:00Z")).code).toBe(0);
    const bad = `${csv("")}.write.csv(${JSON.stringify(join(out, "bad"))})`;
    expect((await run(bad, "--deadline", "1ms")).code).toBe(1);
  });

  it("3 when it finished with rejects", async () => {
    const ended = await run(csv(', onReject: "quarantine"') + write());
    expect(ended.code).toBe(3);
    expect(ended.err).toMatch(/1 rejected/);
    expect(existsSync(join(out, "result"))).toBe(true);
  });

  it("75 when a signal stopped it, 143 and 130 when a second one ended it at once; both can be resumed", async () => {
    // The second signal comes while the task is still under way: a run that was killed leaves it to do, one that was stopped does not.
    const plan = `${csv(', onReject: "skip"')}${slowBy(1000)}${write()}`;
    for (const [signal, flags] of [
      ["SIGTERM", json],
      ["SIGINT", [...json, "--resume"]],
    ] as const) {
      const killed = await run(plan, ...flags, (said, child) => {
        once(said.out, "stage-started", () => child.kill(signal));
        once(said.err, "stopping after the tasks under way", () => child.kill(signal));
      });
      expect(killed.code).toBe(signal === "SIGTERM" ? 143 : 130);
      expect(existsSync(join(out, "result"))).toBe(false);
    }
    const stopped = await run(plan, ...json, "--resume", (said, child) =>
      once(said.out, "stage-started", () => child.kill("SIGTERM")),
    );
    expect(stopped.code).toBe(75);
    expect(stopped.err).toMatch(/RUN_STOPPED[\s\S]*millrace resume/);
    expect((await run(plan, "--resume")).code).toBe(3);
    expect(readdirSync(join(out, "result"))).toContain("part-00000.csv");
  });

  it("4 when a check with action fail does not hold: nothing is published", async () => {
    writeFileSync(join(folder, "good.csv"), "id,n\n1,10\n");
    const checked = `${csv("", "good.csv")}.expect(check.rowCount({ min: 2, action: "fail" }))`;
    const ended = await run(checked + write(), "--json");
    expect(ended.out).toContain("CHECK_FAILED");
    expect(ended.code).toBe(4);
    expect(readdirSync(out)).toEqual([]);
  });

  it("4 when more was rejected than the limit allows: nothing is published", async () => {
    const ended = await run(csv(', onReject: "quarantine", rejectLimits: { count: 0 }') + write(), "--json");
    expect(ended.code).toBe(4);
    const lines = ended.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string; error?: { code: string } });
    expect(lines.find((line) => line.kind === "error")?.error?.code).toBe("REJECT_LIMIT_EXCEEDED");
    expect(readdirSync(out)).toEqual([]);
  });
});
