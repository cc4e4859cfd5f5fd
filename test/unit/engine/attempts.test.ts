import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { dataError, externalError, MillraceError, resourceError } from "../../../src/common/errors.js";
import type { AttemptSettings, TaskPool } from "../../../src/engine/attempts/attemptParts.js";
import { StageAttempts } from "../../../src/engine/attempts/attempts.js";
import type { RunEventBody } from "../../../src/engine/observe/events.js";
import { defaultRetry, RetryBudget } from "../../../src/engine/attempts/retry.js";
import { TaskControl } from "../../../src/task/control.js";
import type { PartitionSpec, TaskResult, TaskSpec } from "../../../src/task/protocol.js";
import { ManualClock } from "../../support/manualClock.js";

const root = mkdtempSync(join(tmpdir(), "millrace-attempts-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder = "";
let cases = 0;
beforeEach(() => {
  folder = join(root, `case${cases++}`);
  mkdirSync(folder);
});

/** What an attempt does: how long it takes, and how it ends. `deaf`: it does not look at its flag. */
interface Play {
  readonly ms: number;
  readonly fails?: MillraceError;
  readonly deaf?: boolean;
  /** Rows at work when it fails. */
  readonly at?: { readonly from: number; readonly rows: number };
}

/** Plays attempts by the clock, and writes the file of each as a worker does: at once; a thread that is ended leaves it. */
class PlayedPool implements TaskPool {
  idle = 100;
  readonly kills = new Map<TaskSpec, MillraceError>();
  readonly played: TaskSpec[] = [];

  constructor(
    private readonly clock: ManualClock,
    private readonly play: (task: TaskSpec) => Play,
  ) {}

  async run(task: TaskSpec): Promise<TaskResult> {
    this.played.push(task);
    const { ms, fails, deaf, at } = this.play(task);
    const control = new TaskControl(task.options.control);
    const startMs = this.clock.now();
    control.begin(task.partition, startMs);
    if (at !== undefined) control.feeding(at.from, at.rows);
    const [step] = task.steps;
    const file = step?.op === "exchange" ? step.file : "";
    writeFileSync(file, "");
    while (this.clock.now() < startMs + ms) {
      await this.clock.sleep(50);
      const killed = this.kills.get(task);
      if (killed !== undefined) throw killed;
      if (deaf !== true && control.stopped) {
        rmSync(file);
        throw new MillraceError("Cancelled", "RUN_CANCELLED", "stopped");
      }
    }
    if (fails !== undefined) throw fails;
    return { timing: { startMs, endMs: this.clock.now() }, steps: [{ files: [{ path: file }] }] } as unknown as TaskResult;
  }

  kill(task: TaskSpec, why: MillraceError): void {
    this.kills.set(task, why);
  }
}

const part: PartitionSpec = { kind: "wholeFile", file: 0 };

function stageOf(play: (task: TaskSpec) => Play, settings: Partial<AttemptSettings> = {}, perRun = 100, rejects = folder) {
  const clock = new ManualClock();
  const pool = new PlayedPool(clock, play);
  const events: RunEventBody[] = [];
  let cancelled = false;
  const attempts = new StageAttempts({
    pool,
    clock,
    settings: { retry: { ...defaultRetry, perRun }, taskTimeoutMs: null, speculation: true, ...settings },
    budget: new RetryBudget(perRun),
    stage: "scan",
    seed: "run",
    emit: (event) => events.push(event),
    cancelled: () => cancelled,
    throwIfStopping: () => undefined,
    task: (partition, attempt, _, options) => {
      const name = `p${partition}-a${attempt}`;
      const step = { op: "exchange", file: join(folder, name) };
      const rejectFile = join(rejects, `r-${name}`);
      return { stageName: "scan", partition, attempt, steps: [step], rejectFile, options } as unknown as TaskSpec;
    },
    where: async () => "a.csv",
  });
  const cancel = () => {
    cancelled = true;
  };
  return { clock, pool, events, attempts, cancel };
}

/** Runs all partitions and gives what each came to, once no attempt is left. */
async function outcomes(stage: ReturnType<typeof stageOf>, partitions: number) {
  stage.attempts.begin(partitions);
  const runs = Array.from({ length: partitions }, (_, partition) => stage.attempts.run(partition, part));
  const settled = Promise.allSettled(runs);
  let over = false;
  const ended = settled.then(async () => {
    await stage.attempts.end();
    over = true;
  });
  while (!over) await stage.clock.advance(200);
  await ended;
  return (await settled).map((one) => (one.status === "fulfilled" ? one.value : (one.reason as MillraceError)));
}

const kinds = (events: readonly RunEventBody[]): string[] => events.map(({ kind }) => kind);
const transient = () => externalError("FILE_IO", "cannot read", { cause: new Error("EIO: i/o error, read") });
const died = (cause = "exit 1") => resourceError("WORKER_DIED", "the worker ended", { cause: new Error(cause) });
const fileOf = (result: TaskResult | MillraceError | undefined): string =>
  result === undefined || result instanceof MillraceError ? "" : (result.steps[0]?.files[0]?.path ?? "");

describe("retries", () => {
  it.each([0, 1, 2, 3])("after %i failures the next attempt counts", async (failures) => {
    const stage = stageOf(({ attempt }) => (attempt <= failures ? { ms: 50, fails: transient() } : { ms: 50 }));
    const [result] = await outcomes(stage, 1);
    expect(fileOf(result)).toBe(join(folder, `p0-a${failures + 1}`));
    expect(stage.pool.played).toHaveLength(failures + 1);
    expect(stage.attempts.count(0)).toBe(failures + 1);
    expect(stage.attempts.history(0).map(({ reason, outcome }) => [reason, outcome])).toEqual([
      ...Array.from({ length: failures }, (_, i) => [i === 0 ? "first" : "retry", "failed"]),
      [failures === 0 ? "first" : "retry", "done"],
    ]);
    expect(kinds(stage.events).filter((kind) => kind === "retry")).toHaveLength(failures);
    expect(readdirSync(folder)).toEqual([`p0-a${failures + 1}`]);
  });

  it.each([0, 1, 2, 3, 5])("with %i retries the last cause is told, and nothing is left", async (retries) => {
    const stage = stageOf(({ attempt }) => ({ ms: 50, fails: externalError("FILE_IO", `failure ${attempt}`) }), {
      retry: { ...defaultRetry, retries },
    });
    const [error] = await outcomes(stage, 1);
    const tried = retries === 0 ? "" : ` (given up after ${retries + 1} attempts)`;
    expect(error).toMatchObject({ code: "FILE_IO", message: `failure ${retries + 1}${tried}` });
    expect(stage.pool.played).toHaveLength(retries + 1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("wait between attempts, each time about twice as long", async () => {
    const stage = stageOf(() => ({ ms: 0, fails: transient() }));
    await outcomes(stage, 1);
    const delays = stage.events.flatMap((event) => (event.kind === "retry" ? [event.delayMs] : []));
    delays.forEach((delay, i) => {
      expect(delay).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(delay).toBeLessThan(1500 * 2 ** i);
    });
    const history = stage.attempts.history(0);
    const gaps = history.slice(1).map(({ queuedMs }, i) => queuedMs - (history[i]?.endMs ?? 0));
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(delays[i] ?? Infinity);
  });

  it("never of data, and never once the stage stops", async () => {
    const data = stageOf(() => ({ ms: 50, fails: dataError("CAST_FAILED", "no number") }));
    expect(await outcomes(data, 1)).toMatchObject([{ code: "CAST_FAILED", message: "no number" }]);
    expect(data.pool.played).toHaveLength(1);
    const stopped = stageOf(() => ({ ms: 50, fails: transient() }));
    stopped.attempts.begin(1);
    const result = stopped.attempts.run(0, part).catch((error: unknown) => error);
    await stopped.clock.advance(100);
    stopped.cancel();
    await stopped.clock.advance(200);
    expect(await result).toMatchObject({ code: "FILE_IO" });
    expect(stopped.pool.played).toHaveLength(1);
  });

  it("are limited for the whole run", async () => {
    const stage = stageOf(() => ({ ms: 50, fails: transient() }), {}, 4);
    const errors = await outcomes(stage, 5);
    expect(stage.pool.played).toHaveLength(5 + 4);
    expect(
      errors.some((error) => error instanceof MillraceError && /all 4 retries of the run are used up/.test(error.message)),
    ).toBe(true);
  });
});

describe("files of an attempt that failed", () => {
  it("may stay where they cannot be removed: the next attempt counts", async () => {
    const warned: string[] = [];
    const listen = ({ message }: Error) => void warned.push(message);
    process.on("warning", listen);
    // Too long a name, which is no ENOENT, whoever asks and in every version of Node.
    const file = join(folder, "f".repeat(300));
    const stage = stageOf(({ attempt }) => (attempt === 1 ? { ms: 50, fails: transient() } : { ms: 50 }), {}, 100, file);
    const [result] = await outcomes(stage, 1);
    await new Promise((done) => setImmediate(done));
    process.off("warning", listen);
    expect(fileOf(result)).toBe(join(folder, "p0-a2"));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain(`${join(file, "r-p0-a1.blocks")} could not be removed: `);
  });

  it("what nobody foresaw as an attempt ends is told to whoever waits for the partition", async () => {
    const stage = stageOf(() => ({ ms: 50, fails: transient() }));
    stage.pool.run = async () => {
      throw Object.defineProperty(new Error("odd"), "message", {
        get() {
          throw new Error("unforeseen");
        },
      });
    };
    expect(await outcomes(stage, 1)).toMatchObject([{ message: "unforeseen" }]);
  });
});

describe("time-outs", () => {
  it("end the thread, and count as a failure that may pass", async () => {
    const stage = stageOf(({ attempt }) => (attempt === 1 ? { ms: 1e9, deaf: true } : { ms: 50 }), { taskTimeoutMs: 1000 });
    const [result] = await outcomes(stage, 1);
    expect(fileOf(result)).toBe(join(folder, "p0-a2"));
    const [first] = stage.attempts.history(0);
    expect(first).toMatchObject({ outcome: "failed", code: "TASK_TIMEOUT" });
    expect((first?.endMs ?? 0) - (first?.startMs ?? 0)).toBeLessThan(1300);
  });

  it("a thread that does not stop when the stage does is ended", async () => {
    const stage = stageOf(() => ({ ms: 1e9, deaf: true }));
    stage.attempts.begin(1);
    const result = stage.attempts.run(0, part).catch((error: unknown) => error);
    await stage.clock.advance(100);
    stage.cancel();
    await stage.clock.advance(6000);
    expect(await result).toMatchObject({ code: "RUN_CANCELLED" });
    await stage.attempts.end();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("time in which the process stood still", () => {
  /** Tasks at work, which stand still as well: they take as long as `ms` without that time. */
  const working = (settings: Partial<AttemptSettings>, ms: (task: TaskSpec) => number) => {
    const stage = stageOf(() => ({ ms: 0 }), settings);
    stage.pool.run = async (task) => {
      stage.pool.played.push(task);
      const control = new TaskControl(task.options.control);
      const startMs = stage.clock.now();
      control.begin(task.partition, startMs);
      for (let left = ms(task); left > 0 && !control.stopped; left -= 50) {
        await stage.clock.sleep(50);
        const killed = stage.pool.kills.get(task);
        if (killed !== undefined) throw killed;
      }
      return { timing: { startMs, endMs: stage.clock.now() }, steps: [] } as unknown as TaskResult;
    };
    return stage;
  };

  it("does not make a task late", async () => {
    const stage = working({ taskTimeoutMs: 5000 }, () => 4000);
    stage.attempts.begin(1);
    const result = stage.attempts.run(0, part);
    await stage.clock.advance(1000);
    for (const ms of [3000, 60_000, 8 * 3_600_000]) {
      stage.clock.standStill(ms);
      await stage.clock.advance(500);
    }
    await stage.clock.advance(4000);
    await result;
    await stage.attempts.end();
    expect(stage.pool.played).toHaveLength(1);
    expect(stage.attempts.history(0).map(({ reason, outcome }) => [reason, outcome])).toEqual([["first", "done"]]);
  });

  it("still ends one that is late without it", async () => {
    const stage = working({ taskTimeoutMs: 5000, retry: { ...defaultRetry, retries: 0 } }, () => 9000);
    stage.attempts.begin(1);
    const result = stage.attempts.run(0, part).catch((error: unknown) => error);
    await stage.clock.advance(1000);
    stage.clock.standStill(60_000);
    await stage.clock.advance(6000);
    expect(await result).toMatchObject({ code: "TASK_TIMEOUT" });
    await stage.attempts.end();
  });

  it("makes no straggler of a task", async () => {
    const stage = working({}, ({ partition }) => (partition < 15 ? 1000 : 1900));
    stage.attempts.begin(16);
    const results = Promise.all(Array.from({ length: 16 }, (_, partition) => stage.attempts.run(partition, part)));
    await stage.clock.advance(1500);
    stage.clock.standStill(30_000);
    await stage.clock.advance(2000);
    await results;
    await stage.attempts.end();
    expect(kinds(stage.events)).not.toContain("straggler");
  });
});

describe("stragglers", () => {
  const straggling = (deaf: boolean) => (task: TaskSpec) =>
    task.partition === 5 && task.attempt === 1 ? { ms: 40_000, deaf } : { ms: 4000 };

  it.each([false, true])("are overtaken by a second attempt (the first ignores its flag: %s)", async (deaf) => {
    const stage = stageOf(straggling(deaf));
    const results = await outcomes(stage, 16);
    expect(kinds(stage.events).filter((kind) => kind === "straggler")).toHaveLength(1);
    expect(stage.events.find(({ kind }) => kind === "straggler")).toMatchObject({ partition: 5, medianMs: 4000, where: "a.csv" });
    expect(fileOf(results[5])).toBe(join(folder, "p5-a2"));
    expect(readdirSync(folder).sort()).toEqual(results.map((result) => fileOf(result).slice(folder.length + 1)).sort());
    const history = stage.attempts.history(5);
    expect(history.map(({ attempt, reason, outcome }) => [attempt, reason, outcome])).toEqual([
      [2, "straggler", "done"],
      [1, "first", "lost"],
    ]);
    // 1.5 times the median, a look every 100 ms, the second attempt.
    const [second] = history;
    expect((second?.endMs ?? 0) - (history[1]?.startMs ?? 0)).toBeLessThanOrEqual(6000 + 200 + 4000);
  });

  it("win where the second attempt is slower still", async () => {
    const stage = stageOf((task) => (task.partition !== 5 ? { ms: 4000 } : task.attempt === 1 ? { ms: 8000 } : { ms: 60_000 }));
    const results = await outcomes(stage, 16);
    expect(fileOf(results[5])).toBe(join(folder, "p5-a1"));
    expect(readdirSync(folder)).toHaveLength(16);
  });

  it("get no second attempt while no worker is idle, or where that is switched off", async () => {
    const busy = stageOf(straggling(false));
    busy.pool.idle = 0;
    await outcomes(busy, 16);
    expect(kinds(busy.events)).not.toContain("straggler");
    const off = stageOf(straggling(false), { speculation: false });
    await outcomes(off, 16);
    expect(kinds(off.events)).not.toContain("straggler");
  });

  it("a failure of one of the two leaves the other flying", async () => {
    const stage = stageOf((task) => {
      if (task.partition !== 5) return { ms: 4000 };
      return task.attempt === 1 ? { ms: 7000, fails: died() } : { ms: 5000 };
    });
    const results = await outcomes(stage, 16);
    expect(fileOf(results[5])).toBe(join(folder, "p5-a2"));
    expect(kinds(stage.events)).not.toContain("retry");
  });

  it("whatever the order, each partition has one result and one file", async () => {
    const ending = fc.record({
      ms: fc.integer({ min: 0, max: 12_000 }),
      how: fc.constantFrom("good", "good", "good", "transient", "dies", "deaf"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(ending, { minLength: 60, maxLength: 60 }), async (endings) => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        const stage = stageOf(({ partition, attempt }) => {
          const { ms, how } = endings[(partition * 7 + attempt * 13) % 60] ?? { ms: 0, how: "good" };
          if (how === "transient" && attempt < 4) return { ms, fails: transient() };
          if (how === "dies" && attempt < 4) return { ms, fails: died(), deaf: true };
          return { ms, deaf: how === "deaf" };
        });
        const results = await outcomes(stage, 8);
        const files = results.filter((result) => !(result instanceof MillraceError)).map(fileOf);
        expect(readdirSync(folder).sort()).toEqual(files.map((file) => file.slice(folder.length + 1)).sort());
        results.forEach((result, partition) => {
          const done = stage.attempts.history(partition).filter(({ outcome }) => outcome === "done");
          expect(done).toHaveLength(result instanceof MillraceError ? 0 : 1);
          expect(stage.attempts.history(partition)).toHaveLength(stage.attempts.count(partition));
          if (!(result instanceof MillraceError)) expect(existsSync(fileOf(result))).toBe(true);
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe("a record that ends its worker every time", () => {
  it("is found after the retries are used up, and the task goes on without it", async () => {
    const bad = 4711;
    const stage = stageOf(({ options: { probe, poisoned } }) => {
      if (poisoned?.some(({ row }) => row === bad) === true) return { ms: 10 };
      if (probe === undefined) return { ms: 10, fails: died("exit 9"), at: { from: 0, rows: 65_536 } };
      if (bad < probe.from || bad >= probe.to) return { ms: 10 };
      const from = bad - ((bad - probe.from) % probe.size);
      return { ms: 10, fails: died("exit 9"), at: { from, rows: probe.size } };
    });
    const [result] = await outcomes(stage, 1);
    expect(stage.attempts.history(0).map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual([
      "first failed",
      "retry failed",
      "retry failed",
      "retry failed",
      "probe failed",
      "probe failed",
      "probe failed",
      "retry done",
    ]);
    expect(stage.pool.played.at(-1)?.options.poisoned).toEqual([{ row: bad, message: "exit 9" }]);
    expect(readdirSync(folder)).toEqual([fileOf(result).slice(folder.length + 1)]);
  });

  it("is found again where there are more, one after the other", async () => {
    const bad = [17, 4000, 4001, 65_535];
    const stage = stageOf(({ options: { probe = { from: 0, to: 65_536, size: 65_536 }, poisoned = [] } }) => {
      const first = bad.find((row) => !poisoned.some((one) => one.row === row) && row >= probe.from && row < probe.to);
      if (first === undefined) return { ms: 10 };
      return { ms: 10, fails: died(), at: { from: first - ((first - probe.from) % probe.size), rows: probe.size } };
    });
    const [result] = await outcomes(stage, 1);
    expect(stage.pool.played.at(-1)?.options.poisoned?.map(({ row }) => row)).toEqual(bad);
    expect(readdirSync(folder)).toEqual([fileOf(result).slice(folder.length + 1)]);
  });

  it("the worker's end is told where no single record is to blame", async () => {
    const stage = stageOf(({ options: { probe } }) =>
      probe === undefined ? { ms: 10, fails: died("out of memory"), at: { from: 0, rows: 1000 } } : { ms: 10 },
    );
    const [error] = await outcomes(stage, 1);
    expect(error).toMatchObject({ code: "WORKER_DIED", message: "the worker ended (given up after 5 attempts)" });
  });

  it("is not looked for where no rows were at work", async () => {
    const stage = stageOf(() => ({ ms: 10, fails: died() }));
    const [error] = await outcomes(stage, 1);
    expect(error).toMatchObject({ message: "the worker ended (given up after 4 attempts)" });
  });
});
