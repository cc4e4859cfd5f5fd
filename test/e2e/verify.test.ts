import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Engine, read, verifyOutputs } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const cli = resolve(import.meta.dirname, "../../dist/run/cli.js");
let folder = "";
let stateDir = "";
let first = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-verify-"));
  stateDir = join(folder, "state");
  const lines = Array.from({ length: 500 }, (_, n) => `${n},s${n % 3}`).join("\n");
  writeFileSync(join(folder, "in.csv"), `id,store\n${lines}\n`);
  first = await write("out");
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the input by store, and gives the run. */
async function write(name: string, mode: "error" | "overwrite" = "error"): Promise<string> {
  await using engine = await Engine.create({ workers: 1, stateDir });
  const rows = read.csv(join(folder, "in.csv"), { schema: { id: "int64", store: "utf8" } });
  const { runId } = await engine.run(rows.write.csv(join(folder, name), { partitionBy: ["store"], mode }));
  return runId;
}

function fileOf(name: string, store: string): string {
  const at = join(folder, name, `store=${store}`);
  return join(at, readdirSync(at).find((file) => file.endsWith(".csv")) ?? "");
}

function verify(...args: string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "verify", ...args, "--state-dir", stateDir], {
    encoding: "utf8",
  });
  return { code: status, out: stdout, err: stderr };
}

describe("outputs are compared with what was published", () => {
  it("a target, and a run by its end", async () => {
    const wanted = { target: join(folder, "out"), runId: first, verdict: "intact", files: 3, rows: 500, differences: [] };
    expect(await verifyOutputs(join(folder, "out"), { stateDir })).toMatchObject([wanted]);
    expect(await verifyOutputs(first.slice(-6), { stateDir })).toMatchObject([wanted]);
    expect(verify(first)).toMatchObject({ code: 0, out: expect.stringMatching(/^intact .* 3 files, 500 rows/) });
  });

  it("names each file that is not there, has another size or other bytes, or that nobody published", async () => {
    await write("hurt");
    const [gone, longer, changed] = ["s0", "s1", "s2"].map((store) => fileOf("hurt", store)) as [string, string, string];
    rmSync(gone);
    appendFileSync(longer, "\n");
    const bytes = readFileSync(changed);
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    writeFileSync(changed, bytes);
    const stray = join(folder, "hurt", "store=s2", "stray.csv");
    copyFileSync(changed, stray);
    const [found] = await verifyOutputs(join(folder, "hurt"), { stateDir });
    expect(found?.verdict).toBe("different");
    expect(found?.differences.map(({ kind, file }) => [kind, file])).toEqual([
      ["missing", gone],
      ["size", longer],
      ["content", changed],
      ["unexpected", stray],
    ]);
    const { code, out } = verify(join(folder, "hurt"));
    expect(code).toBe(1);
    for (const file of [gone, longer, changed, stray]) expect(out).toContain(file);
    const line = JSON.parse(verify(join(folder, "hurt"), "--json").out) as object;
    expect(line).toMatchObject({ schemaVersion: 1, kind: "verification", verdict: "different" });
  });

  it("a run whose target was written again is told apart from one that was damaged", async () => {
    const old = await write("again");
    const now = await write("again", "overwrite");
    expect(await verifyOutputs(old, { stateDir })).toMatchObject([{ verdict: "replaced", runId: now }]);
    expect(await verifyOutputs(now, { stateDir })).toMatchObject([{ verdict: "intact", rows: 500 }]);
  });

  it("what has no manifest and is no run is a usage error", async () => {
    await expect(verifyOutputs(join(folder, "in.csv"), { stateDir })).rejects.toMatchObject({ code: "MANIFEST_NOT_FOUND" });
    await expect(verifyOutputs("20990101-nothing", { stateDir })).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    expect(verify("20990101-nothing").code).toBe(2);
  });
});
