import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, read, type RunEvent, sum, udf } from "millrace";
import { beforeEach, describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";

/** One partition that takes far longer than the others is done a second time, by an idle worker; one result counts. */
const newFolder = caseFolders("millrace-stragglers-");
let folder = "";
beforeEach(() => {
  folder = newFolder();
});

const schema = { id: "int64", n: "int32" } as const;
const rows = 1600;

/** Lines of equal length, so that sixteen partitions of a hundred rows come of it. */
function input(): { readonly path: string; readonly partitionBytes: number } {
  const path = join(folder, "in.csv");
  const line = (i: number) => `${String(i).padStart(6, "0")},1\n`;
  writeFileSync(path, `id,n\n${Array.from({ length: rows }, (_, i) => line(i)).join("")}`);
  return { path, partitionBytes: 9 * 100 + 1 };
}

/** The first worker that comes to row 1250 holds still for a while; the next one does not. */
const slowOnce = (flag: string, ms: number) =>
  udf(
    (id: bigint, n: number) => {
      if (id !== 1250n) return n;
      const fs = globalThis.process.getBuiltinModule("node:fs");
      if (fs.existsSync(flag)) return n;
      fs.writeFileSync(flag, "");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      return n;
    },
    { returns: "int32", with: { flag, ms } },
  );

async function eventsOf(handle: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of handle) events.push(event);
  return events;
}

const linesOf = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.endsWith(".csv"))
    .sort()
    .flatMap((name) => readFileSync(join(path, name), "utf8").trim().split("\n").slice(1));

describe("a straggler", () => {
  it("gets a second attempt, which wins, and its rows come once", { timeout: 180_000 }, async () => {
    const { path, partitionBytes } = input();
    const stateDir = join(folder, "state");
    await using engine = await Engine.create({ workers: 2, memory: "512MB", partitionBytes, stateDir });
    const slow = slowOnce(join(folder, "slow"), 30_000);
    const out = join(folder, "out");
    const began = Date.now();
    const handle = engine.run(
      read
        .csv(path, { schema })
        .withColumns((c) => ({ m: slow(c.id, c.n) }))
        .write.csv(out),
    );
    const events = await eventsOf(handle);
    const { report, runId } = await handle;
    const found = events.filter((event) => event.kind === "straggler");
    expect(found).toHaveLength(1);
    expect(found[0]?.runningMs).toBeGreaterThan(2000);
    expect(found[0]?.where).toMatch(/in\.csv, bytes \d+ to \d+$/);
    const attempts = events.flatMap((event) => (event.kind === "attempt" ? [[event.attempt, event.reason, event.outcome]] : []));
    expect(attempts).toEqual([
      [2, "straggler", "done"],
      [1, "first", "lost"],
    ]);
    // Thirty seconds were not waited for.
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(linesOf(out)).toEqual(Array.from({ length: rows }, (_, i) => `${i},1,1`));
    expect(readdirSync(out).some((name) => name.startsWith("_staging"))).toBe(false);
    expect(readdirSync(join(stateDir, "runs", runId))).not.toContain("scratch");
    const tasks = report.data.execution.stages.flatMap((stage) => stage.tasks).filter(({ attempts: count }) => count > 1);
    expect(tasks).toHaveLength(1);
    expect(tasks[0]?.where).toBe(found[0]?.where);
    expect(report.data.execution.retries).toBe(0);
    expect(report.data.execution.attempts.map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual([
      "straggler done",
      "first lost",
    ]);
  });

  it("gets none where that is switched off", { timeout: 180_000 }, async () => {
    const { path, partitionBytes } = input();
    const stateDir = join(folder, "state");
    await using engine = await Engine.create({ workers: 2, memory: "512MB", partitionBytes, stateDir, speculation: false });
    const slow = slowOnce(join(folder, "slow"), 2600);
    const handle = engine.run(
      read
        .csv(path, { schema })
        .withColumns((c) => ({ m: slow(c.id, c.n) }))
        .write.csv(join(folder, "out")),
    );
    const events = await eventsOf(handle);
    expect(events.filter(({ kind }) => kind === "straggler" || kind === "attempt")).toEqual([]);
    expect(linesOf(join(folder, "out"))).toHaveLength(rows);
  });

  it("races its second attempt to the same bytes, whoever wins", { timeout: 360_000 }, async () => {
    const { path, partitionBytes } = input();
    const outputs = new Set<string>();
    // Close to when the second attempt ends: either may win.
    for (const ms of [2050, 2120, 2200, 2300]) {
      const flag = join(folder, `slow${ms}`);
      const out = join(folder, `out${ms}`);
      await using engine = await Engine.create({ workers: 2, memory: "512MB", partitionBytes, stateDir: join(folder, "state") });
      const slow = slowOnce(flag, ms);
      const source = read.csv(path, { schema }).withColumns((c) => ({ m: slow(c.id, c.n) }));
      await engine.run(
        source
          .groupBy((c) => ({ id: c.id }))
          .agg((c) => ({ n: sum(c.m) }))
          .write.csv(out),
      );
      outputs.add(
        readdirSync(out)
          .filter((name) => name.endsWith(".csv"))
          .sort()
          .map((name) => `${name}\n${readFileSync(join(out, name), "utf8")}`)
          .join(""),
      );
    }
    expect(outputs.size).toBe(1);
    expect([...outputs][0]?.match(/^\d+,1$/gm)).toHaveLength(rows);
  });
});
