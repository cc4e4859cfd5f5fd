import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { count, Engine, type MillraceError, read, type RunEvent, type RunResult, sum, udf } from "millrace";
import { beforeEach, describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";

/** Functions that end their worker: a task is lost, tried again, and in the end only the record that did it is set aside. */
const newFolder = caseFolders("millrace-workers-");
let folder = "";
beforeEach(() => {
  folder = newFolder();
});

const retry = { baseMs: 1, maxMs: 5 };
const options = () => ({ workers: 2, memory: "512MB", partitionBytes: 4000, stateDir: join(folder, "state"), retry });
const schema = { id: "int64", n: "int32" } as const;

/** 1000 rows in three partitions. */
function input(): string {
  const path = join(folder, "in.csv");
  writeFileSync(path, `id,n\n${Array.from({ length: 1000 }, (_, i) => `${i},${i % 10}`).join("\n")}\n`);
  return path;
}

async function watched(engine: Engine, plan: Parameters<Engine["run"]>[0]) {
  const handle = engine.run(plan);
  const events: RunEvent[] = [];
  for await (const event of handle) events.push(event);
  return { events, result: handle.result };
}

const ids = (path: string): number[] =>
  readdirSync(path)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(path, name), "utf8").trim().split("\n"))
    .map((line) => Number((JSON.parse(line) as { id: number | string }).id));

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

const deadly = {
  "process.exit": udf(
    (id: bigint) => {
      if (id === 517n) globalThis.process.exit(7);
      return id;
    },
    { returns: "int64" },
  ),
  "an endless loop": udf(
    (id: bigint) => {
      while (id === 517n) Math.sqrt(2);
      return id;
    },
    { returns: "int64" },
  ),
  "a lack of memory": udf(
    (id: bigint) => {
      const held: unknown[] = [];
      while (id === 517n) held.push({ id, more: [id, id] });
      return id;
    },
    { returns: "int64" },
  ),
};

describe("a record that ends its worker", () => {
  for (const [how, fn] of Object.entries(deadly)) {
    it(`by ${how} is set aside, and all others go on`, { timeout: 180_000 }, async () => {
      const path = input();
      await using engine = await Engine.create({ ...options(), retry: { ...retry, retries: 1 }, taskTimeout: "400ms" });
      const source = read.csv(path, { schema, onReject: "quarantine" });
      const plan = source.withColumns((c) => ({ m: fn(c.id) })).write.jsonl(join(folder, "out"));
      const { events, result } = await watched(engine, plan);
      const done: RunResult = await result;
      expect(done.status).toBe("partial");
      expect(ids(join(folder, "out"))).toEqual(Array.from({ length: 1000 }, (_, i) => i).filter((id) => id !== 517));
      const [reject, ...more] = await all(done.rejects);
      expect(more).toEqual([]);
      expect(reject).toMatchObject({ code: "RECORD_POISONED", file: path, line: 519, rawKind: "bytes" });
      expect(Buffer.from(reject?.raw ?? []).toString()).toBe("517,7");
      const text = readFileSync(path);
      expect(text.subarray(Number(reject?.byte), Number(reject?.byte) + Number(reject?.length)).toString()).toBe("517,7");
      // One attempt and one retry, at most two probes to find it and one to prove it, then without it.
      const attempts = events.filter((event) => event.kind === "attempt");
      expect(attempts.map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual([
        "first failed",
        "retry failed",
        ...attempts.slice(2, -1).map(() => "probe failed"),
        "retry done",
      ]);
      expect(attempts.length).toBeLessThanOrEqual(6);
      expect(existsSync(join(folder, "state", "runs", done.runId, "scratch"))).toBe(false);
    });
  }

  type Kept = { kept?: Map<bigint, string>; list?: bigint[] };
  const grows = {
    "a map": udf(
      (id: bigint) => {
        const all = globalThis as Kept;
        all.kept ??= new Map();
        all.kept.set(id, `${id}`.padStart(20));
        return id;
      },
      { returns: "int64" },
    ),
    "an array": udf(
      (id: bigint) => {
        const all = globalThis as Kept;
        all.list ??= [];
        for (let i = 0; i < 20; i++) all.list.push(id);
        return id;
      },
      { returns: "int64" },
    ),
  };
  for (const [what, fn] of Object.entries(grows)) {
    it(`blames none where a function keeps something of all in ${what}`, { timeout: 180_000 }, async () => {
      const path = join(folder, "many.csv");
      writeFileSync(path, `id,n\n${Array.from({ length: 2_000_000 }, (_, i) => `${i},1`).join("\n")}\n`);
      await using engine = await Engine.create({ ...options(), partitionBytes: 2 ** 30, retry: { ...retry, retries: 1 } });
      const source = read.csv(path, { schema, onReject: "quarantine" });
      const error = await engine.run(source.withColumns((c) => ({ m: fn(c.id) })).write.jsonl(join(folder, "out"))).then(
        () => null,
        (thrown: unknown) => thrown as MillraceError,
      );
      expect(error).toMatchObject({ code: "WORKER_DIED" });
      expect(error?.message).toMatch(/the JavaScript heap holds \d+ MiB after a collection, of 1\d\d MiB that it may/);
      expect(existsSync(join(folder, "out"))).toBe(false);
      expect((await engine.collect(read.csv(input(), { schema }))).numRows).toBe(1000);
    });
  }

  it("fails the run where records are not to be set aside, and says which record it is", { timeout: 180_000 }, async () => {
    const path = input();
    await using engine = await Engine.create(options());
    const plan = read
      .csv(path, { schema })
      .withColumns((c) => ({ m: deadly["process.exit"](c.id) }))
      .write.jsonl(join(folder, "out"));
    const error = (await engine.run(plan).then(
      () => null,
      (thrown: unknown) => thrown,
    )) as MillraceError;
    expect(error.toData()).toMatchObject({
      code: "RECORD_POISONED",
      category: "Data",
      file: path,
      line: 519,
      byte: 5 + 10 * 4 + 90 * 5 + 417 * 6,
    });
    expect(error.message).toContain("exited with code: 7");
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("gives the same output and rejects with one worker and with three", { timeout: 180_000 }, async () => {
    const path = input();
    const seen: unknown[] = [];
    for (const workers of [1, 3]) {
      await using engine = await Engine.create({ ...options(), workers, retry: { ...retry, retries: 0 } });
      const out = join(folder, `out${workers}`);
      const worse = udf(
        (n: number, id: bigint) => {
          if (id === 3n || id === 300n || id === 301n || id === 999n) globalThis.process.exit(1);
          return n;
        },
        { returns: "int32" },
      );
      const plan = read
        .csv(path, { schema, onReject: "quarantine" })
        .withColumns((c) => ({ m: worse(c.n, c.id) }))
        .write.jsonl(out);
      const result = await engine.run(plan);
      const rejects = (await all(result.rejects)).map(({ line, code, byte }) => [line, code, byte]);
      seen.push([
        readdirSync(out)
          .map((name) => [name, name.endsWith(".jsonl") ? readFileSync(join(out, name), "utf8") : ""])
          .sort(),
        rejects,
      ]);
      expect(rejects.map(([line]) => line)).toEqual([5, 302, 303, 1001]);
    }
    expect(JSON.stringify(seen[1])).toBe(JSON.stringify(seen[0]));
  });
});

describe("whatever the rows come from and go to", () => {
  const write: { readonly [format: string]: (engine: Engine, path: string) => Promise<unknown> } = {
    csv: async () => undefined,
    jsonl: (engine, path) => engine.run(read.csv(path, { schema }).write.jsonl(join(folder, "in.jsonl"))).result,
    parquet: (engine, path) => engine.run(read.csv(path, { schema }).write.parquet(join(folder, "in.parquet"))).result,
    arrow: (engine, path) => engine.run(read.csv(path, { schema }).write.arrow(join(folder, "in.arrow"))).result,
  };
  const settings = { schema, onReject: "quarantine" } as const;
  const readers = {
    csv: () => read.csv(join(folder, "in.csv"), settings),
    jsonl: () => read.jsonl(join(folder, "in.jsonl"), settings),
    parquet: () => read.parquet(join(folder, "in.parquet"), { onReject: "quarantine" }),
    arrow: () => read.arrow(join(folder, "in.arrow"), { onReject: "quarantine" }),
  };
  for (const format of ["csv", "jsonl", "parquet", "arrow"] as const) {
    it(`a record of ${format} is set aside, and sums are those of the others`, { timeout: 180_000 }, async () => {
      await using engine = await Engine.create({ ...options(), retry: false });
      await write[format]?.(engine, input());
      const fn = deadly["process.exit"];
      const source = readers[format]() as ReturnType<(typeof readers)["csv"]>;
      const out = join(folder, "out");
      const plan = source
        .withColumns((c) => ({ m: fn(c.id) }))
        .groupBy("n")
        .agg((c) => ({ rows: count(), total: sum(c.m) }))
        .write.jsonl(out);
      const result = await engine.run(plan);
      const groups = readdirSync(out)
        .filter((name) => name.endsWith(".jsonl"))
        .flatMap((name) => readFileSync(join(out, name), "utf8").trim().split("\n"))
        .map((line) => JSON.parse(line) as { n: number; rows: number; total: number | string });
      const expected = Array.from({ length: 10 }, (_, n) => {
        const kept = Array.from({ length: 1000 }, (_unused, i) => i).filter((i) => i % 10 === n && i !== 517);
        return { n, rows: kept.length, total: kept.reduce((a, b) => a + b, 0) };
      });
      expect(groups.map(({ n, rows, total }) => ({ n, rows: Number(rows), total: Number(total) }))).toEqual(expected);
      const rejects = await all(result.rejects);
      expect(rejects.map(({ code }) => code)).toEqual(["RECORD_POISONED"]);
      expect(Buffer.from(rejects[0]?.raw ?? []).toString()).toMatch(/517/);
      const { recordsRead, recordsFailed } = result.report.data.execution;
      expect([recordsRead, recordsFailed]).toEqual([1000, 1]);
    });
  }
});

describe("a worker that dies by chance", () => {
  it("costs one attempt, and other runs of the engine nothing", { timeout: 180_000 }, async () => {
    const path = input();
    const flag = join(folder, "died");
    const once = udf(
      (id: bigint) => {
        const fs = globalThis.process.getBuiltinModule("node:fs");
        if (id === 517n && !fs.existsSync(flag)) {
          fs.writeFileSync(flag, "");
          globalThis.process.exit(1);
        }
        return id;
      },
      { returns: "int64", with: { flag } },
    );
    await using engine = await Engine.create(options());
    const dies = read
      .csv(path, { schema })
      .withColumns((c) => ({ m: once(c.id) }))
      .write.jsonl(join(folder, "out"));
    const quiet = (out: string) =>
      read
        .csv(path, { schema })
        .filter((c) => c.n.gt(4))
        .write.jsonl(join(folder, out));
    const others = [1, 2, 3, 4].map((i) => engine.run(quiet(`other${i}`)));
    const { events, result } = await watched(engine, dies);
    const report = (await result).report;
    expect(ids(join(folder, "out"))).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(events.filter(({ kind }) => kind === "retry")).toHaveLength(1);
    const attempts = events.flatMap((event) => (event.kind === "attempt" ? [[event.attempt, event.outcome, event.code]] : []));
    expect(attempts).toEqual([
      [1, "failed", "WORKER_DIED"],
      [2, "done", null],
    ]);
    expect(report.status).toBe("success");
    for (const [i, other] of others.entries()) {
      expect((await other).status).toBe("success");
      expect(ids(join(folder, `other${i + 1}`))).toHaveLength(500);
    }
  });

  it("is told where it does so each time without a record to blame", { timeout: 180_000 }, async () => {
    const path = input();
    await using engine = await Engine.create(options());
    // Not a row, but what came of all of them: no record alone does it.
    const batches = read.csv(path, { schema }).mapBatches(
      (batch) => {
        if (batch.length > 1) globalThis.process.exit(3);
        return batch;
      },
      { schema },
    );
    const error = (await engine.run(batches.write.jsonl(join(folder, "out"))).then(
      () => null,
      (thrown: unknown) => thrown,
    )) as MillraceError;
    expect(error).toMatchObject({ code: "WORKER_DIED", category: "Resource" });
    expect(error.message).toMatch(/exited with code: 3 \(given up after \d+ attempts\)/);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("between tasks, by what a function left behind, harms no task for good", { timeout: 180_000 }, async () => {
    const path = input();
    const late = udf(
      (id: bigint) => {
        if (id === 10n) {
          setTimeout(() => {
            throw new Error("too late");
          }, 5);
        }
        return id;
      },
      { returns: "int64" },
    );
    await using engine = await Engine.create(options());
    for (let i = 0; i < 5; i++) {
      const out = join(folder, `out${i}`);
      const result = await engine.run(
        read
          .csv(path, { schema })
          .withColumns((c) => ({ m: late(c.id) }))
          .write.jsonl(out),
      );
      expect(result.status).toBe("success");
      expect(ids(out)).toHaveLength(1000);
    }
  });
});
