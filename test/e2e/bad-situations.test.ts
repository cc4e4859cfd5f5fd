import { spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { count, Engine, read, sum, udf } from "millrace";
import { beforeEach, describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";

/** What goes wrong around a run, rather than in its data. */
const newFolder = caseFolders("millrace-situations-");
let folder = "";
beforeEach(() => {
  folder = newFolder();
});

const schema = { id: "int64", n: "int32" } as const;
const line = (i: number) => `${String(i).padStart(6, "0")},1\n`;
const open = (options: Parameters<typeof Engine.create>[0] = {}) =>
  Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state"), ...options });

/** Lines of equal length, so that partitions of a hundred rows come of it. */
function input(rows: number): { readonly path: string; readonly partitionBytes: number } {
  const path = join(folder, "in.csv");
  writeFileSync(path, `id,n\n${Array.from({ length: rows }, (_, i) => line(i)).join("")}`);
  return { path, partitionBytes: 9 * 100 + 1 };
}

/** Stands still at a row until a file is there, and says by another that it does. */
const waits = (row: bigint) =>
  udf(
    (id: bigint, n: number) => {
      if (id !== row) return n;
      const fs = globalThis.process.getBuiltinModule("node:fs");
      fs.writeFileSync(`${at}/reached`, "");
      for (let i = 0; i < 1000 && !fs.existsSync(`${at}/go`); i++)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      return n;
    },
    { returns: "int32", with: { row, at: folder } },
  );
declare const at: string;

async function until(name: string): Promise<void> {
  for (let i = 0; i < 2000 && !readdirSync(folder).includes(name); i++) await new Promise((done) => setTimeout(done, 5));
}

describe("an input file that changes while it is read", () => {
  const changes: readonly (readonly [string, (path: string) => void])[] = [
    ["grows", (path) => appendFileSync(path, line(9))],
    ["shrinks", (path) => truncateSync(path, statSync(path).size - 18)],
    ["is emptied", (path) => truncateSync(path, 0)],
    ["is written over with as many bytes", (path) => writeFileSync(path, readFileSync(path, "utf8").replaceAll(",1\n", ",2\n"))],
    [
      "is replaced by a file of the same size",
      (path) => {
        writeFileSync(`${path}.new`, readFileSync(path, "utf8").replaceAll(",1\n", ",3\n"));
        renameSync(`${path}.new`, path);
      },
    ],
    ["is removed", (path) => rmSync(path)],
  ];
  // In the first partition, with others to come, and in the last, behind which nobody opens the file.
  const places = [10n, 790n] as const;
  const all = changes.flatMap(([how, change]) => places.map((place) => [how, place, change] as const));

  it.each(all)(
    "%s, at row %s: a typed error names it, and nothing is published",
    { timeout: 180_000 },
    async (_, place, change) => {
      const { path, partitionBytes } = input(800);
      await using engine = await open({ partitionBytes, workers: 1 });
      const wait = waits(place);
      const out = join(folder, "out");
      const handle = engine.run(
        read
          .csv(path, { schema })
          .withColumns((c) => ({ m: wait(c.id, c.n) }))
          .write.csv(out),
      );
      const result = handle.result.then(
        () => null,
        (error: { code: string; message: string }) => error,
      );
      await until("reached");
      change(path);
      writeFileSync(join(folder, "go"), "");
      const error = await result;
      expect(error?.message).toContain(path);
      expect(["SOURCE_CHANGED", "SOURCE_UNREADABLE"]).toContain(error?.code);
      expect(readdirSync(folder).includes("out") ? readdirSync(out).filter((name) => name.endsWith(".csv")) : []).toEqual([]);
    },
  );
});

/** MILLRACE_TEST_PARTITIONS=100000 for all of them: every file waits for the disk, which takes minutes. */
describe("far more partitions of an output than files may be open", () => {
  it("are written with few files open at a time", { timeout: 360_000 }, async () => {
    const path = join(folder, "many.csv");
    const partitions = Number(process.env.MILLRACE_TEST_PARTITIONS ?? 1500);
    writeFileSync(path, `id,n\n${Array.from({ length: partitions }, (_, i) => line(i)).join("")}`);
    const out = join(folder, "out");
    const script = `
      import { Engine, read } from ${JSON.stringify(new URL("../../dist/run/index.js", import.meta.url).href)};
      import { readdirSync } from "node:fs";
      const engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: ${JSON.stringify(join(folder, "state"))}, partitionBytes: "64KiB" });
      const plan = read.csv(${JSON.stringify(path)}, { schema: { id: "int64", n: "int32" } }).write.csv(${JSON.stringify(out)}, { partitionBy: ["id"] });
      let most = 0;
      const look = setInterval(() => { most = Math.max(most, readdirSync("/proc/self/fd").length); }, 5);
      await engine.run(plan);
      clearInterval(look);
      await engine.close();
      console.log(most);`;
    const file = join(folder, "partitions.mjs");
    writeFileSync(file, script);
    const ended = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 110_000 });
    expect(ended.stderr).toBe("");
    expect(Number(ended.stdout)).toBeGreaterThan(0);
    // Two writers of 1,024 files each, and what the process has of its own.
    expect(Number(ended.stdout)).toBeLessThan(2 * 1024 + 100);
    const folders = readdirSync(out).filter((name) => name.startsWith("id="));
    expect(folders).toHaveLength(partitions);
    const last = join(out, `id=${partitions - 1}`);
    expect(readdirSync(last).map((name) => readFileSync(join(last, name), "utf8"))).toEqual(["n\n1\n"]);
  });
});

/** Node aborts a process whose thread is ended while it loads modules through `require`; it took a few hundred runs to see that. */
describe("a run that is over before its threads are there", () => {
  it("ends them while they load", { timeout: 360_000 }, () => {
    const path = join(folder, "in.csv");
    writeFileSync(path, "id,n\n1,1\n");
    const script = `
      import { Engine, read } from ${JSON.stringify(new URL("../../dist/run/index.js", import.meta.url).href)};
      const plan = read.csv(${JSON.stringify(path)}, { schema: { id: "int64", n: "int32" } }).write.csv(${JSON.stringify(join(folder, "out"))}, { mode: "overwrite" });
      const codes = new Set();
      for (let i = 0; i < 80; i++) {
        const engine = await Engine.create({ workers: 2, stateDir: ${JSON.stringify(join(folder, "state"))} });
        await engine.run(plan, { signal: AbortSignal.timeout(1 + (i % 40)) }).then(() => codes.add("SUCCESS"), (error) => codes.add(error.code));
        await engine.close();
      }
      console.log([...codes].join());`;
    const file = join(folder, "ends.mjs");
    writeFileSync(file, script);
    const ended = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 110_000 });
    expect([ended.stderr, ended.signal, ended.status]).toEqual(["", null, 0]);
    expect(ended.stdout).toContain("RUN_CANCELLED");
  });
});

describe("one key with more rows than memory", () => {
  it("is grouped", { timeout: 360_000 }, async () => {
    // 400,000 rows of one key, each with 300 bytes beside it, among keys that come once.
    const path = join(folder, "hot.csv");
    const note = "x".repeat(300);
    const rows = 600_000;
    const chunk: string[] = ["key,n,note\n"];
    for (let i = 0; i < rows; i++) chunk.push(i % 3 === 0 ? `k${i},1,${note}\n` : `hot,1,${note}\n`);
    writeFileSync(path, chunk.join(""));
    await using engine = await open({ memory: "128MB" });
    const out = join(folder, "out");
    const source = read.csv(path, { schema: { key: "utf8", n: "int32", note: "utf8" } });
    const { report } = await engine.run(
      source
        .groupBy("key")
        .agg((c) => ({ total: sum(c.n), rows: count() }))
        .write.csv(out),
    );
    const lines = readFileSync(join(out, readdirSync(out).find((name) => name.endsWith(".csv")) ?? ""), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(1 + rows / 3 + 1);
    expect(lines.filter((one) => one.startsWith("hot,"))).toEqual([`hot,${(2 * rows) / 3},${(2 * rows) / 3}`]);
    expect(report.status).toBe("success");
  });
});

describe("a neighbour in the same process", () => {
  it("is not touched by a run that fails, is cancelled, or loses its workers", { timeout: 180_000 }, async () => {
    const { path, partitionBytes } = input(800);
    const events: string[] = [];
    const listen = (error: unknown) => events.push(String(error));
    process.on("unhandledRejection", listen);
    process.on("uncaughtException", listen);
    const before = { cwd: process.cwd(), umask: process.umask(), code: process.exitCode };
    await using calm = await open({ partitionBytes, stateDir: join(folder, "calm") });
    await using wild = await open({ partitionBytes, stateDir: join(folder, "wild"), retry: false });
    const rows = () => read.csv(path, { schema });
    const dies = udf((n: number) => (n === 1 ? globalThis.process.exit(3) : n), { returns: "int32" });
    const slow = udf(
      (n: number) => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        return n;
      },
      { returns: "int32" },
    );
    const stop = new AbortController();
    const failing = engineError(
      wild.run(
        rows()
          .withColumns((c) => ({ m: dies(c.n) }))
          .write.csv(join(folder, "a")),
      ).result,
    );
    const stopped = engineError(
      wild.run(
        rows()
          .withColumns((c) => ({ m: slow(c.n) }))
          .write.csv(join(folder, "b")),
        { signal: stop.signal },
      ).result,
    );
    const good = calm.run(
      rows()
        .withColumns((c) => ({ m: slow(c.n) }))
        .write.csv(join(folder, "c")),
    ).result;
    setTimeout(() => stop.abort(), 200);
    // The first record that ends its worker is found, whatever the other runs do.
    expect(await failing).toBe("RECORD_POISONED");
    expect(await stopped).toBe("RUN_CANCELLED");
    expect((await good).status).toBe("success");
    const written = readdirSync(join(folder, "c")).filter((name) => name.endsWith(".csv"));
    const lines = written.flatMap((name) =>
      readFileSync(join(folder, "c", name), "utf8")
        .trim()
        .split("\n")
        .slice(1),
    );
    expect(lines).toEqual(Array.from({ length: 800 }, (_, i) => `${i},1,1`));
    expect({ cwd: process.cwd(), umask: process.umask(), code: process.exitCode }).toEqual(before);
    process.off("unhandledRejection", listen);
    process.off("uncaughtException", listen);
    expect(events).toEqual([]);
  });
});

const engineError = (result: Promise<unknown>): Promise<string> =>
  result.then(
    () => "",
    (error: { code: string }) => error.code,
  );
