import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, type MillraceError, read, type RunEvent, sum, udf } from "millrace";
import { beforeEach, describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";

/** The number of attempts is exact, the last cause is told, and what the workers left is the same as if nothing had happened. */
const newFolder = caseFolders("millrace-retries-");
let folder = "";
beforeEach(() => {
  folder = newFolder();
});

const schema = { id: "int64", n: "int32" } as const;
const rows = 600;
const retry = { baseMs: 1, maxMs: 4 };

const input = (): string => {
  const path = join(folder, "in.csv");
  writeFileSync(path, `id,n\n${Array.from({ length: rows }, (_, i) => `${i},${i % 7}`).join("\n")}\n`);
  return path;
};

/** Ends its worker with another code each time it meets row 400, the first `times` times. */
function dies(times: number) {
  const tally = join(folder, "tally");
  mkdirSync(tally, { recursive: true });
  return udf(
    (id: bigint, n: number) => {
      if (id !== 400n) return n;
      const fs = globalThis.process.getBuiltinModule("node:fs");
      const before = fs.readdirSync(tally).length;
      if (before >= times) return n;
      fs.writeFileSync(`${tally}/${before}`, "");
      globalThis.process.exit(10 + before);
      return n;
    },
    { returns: "int32", with: { tally, times } },
  );
}

async function watched(engine: Engine, plan: Parameters<Engine["run"]>[0]) {
  const handle = engine.run(plan);
  const events: RunEvent[] = [];
  for await (const event of handle) events.push(event);
  const ended = await handle.result.then(
    (result) => ({ report: result.report, error: null }),
    (thrown: MillraceError & { report: Awaited<typeof handle.result>["report"] }) => ({ report: thrown.report, error: thrown }),
  );
  return { events, ...ended };
}

const contents = (path: string): string[][] =>
  (readdirSync(path, { recursive: true, withFileTypes: true }) as import("node:fs").Dirent[])
    .filter((entry) => entry.isFile() && entry.name.endsWith(".csv"))
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), "utf8")])
    .sort();

describe("a task whose worker ends", () => {
  it.each([0, 1, 2, 3])("%i times is done by the next attempt, to the same bytes", { timeout: 180_000 }, async (times) => {
    const path = input();
    const plan = (fails: number, out: string) => {
      const fn = dies(fails);
      return read
        .csv(path, { schema })
        .withColumns((c) => ({ m: fn(c.id, c.n) }))
        .write.csv(join(folder, out));
    };
    await using engine = await Engine.create({
      workers: 2,
      memory: "512MB",
      partitionBytes: 1500,
      stateDir: join(folder, "state"),
      retry,
    });
    await engine.run(plan(0, "calm"));
    const { events, report, error } = await watched(engine, plan(times, "out"));
    expect(error).toBeNull();
    expect(report.status).toBe("success");
    expect(contents(join(folder, "out"))).toEqual(contents(join(folder, "calm")));
    const failed = events.flatMap((event) => (event.kind === "attempt" && event.outcome === "failed" ? [event] : []));
    expect(failed.map(({ attempt, code }) => [attempt, code])).toEqual(
      Array.from({ length: times }, (_, i) => [i + 1, "WORKER_DIED"]),
    );
    for (const [i, { message }] of failed.entries()) expect(message).toContain(`code: ${10 + i}`);
    expect(events.filter(({ kind }) => kind === "retry")).toHaveLength(times);
    const { attempts, stages, recordsRead, recordsWritten } = report.data.execution;
    expect(attempts.map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual(
      times === 0 ? [] : ["first failed", ...Array.from({ length: times - 1 }, () => "retry failed"), "retry done"],
    );
    for (const { startMs, endMs, worker } of attempts) {
      expect(endMs).toBeGreaterThanOrEqual(startMs);
      expect(worker).toBeGreaterThan(0);
    }
    const most = Math.max(...stages.flatMap((stage) => stage.tasks.map((task) => task.attempts)));
    expect(most).toBe(times + 1);
    expect([recordsRead, recordsWritten]).toEqual([rows, rows]);
    expect(stages[0]?.tasks.every(({ where }) => /in\.csv, bytes \d+ to \d+$/.test(where))).toBe(true);
    // The last progress counts every row once.
    expect(events.findLast((event) => event.kind === "progress")).toMatchObject({ rows });
  });

  it("too often fails the run with the last cause, and publishes nothing", { timeout: 180_000 }, async () => {
    const path = input();
    const stateDir = join(folder, "state");
    await using engine = await Engine.create({ workers: 2, memory: "512MB", stateDir, retry: { ...retry, retries: 2 } });
    // Over groups, no record is at work when it happens.
    const plan = read
      .csv(path, { schema })
      .groupBy("id")
      .agg((c) => ({ n: sum(c.n) }))
      .mapBatches(
        (batch) => {
          if (batch.length > 1) globalThis.process.exit(42);
          return batch;
        },
        { schema: { id: "int64", n: "int64" } },
      )
      .write.csv(join(folder, "out"));
    const { error, report } = await watched(engine, plan);
    expect(error).toMatchObject({ code: "WORKER_DIED", category: "Resource" });
    expect(error?.message).toMatch(/code: 42 \(given up after \d+ attempts\)$/);
    expect(report.status).toBe("failed");
    expect(report.data.execution.attempts.filter(({ reason }) => reason !== "probe")).toHaveLength(3);
    expect(report.toText()).toContain("WORKER_DIED");
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("is not tried again where that is switched off", { timeout: 180_000 }, async () => {
    const path = input();
    const fn = dies(1);
    const stateDir = join(folder, "state");
    await using engine = await Engine.create({ workers: 2, memory: "512MB", stateDir, retry: false });
    const { error, events } = await watched(
      engine,
      read
        .csv(path, { schema })
        .withColumns((c) => ({ m: fn(c.id, c.n) }))
        .write.csv(join(folder, "out")),
    );
    // The probes meet a function that does not do it again: nothing is to blame but chance.
    expect(error).toMatchObject({ code: "WORKER_DIED" });
    expect(events.filter(({ kind }) => kind === "retry")).toEqual([]);
  });
});

describe("data is never tried again", () => {
  it("a record that cannot be computed fails its run at once", { timeout: 180_000 }, async () => {
    const path = input();
    await using engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state"), retry });
    const fails = udf(
      (n: number) => {
        if (n === 3) throw new Error("three");
        return n;
      },
      { returns: "int32" },
    );
    const { error, events } = await watched(
      engine,
      read
        .csv(path, { schema })
        .withColumns((c) => ({ m: fails(c.n) }))
        .write.csv(join(folder, "out")),
    );
    expect(error).toMatchObject({ code: "UDF_THREW", category: "Data" });
    expect(events.filter(({ kind }) => kind === "retry")).toEqual([]);
  });
});

describe("options", () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ taskTimeout: "soon" }, /taskTimeout: expected a time such as "90s"/],
    [{ taskTimeout: 0 }, /taskTimeout: expected a time/],
    [{ retry: { retries: -1 } }, /retry.retries: expected a whole number of at least 0, found -1/],
    [{ retry: { retrys: 1 } }, /unknown option "retrys"/],
    [{ speculation: "yes" }, /speculation: expected true or false/],
  ];
  it.each(wrong)("%o", async (options, message) => {
    await expect(Engine.create(options)).rejects.toThrow(message);
  });
});
