import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** What the process says to whatever started it: exit codes, words on stderr, NDJSON on stdout, and nothing left after a failure. */
const dist = resolve(import.meta.dirname, "../../dist");
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

/** Runs a plan whose text stands between the imports and the output. */
function run(dataset: string, ...flags: string[]): Promise<Ended> {
  const plan = join(folder, "plan.mjs");
  const schema = 'const schema = { id: "int64", n: "int32" };';
  writeFileSync(
    plan,
    `import { read } from ${JSON.stringify(pathToFileURL(join(dist, "index.js")).href)};\n${schema}\nexport default ${dataset};\n`,
  );
  const report = join(folder, "report.json");
  const args = ["run", plan, "--workers", "1", "--state-dir", join(folder, "state"), "--report", report, ...flags];
  const child = spawn(process.execPath, [join(dist, "cli/main.js"), ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => {
    said.out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    said.err += text.toString();
  });
  return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
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

  it("3 when it finished with rejects", async () => {
    const ended = await run(csv(', onReject: "quarantine"') + write());
    expect(ended.code).toBe(3);
    expect(ended.err).toMatch(/1 rejected/);
    expect(existsSync(join(out, "result"))).toBe(true);
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
