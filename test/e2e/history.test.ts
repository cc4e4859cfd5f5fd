import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { pastRuns } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";

const dist = resolve(import.meta.dirname, "../../dist/run/index.js");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-history-"));
  writeFileSync(join(folder, "in.csv"), "id\n1\n2\n3\n");
  writeFileSync(
    join(folder, "job.mjs"),
    `import { Engine, read } from ${JSON.stringify(pathToFileURL(dist).href)};
const [name] = process.argv.slice(2);
const engine = await Engine.create({ workers: 1, stateDir: "state" });
for (let i = 0; i < 6; i++) {
  const rows = read.csv("in.csv", { schema: { id: "int64" } });
  const { runId } = await engine.run(rows.write.csv("out-" + name, { mode: "overwrite" }), { job: "shared" });
  console.log(runId);
}
await engine.close();
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function job(name: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, ["job.mjs", name], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
  });
  return new Promise((done) => child.on("close", () => done(out.split("\n").filter(Boolean))));
}

it("processes that share a state folder all remember every run", { timeout: 180_000 }, async () => {
  const ran = (await Promise.all(["a", "b", "c"].map(job))).flat();
  expect(ran).toHaveLength(18);
  const kept = pastRuns({ stateDir: join(folder, "state"), job: "shared", limit: 100 });
  expect(kept.map(({ runId }) => runId).sort()).toEqual([...ran].sort());
  for (const run of kept) expect(run).toMatchObject({ status: "success", recordsRead: 3, recordsWritten: 3 });
});
