import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../../src/cli/program.js";
import { memoryTerminal } from "./terminal.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function cli(...args: string[]) {
  const terminal = memoryTerminal();
  const code = await runCommandLine(args, terminal);
  return { code, out: terminal.outText(), err: terminal.errText() };
}

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("usage", () => {
  it("prints help and version to stdout and exits 0", async () => {
    const help = await cli("--help");
    expect(help.code).toBe(0);
    for (const verb of ["run", "explain", "preview", "doctor"]) expect(help.out).toContain(verb);
    expect(await cli("--version")).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([
    [["rum", "x.ts"], /unknown command.*Did you mean run/s],
    [["run"], /missing required argument/],
    [["run", "x.ts", "--wrokers", "2"], /unknown option.*--workers/s],
    [["run", "x.ts", "--workers", "two"], /INVALID_OPTION: --workers two/],
    [["run", "x.ts", "--workers", "0"], /INVALID_OPTION/],
    [["run", "x.ts", "--memory", "lots"], /INVALID_OPTION: --memory lots.*1GB/s],
    [["run", "x.ts", "--set", "date"], /INVALID_PARAMETER.*name=value/s],
    [["run", "x.ts", "--set", "a=1", "--set", "a=2"], /INVALID_PARAMETER.*given twice/s],
    [["preview", "data.xyz"], /UNKNOWN_FILE_TYPE.*\.csv/s],
  ])("%j is a usage error that says what was expected", async (args, message) => {
    const { code, out, err } = await cli(...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
    expect(out).toBe("");
  });
});

describe("explain --json", () => {
  it("prints the plan and a line for each stage", async () => {
    const index = new URL("../../../src/index.ts", import.meta.url).href;
    const text = `import { read } from ${JSON.stringify(index)};\nexport default read.sql("select 1 as a").write.csv(${JSON.stringify(join(folder, "o.csv"))});`;
    const { code, out, err } = await cli("explain", file("explained.mjs", text), "--json");
    expect([code, err]).toEqual([0, ""]);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { schemaVersion: number; kind: string });
    expect(lines.every(({ schemaVersion }) => schemaVersion === 1)).toBe(true);
    expect(lines[0]).toMatchObject({ kind: "plan", text: expect.stringContaining("scan sql") });
    expect(lines.slice(1)).toMatchObject([
      { kind: "stage", id: 0, name: "query source", runs: "ingest" },
      { kind: "stage", id: 1, runs: "worker" },
    ]);
  });
});

describe("plan files", () => {
  it.each([
    ["missing.ts", null, "PLAN_FILE_NOT_FOUND"],
    ["empty.mjs", "", "PLAN_NOT_EXPORTED"],
    ["other.mjs", "export const job = 1;", 'found "job"'],
    ["number.mjs", "export default () => 5;", "PLAN_NOT_EXPORTED"],
    ["syntax.mjs", "export default {", "PLAN_FILE_FAILED"],
    ["throws.mjs", "export default () => { throw new Error('no luck'); };", "no luck"],
    ["rejects.mjs", "export default async () => { throw new Error('no luck'); };", "PLAN_FILE_FAILED"],
  ])("%s is a plan error that names the file", async (name, text, message) => {
    const path = text === null ? join(folder, name) : file(name, text);
    const { code, out, err } = await cli("explain", path);
    expect(err).toContain(message);
    expect(err).toContain(name);
    expect(code).toBe(2);
    expect(out).toBe("");
  });

  it("gives errors as a line of NDJSON with --json", async () => {
    const { code, out } = await cli("run", file("none.mjs", ""), "--json");
    expect(JSON.parse(out)).toMatchObject({ schemaVersion: 1, kind: "error", error: { code: "PLAN_NOT_EXPORTED" } });
    expect(code).toBe(2);
  });
});
