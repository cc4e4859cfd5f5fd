import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { RunEvent, RunReportData } from "millrace";
import { caseFolders } from "../support/caseFolders.js";

/**
 * Rows of which 60 % have one key: where work is cut by keys, the part with that key takes longest. The event that its second attempt begins, the report as
 * JSON and its text say which key that is. On a slow disk, so that it takes longer than the two seconds below which nothing is called slow.
 */
const folder = caseFolders("millrace-heavy-")();
const rows = 1_500_000;
const others = 400_000;
const named = 'shop = "Main Street" has ';
const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
const slowDisk = pathToFileURL(resolve(import.meta.dirname, "../support/slowDisk.mjs")).href;

const job = `
import { count, Engine, read, rowNumber, sum } from ${JSON.stringify(index)};
const [name, base] = process.argv.slice(2);
const sales = () => read.csv(base + "/sales.csv", { schema: { id: "int64", shop: "utf8", n: "int32" } });
const first = () => sales().filter((c) => c.id.lt(400_000)).dedupe({ by: "shop", keep: "first", orderBy: "id" }).select("shop", "id").rename({ id: "first" });
const datasets = {
  windowed: () => sales().window({ partitionBy: "shop", orderBy: "n" }, () => ({ place: rowNumber() })).groupBy().agg((c) => ({ places: sum(c.place) })),
  joined: () => sales().join(first(), { on: "shop", how: "left" }).groupBy().agg((c) => ({ firsts: sum(c.first) })),
  grouped: () => sales().groupBy("shop").agg((c) => ({ times: count(), ids: sum(c.id) })).filter((c) => c.times.gt(1_000)),
};
const settings = { workers: 2, memory: "1GB", partitionBytes: 8_000_000, broadcastBytes: 1_000, stateDir: base + "/state" };
const engine = await Engine.create(settings);
try {
  const run = engine.run(datasets[name]().write.csv(base + "/" + name + ".csv"));
  const events = [];
  for await (const event of run) if (event.kind === "straggler") events.push(event);
  const { report } = await run;
  console.log(JSON.stringify({ events, data: report, text: report.toText(), html: report.toHtml() }));
} finally {
  await engine.close();
}
`;

interface Told {
  readonly events: readonly Extract<RunEvent, { kind: "straggler" }>[];
  readonly data: RunReportData;
  readonly text: string;
  readonly html: string;
}

beforeAll(() => {
  const fd = openSync(join(folder, "sales.csv"), "w");
  writeSync(fd, "id,shop,n\n");
  for (let from = 0; from < rows; from += 100_000) {
    const shop = (id: number) => (id % 10 < 6 ? "Main Street" : `shop ${(id * 7919) % others}`);
    const lines = Array.from({ length: 100_000 }, (_, i) => `${from + i},${shop(from + i)},${(from + i) % 97}\n`);
    writeSync(fd, lines.join(""));
  }
  closeSync(fd);
  writeFileSync(join(folder, "job.mjs"), job);
}, 180_000);

/** `msPerMiB`: how slow the disk is. */
function run(name: string, msPerMiB: number): Told {
  const env = { ...process.env, TEST_DISK_MS: String(msPerMiB), MILLRACE_FORCE_SPILL: "1" };
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", slowDisk, join(folder, "job.mjs"), name, folder], {
    env,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Told;
}

describe("a key that most rows have", () => {
  for (const [name, stage, msPerMiB] of [
    ["windowed", "window", 130],
    ["joined", "join", 220],
    ["grouped", "aggregate", 120],
  ] as const) {
    it(`is named in event, report and text: ${name}`, { timeout: 360_000 }, () => {
      const { events, data, text, html } = run(name, msPerMiB);
      const { stages } = data.execution;
      console.log(
        text,
        events,
        stages.map((s) => [s.name, s.skew, s.tasks.map((t) => [t.rows, t.where])]),
      );
      const found = stages.find((one) => one.name === stage);
      expect(found?.skew?.where).toContain(named);
      expect(found?.stragglers[0]?.where).toContain(named);
      const [event] = events.filter((one) => one.stage === stage);
      expect(event?.where).toContain(named);
      expect(event?.partition).toBe(found?.stragglers[0]?.partition);
      expect(text).toContain(named);
      expect(html).toContain("Main Street");
    });
  }
});
