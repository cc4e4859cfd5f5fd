import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import {
  check,
  Engine,
  max,
  type MillraceError,
  openRejects,
  type Plan,
  planToJson,
  read,
  type Reject,
  type RunResult,
  udf,
} from "millrace";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";

let root = "";
let folder = "";
let stateDir = "";
let engine: Engine;
let made = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "millrace-rejects-"));
  stateDir = join(root, "state");
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir, partitionBytes: 2000 });
});

afterAll(async () => {
  await engine.close();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  folder = join(root, `case-${made++}`);
  mkdirSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function all(rejects: AsyncIterable<Reject>): Promise<Reject[]> {
  const found: Reject[] = [];
  for await (const reject of rejects) found.push(reject);
  return found;
}

const text = (reject: Reject): string => Buffer.from(reject.raw ?? []).toString("utf8");
const run = (plan: Plan): Promise<RunResult> => engine.run(plan).result;
const schema = { id: "int64", name: "utf8", n: "int32" } as const;
const quarantine = { schema, onReject: "quarantine" } as const;

describe("what rejects a record", () => {
  const cases: readonly (readonly [code: string, record: string | Buffer, column: string | null])[] = [
    ["CSV_TOO_FEW_FIELDS", "7,x", null],
    ["CSV_TOO_MANY_FIELDS", "7,x,1,2", null],
    ["CSV_STRAY_QUOTE", '7,"x"y,1', null],
    ["CSV_UNCLOSED_QUOTE", '7,"x,1', null],
    ["INVALID_UTF8", Buffer.concat([Buffer.from("7,"), Buffer.from([0xff, 0xfe]), Buffer.from(",1")]), "name"],
    ["CAST_FAILED", "7,x,one", "n"],
    ["CAST_FAILED", "7,x,3000000000", "n"],
    ["UDF_THREW", "7,throw,1", "m"],
    ["INTEGER_OVERFLOW", "7,x,2147483647", "m"],
  ];

  it.each(cases)("%s: %s", async (code, record, column) => {
    const bytes = Buffer.concat([Buffer.from("id,name,n\n1,a,1\n"), Buffer.from(record), Buffer.from("\n")]);
    const path = file("in.csv", bytes);
    const strict = udf(
      (name: string) => {
        if (name === "throw") throw new Error("told to");
        return 1;
      },
      { returns: "int32" },
    );
    const source = read.csv(path, { ...quarantine, quotes: "strict" });
    const plan = source.withColumns((c) => ({ m: c.n.add(strict(c.name)) }));
    const result = await run(plan.write.jsonl(join(folder, "out")));
    const rejects = await all(result.rejects);
    expect(result.status).toBe("partial");
    expect(rejects).toHaveLength(1);
    const [reject] = rejects as [Reject];
    expect(reject).toMatchObject({ runId: result.runId, file: path, line: 3, byte: 16, code, attempt: 1, rawKind: "bytes" });
    expect(reject.column).toBe(column);
    expect(reject.length).toBe(Buffer.from(record).length);
    expect(Buffer.compare(Buffer.from(reject.raw ?? []), Buffer.from(record))).toBe(0);
    expect(reject.functionHash === null).toBe(code !== "UDF_THREW");
    expect(result.rejects).toMatchObject({ count: 1, byCode: { [code]: 1 }, byFile: { [path]: 1 } });
    expect(readFileSync(result.rejects.rawFiles[0]?.path ?? "")).toEqual(
      Buffer.concat([Buffer.from("id,name,n\n"), Buffer.from(record), Buffer.from("\n")]),
    );
  });

  it("lines of JSON", async () => {
    const lines = ['{"id":1,"name":"a","n":1}', "{broken", "[1]", '{"id":2,"name":"b","n":"x"}'];
    const path = file("in.jsonl", `${lines.join("\n")}\n`);
    const result = await run(read.jsonl(path, quarantine).write.jsonl(join(folder, "out")));
    const rejects = await all(result.rejects);
    expect(rejects.map((reject) => [reject.line, reject.code, text(reject)])).toEqual([
      [2, "JSON_INVALID", lines[1]],
      [3, "JSON_NOT_OBJECT", lines[2]],
      [4, expect.any(String), lines[3]],
    ]);
  });

  it("rows of Parquet have a number and are given as JSON", async () => {
    const path = join(folder, "in.parquet");
    const rows = Array.from({ length: 50 }, (_, i) => ({ id: BigInt(i), name: i === 33 ? "throw" : "x" }));
    await run(read.rows(rows, { schema: { id: "int64", name: "utf8" } }).write.parquet(path));
    const strict = udf(
      (name: string) => {
        if (name === "throw") throw new Error("told to");
        return name;
      },
      { returns: "utf8" },
    );
    const plan = read
      .parquet(path, { onReject: "quarantine" })
      .withColumns((c) => ({ checked: strict((c as { name: never }).name) }));
    const result = await run(plan.write.jsonl(join(folder, "out")));
    const [reject] = (await all(result.rejects)) as [Reject];
    expect(reject).toMatchObject({ file: path, row: 33, line: null, byte: null, code: "UDF_THREW", rawKind: "json" });
    expect(JSON.parse(text(reject))).toEqual({ id: 33, name: "throw" });
  });

  it("rows of a program have a number and are given as JSON", async () => {
    const rows = [{ id: 1 }, { id: 2.5 }];
    const result = await run(
      read.rows(rows, { schema: { id: "int32" }, onReject: "quarantine" }).write.jsonl(join(folder, "out")),
    );
    const [reject] = (await all(result.rejects)) as [Reject];
    expect(reject).toMatchObject({ row: 1, rawKind: "json" });
    expect(JSON.parse(text(reject))).toEqual({ id: 2.5 });
  });
});

describe("where they are kept", () => {
  /** Every third record is wrong; some records span lines, and all partitions are small. */
  function mixed(count: number): string {
    const records = Array.from({ length: count }, (_, i) => {
      if (i % 3 === 0) return i % 2 === 0 ? `${i},"two\nlines, ${"é".repeat(i % 7)}",x` : `${i},short`;
      return i % 5 === 0 ? `${i},"two\nlines",${i}` : `${i},name ${i},${i}`;
    });
    return `id,name,n\n${records.join("\n")}\n`;
  }

  it("raw bytes are those at the place, for any number of workers", async () => {
    const content = Buffer.from(mixed(2000));
    const path = file("in.csv", content);
    const plan = read.csv(path, quarantine).write.jsonl(join(folder, "out"), { mode: "overwrite" });
    const result = await run(plan);
    const rejects = await all(result.rejects);
    expect(rejects).toHaveLength(667);
    for (const reject of rejects) {
      const [byte, length] = [reject.byte ?? -1, reject.length ?? -1];
      expect(Buffer.from(reject.raw ?? [])).toEqual(content.subarray(byte, byte + length));
      const before = content.subarray(0, byte);
      expect(reject.line).toBe(before.filter((c) => c === 10).length + 1);
    }
    const one = await Engine.create({ workers: 1, memory: "512MB", stateDir: join(root, "one"), partitionBytes: 2000 });
    try {
      const again = await all((await one.run(plan).result).rejects);
      expect(again.map(({ runId: _, ...rest }) => rest)).toEqual(rejects.map(({ runId: _, ...rest }) => rest));
    } finally {
      await one.close();
    }
  });

  it("the raw file reads like the source, and the dataset like any other", async () => {
    const path = file("in.csv", mixed(300));
    const result = await run(read.csv(path, quarantine).write.jsonl(join(folder, "out")));
    const [raw] = result.rejects.rawFiles;
    const again = await run(read.csv(raw?.path ?? "", quarantine).write.jsonl(join(folder, "again")));
    expect(again.rejects.count).toBe(100);
    expect((await all(again.rejects)).map(text)).toEqual((await all(result.rejects)).map(text));
    const table = await engine.collect(
      result.rejects
        .dataset()
        .groupBy("code")
        .agg(() => ({})),
    );
    expect(table.numRows).toBe(2);
    expect(openRejects({ stateDir, runId: result.runId }).count).toBe(100);
  });

  it("a compressed file", async () => {
    const path = file("in.csv.gz", gzipSync(mixed(300)));
    const result = await run(read.csv(path, quarantine).write.jsonl(join(folder, "out")));
    const content = Buffer.from(mixed(300));
    for (const reject of await all(result.rejects)) {
      const [byte, length] = [reject.byte ?? -1, reject.length ?? -1];
      expect(Buffer.from(reject.raw ?? [])).toEqual(content.subarray(byte, byte + length));
    }
  });

  it("skip counts and keeps nothing", async () => {
    const path = file("in.csv", mixed(30));
    const result = await run(read.csv(path, { schema, onReject: "skip" }).write.jsonl(join(folder, "out")));
    expect([result.status, result.rejects.count, result.rejects.kept]).toEqual(["partial", 10, false]);
    expect(await all(result.rejects)).toEqual([]);
    expect(existsSync(join(stateDir, "runs", result.runId, "rejects"))).toBe(false);
  });

  it("an unknown run is named with the nearest ones", async () => {
    const path = file("in.csv", mixed(30));
    const { runId } = await run(read.csv(path, quarantine).write.jsonl(join(folder, "out")));
    const wrong = `${runId.slice(0, -1)}${runId.endsWith("0") ? "1" : "0"}`;
    const error = await failureOf(() => openRejects({ stateDir, runId: wrong }));
    expect([error.code, error.hint]).toEqual(["RUN_NOT_FOUND", expect.stringContaining(runId)]);
  });
});

describe("limits", () => {
  const bad = (rows: number, wrong: number) =>
    `id,name,n\n${Array.from({ length: rows }, (_, i) => (i < wrong ? `${i},a,x` : `${i},a,1`)).join("\n")}\n`;

  it.each([
    ["count", { count: 5 }, 5, 6],
    ["perFile", { perFile: 5 }, 5, 6],
    ["perColumn", { perColumn: 5 }, 5, 6],
    ["rate", { rate: 0.05 }, 5, 6],
    ["rate over its least rows", { rate: 0.05, minRows: 100 }, 5, 6],
  ] as const)("%s at the border", async (_, rejectLimits, good, tooMany) => {
    const plan = (name: string, wrong: number) =>
      read.csv(file(name, bad(100, wrong)), { ...quarantine, rejectLimits }).write.jsonl(join(folder, `out-${name}`));
    expect((await run(plan("good", good))).status).toBe("partial");
    const error = await failureOf(() => run(plan("bad", tooMany)));
    expect(error.code).toBe("REJECT_LIMIT_EXCEEDED");
    expect(existsSync(join(folder, "out-bad"))).toBe(false);
    const { runId } = error as MillraceError & { runId: string };
    expect(openRejects({ stateDir, runId }).count).toBe(6);
  });

  it("a rate is not judged below its least rows", async () => {
    const path = file("in.csv", bad(99, 50));
    const plan = read.csv(path, { ...quarantine, rejectLimits: { rate: 0.05, minRows: 100 } }).write.jsonl(join(folder, "out"));
    expect((await run(plan)).rejects.count).toBe(50);
  });
});

describe("replay", () => {
  const strict = udf(
    (n: number) => {
      if (n % 7 === 0) throw new Error("sevens are not supported");
      return n * 2;
    },
    { returns: "int32" },
  );
  const repaired = udf((n: number) => n * 2, { returns: "int32" });
  const rows = (count: number) =>
    `id,name,n\n${Array.from({ length: count }, (_, i) => `${i},"name, ${i}\nsecond line",${i}`).join("\n")}\n`;

  const build = (path: string, double: typeof strict, out: string) =>
    read
      .csv(path, quarantine)
      .withColumns((c) => ({ twice: double(c.n), part: c.id.mod(3) }))
      .write.jsonl(out, { partitionBy: ["part"], mode: "overwrite" });

  function partitions(out: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const part of readdirSync(out).filter((name) => name.startsWith("part="))) {
      const lines = readdirSync(join(out, part)).flatMap((name) =>
        readFileSync(join(out, part, name), "utf8")
          .trimEnd()
          .split("\n"),
      );
      found.set(part, lines.sort());
    }
    return found;
  }

  it("appends a thousand repaired records, once", async () => {
    const path = file("in.csv", rows(7000));
    const [out, clean] = [join(folder, "out"), join(folder, "clean")];
    const broken = await run(build(path, strict, out));
    expect(broken.rejects.count).toBe(1000);
    const first = await engine.replay(broken.runId, build(path, repaired, out));
    expect(first).toMatchObject({ strategy: "append", replayed: 1000, resolved: 1000, remaining: 0 });
    await run(build(path, repaired, clean));
    expect(partitions(out)).toEqual(partitions(clean));
    const files = readdirSync(out, { recursive: true });
    const second = await engine.replay(broken.runId, build(path, repaired, out));
    expect(second).toMatchObject({ strategy: "none", replayed: 0, remaining: 0, replayId: null });
    expect(readdirSync(out, { recursive: true })).toEqual(files);
    expect(openRejects({ stateDir, runId: broken.runId }).resolved).toBe(1000);
  });

  it("the run's own plan changes nothing", async () => {
    const path = file("in.csv", rows(70));
    const out = join(folder, "out");
    const broken = await run(build(path, strict, out));
    const before = readdirSync(out, { recursive: true });
    expect(await engine.replay(broken.runId)).toMatchObject({ replayed: 10, resolved: 0, remaining: 10, replayId: null });
    expect(readdirSync(out, { recursive: true })).toEqual(before);
  });

  it("takes part of them by code, and the rest later", async () => {
    const path = file("in.csv", `${rows(70)}99,x\n`);
    const out = join(folder, "out");
    const broken = await run(build(path, strict, out));
    const plan = build(path, repaired, out);
    expect(await engine.replay(broken.runId, plan, { where: { code: "UDF_THREW" } })).toMatchObject({
      strategy: "append",
      replayed: 10,
      resolved: 10,
      remaining: 1,
    });
    expect(await engine.replay(broken.runId, plan)).toMatchObject({ replayed: 1, resolved: 0, remaining: 1 });
  });

  it("computes an aggregate anew, where the inputs are what they were", async () => {
    const path = file("in.csv", rows(700));
    const grouped = (double: typeof strict, out: string) =>
      read
        .csv(path, quarantine)
        .withColumns((c) => ({ twice: double(c.n), part: c.id.mod(3) }))
        .groupBy("part")
        .agg((c) => ({ most: max(c.twice) }))
        .write.parquet(out);
    const [out, clean] = [join(folder, "out.parquet"), join(folder, "clean.parquet")];
    const broken = await run(grouped(strict, out));
    await run(grouped(repaired, clean));
    expect(await engine.replay(broken.runId, grouped(repaired, out))).toMatchObject({
      strategy: "recompute",
      resolved: 100,
      remaining: 0,
    });
    expect(readFileSync(out)).toEqual(readFileSync(clean));
    expect(await engine.replay(broken.runId, grouped(repaired, out))).toMatchObject({ strategy: "none" });
    const again = await run(grouped(strict, join(folder, "other.parquet")));
    writeFileSync(path, rows(701));
    const error = await failureOf(() => engine.replay(again.runId, grouped(repaired, join(folder, "other.parquet"))));
    expect([error.code, error.message]).toEqual(["REPLAY_NOT_POSSIBLE", expect.stringContaining("has changed since")]);
  });

  it("knows a replay that was cut off behind its commit", async () => {
    const path = file("in.csv", rows(70));
    const out = join(folder, "out");
    const broken = await run(build(path, strict, out));
    const plan = build(path, repaired, out);
    const { replayId } = await engine.replay(broken.runId, plan);
    const before = partitions(out);
    const replays = join(stateDir, "runs", broken.runId, "rejects", "replays");
    renameSync(join(replays, `${replayId}.done.json`), join(replays, `${replayId}.prepared.json`));
    expect(await engine.replay(broken.runId, plan)).toMatchObject({ strategy: "none", remaining: 0 });
    expect(partitions(out)).toEqual(before);
  });

  it.each([0, 1, 2, 5, 10, 20, 40])("killed %d ms after it was prepared, the next one carries it to its end", async (ms) => {
    const path = file("in.csv", rows(2100));
    const [out, clean] = [join(folder, "out"), join(folder, "clean")];
    const broken = await run(build(path, strict, out));
    await run(build(path, repaired, clean));
    const plan = build(path, repaired, out);
    const script = file(
      "replay.mjs",
      `import { Engine, planFromJson } from "millrace";
const engine = await Engine.create({ workers: 1, memory: "256MB", stateDir: ${JSON.stringify(stateDir)} });
await engine.replay(${JSON.stringify(broken.runId)}, planFromJson(${JSON.stringify(planToJson(plan))}));
await engine.close();`,
    );
    // Inside of the package, so that its own name can be imported.
    const inside = join(import.meta.dirname, `.replay-${process.pid}-${ms}.mjs`);
    copyFileSync(script, inside);
    try {
      const child = spawn(process.execPath, [inside], { stdio: "ignore" });
      const ended = new Promise((done) => child.on("close", done));
      const replays = join(stateDir, "runs", broken.runId, "rejects", "replays");
      const begun = () => existsSync(replays) && readdirSync(replays).some((name) => /(prepared|done)\.json$/.test(name));
      while (!begun() && child.exitCode === null) await delay(1);
      await delay(ms);
      child.kill("SIGKILL");
      await ended;
    } finally {
      rmSync(inside, { force: true });
    }
    const after = await engine.replay(broken.runId, plan);
    expect(after.remaining).toBe(0);
    expect(partitions(out)).toEqual(partitions(clean));
    expect(await engine.replay(broken.runId, plan)).toMatchObject({ strategy: "none" });
    expect(partitions(out)).toEqual(partitions(clean));
  });

  it("appends through a function over batches and checks of single rows", async () => {
    const path = file("in.csv", rows(700));
    const [out, clean] = [join(folder, "out"), join(folder, "clean")];
    type Row = { readonly id: bigint; readonly twice: number };
    const plan = (double: typeof strict, least: number, to: string) =>
      read
        .csv(path, quarantine)
        .withColumns((c) => ({ twice: double(c.n) }))
        .expect(check.between("id", { min: least, max: 100_000 }, { action: "quarantine" }))
        .mapBatches(
          ({ length, columns }: { length: number; columns: Record<string, unknown> }) => {
            const [ids, twos] = [columns.id as ArrayLike<Row["id"]>, columns.twice as ArrayLike<Row["twice"]>];
            return { length, columns: { id: ids, sum: Array.from({ length }, (_, i) => Number(ids[i]) + Number(twos[i])) } };
          },
          { schema: { id: "int64", sum: "float64" } },
        )
        .write.jsonl(to);
    const broken = await run(plan(strict, 20, out));
    expect(broken.rejects.byCode).toEqual({ UDF_THREW: 100, CHECK_FAILED: 17 });
    // Only the function is repaired at first: the three records under 20 that it rejected fail the check now.
    expect(await engine.replay(broken.runId, plan(repaired, 20, out))).toMatchObject({
      strategy: "append",
      replayed: 117,
      resolved: 97,
      remaining: 20,
    });
    expect(await engine.replay(broken.runId, plan(repaired, 0, out))).toMatchObject({ replayed: 20, resolved: 20, remaining: 0 });
    await run(plan(repaired, 0, clean));
    const lines = (at: string) =>
      readdirSync(at)
        .filter((name) => name.endsWith(".jsonl"))
        .flatMap((name) => readFileSync(join(at, name), "utf8").trimEnd().split("\n"))
        .sort();
    expect(lines(out)).toEqual(lines(clean));
  });

  it.each([
    ["utf16le", (text: string) => Buffer.from(`\ufeff${text}`, "utf16le")],
    ["windows-1252", (text: string) => Buffer.from(text, "latin1")],
  ] as const)("keeps raw bytes as they stand, and replays them: %s", async (encoding, encode) => {
    const records = Array.from({ length: 300 }, (_, i) => (i % 10 === 3 ? `${i},müßig ${i},x${i}` : `${i},été ${i},${i}`));
    const path = file("in.csv", encode(`id,name,n\n${records.join("\n")}\n`));
    const make = (type: "int32" | "utf8", out: string) =>
      read.csv(path, { schema: { id: "int64", name: "utf8", n: type }, encoding, onReject: "quarantine" }).write.jsonl(out);
    const out = join(folder, "out");
    const broken = await run(make("int32", out));
    const rejects = await all(broken.rejects);
    expect(rejects).toHaveLength(30);
    const bytes = readFileSync(path);
    for (const { byte, length, line, raw } of rejects) {
      expect(Buffer.from(raw ?? [])).toEqual(bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)));
      expect(Buffer.from(raw ?? [])).toEqual(encode(records[(line ?? 0) - 2] as string).subarray(encoding === "utf16le" ? 2 : 0));
    }
    // Only the records are needed: the source may be gone.
    renameSync(path, `${path}.old`);
    const error = await failureOf(() => engine.replay(broken.runId, make("utf8", out)));
    expect(error.place.file ?? error.message).toContain("in.csv");
    renameSync(`${path}.old`, path);
    const done = await engine.replay(broken.runId, make("utf8", out), { where: { code: "CAST_FAILED" } });
    expect(done).toMatchObject({ strategy: "append", replayed: 30, resolved: 30, remaining: 0 });
    const names = readdirSync(out)
      .filter((name) => name.endsWith(".jsonl"))
      .flatMap((name) => readFileSync(join(out, name), "utf8").trimEnd().split("\n"))
      .map((line) => (JSON.parse(line) as { name: string }).name);
    expect(names.sort()).toEqual(records.map((record) => record.split(",")[1]).sort());
  });

  it("keeps the values of key=value folders", async () => {
    for (const day of ["2026-01-01", "2026-01-02"]) {
      mkdirSync(join(folder, "in", `day=${day}`), { recursive: true });
      writeFileSync(join(folder, "in", `day=${day}`, "part.csv"), `id,name,n\n1,a,1\n2,b,7\n3,c,3\n`);
    }
    const out = join(folder, "out");
    const plan = (double: typeof strict) =>
      read
        .csv(join(folder, "in"), { onReject: "quarantine", schema: { ...schema, day: "utf8" } })
        .withColumns((c) => ({ twice: double(c.n) }))
        .write.jsonl(out);
    const broken = await run(plan(strict));
    expect(broken.rejects.count).toBe(2);
    expect(await engine.replay(broken.runId, plan(repaired))).toMatchObject({ strategy: "append", resolved: 2, remaining: 0 });
    const found = readdirSync(out)
      .filter((name) => name.endsWith(".jsonl"))
      .flatMap((name) => readFileSync(join(out, name), "utf8").trimEnd().split("\n"))
      .map((line) => JSON.parse(line) as { id: number; day: string })
      .filter(({ id }) => id === 2);
    expect(found.map(({ day }) => day).sort()).toEqual(["2026-01-01", "2026-01-02"]);
  });

  it("refuses a target that another run has replaced", async () => {
    const path = file("in.csv", rows(70));
    const out = join(folder, "out");
    const broken = await run(build(path, strict, out));
    await run(build(path, repaired, out));
    const error = await failureOf(() => engine.replay(broken.runId, build(path, repaired, out)));
    expect(error.code).toBe("REPLAY_TARGET_CHANGED");
  });

  it("refuses a run that published nothing", async () => {
    const path = file("in.csv", rows(70));
    const out = join(folder, "out");
    const limited = read
      .csv(path, { ...quarantine, rejectLimits: { count: 0 } })
      .withColumns((c) => ({ twice: strict(c.n) }))
      .write.jsonl(out);
    const { runId } = (await failureOf(() => run(limited))) as MillraceError & { runId: string };
    expect((await failureOf(() => engine.replay(runId, limited))).code).toBe("REPLAY_NOT_POSSIBLE");
  });

  it("reads records with broken quotes each by itself", async () => {
    const path = file("in.csv", 'id,name,n\n1,"a"b,1\n2,c,2\n3,"d"e,3\n4,"f\n,4\n');
    const out = join(folder, "out");
    const build = (quotes: "strict" | "lenient") =>
      read.csv(path, { ...quarantine, quotes }).write.jsonl(out, { mode: "overwrite" });
    const broken = await run(build("strict"));
    const stray = (await all(broken.rejects)).filter((reject) => reject.code === "CSV_STRAY_QUOTE").length;
    const replayed = await engine.replay(broken.runId, build("lenient"), { where: { code: "CSV_STRAY_QUOTE" } });
    expect(replayed).toMatchObject({ replayed: stray, resolved: stray });
  });
});

describe("the command line", () => {
  const cli = (...args: string[]) =>
    new Promise<{ code: number | null; out: Buffer; err: string }>((done) => {
      const command = join(import.meta.dirname, "../../dist/run/cli.js");
      const child = spawn(process.execPath, [command, ...args, "--state-dir", stateDir], { cwd: folder });
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
      child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
      child.on("close", (code) => done({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }));
    });

  it("lists, exports and replays", async () => {
    const content = "id,name,n\n1,a,1\n2,b,x\n3,c\n4,d,4\n";
    const path = file("in.csv", content);
    const out = join(folder, "out");
    const { runId } = await run(read.csv(path, quarantine).write.jsonl(out));
    const listed = await cli("rejects");
    expect(listed.code).toBe(0);
    expect(listed.out.toString()).toContain(`run ${runId}: 2 records rejected`);
    expect(listed.out.toString()).toContain("CSV_TOO_FEW_FIELDS");
    expect(listed.err).toContain(`millrace replay ${runId} --state-dir ${stateDir}`);
    const one = (await cli("rejects", runId, "--samples", "1")).out.toString();
    expect([one.includes(":3, byte 16"), one.includes(":4, byte 22")]).toEqual([true, false]);
    const raw = await cli("rejects", runId, "--export", "raw");
    expect(raw.out.toString()).toBe("id,name,n\n2,b,x\n3,c\n");
    const json = (await cli("rejects", runId, "--json")).out
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(json.map(({ schemaVersion, kind }) => [schemaVersion, kind])).toEqual([
      [1, "rejects"],
      [1, "reject"],
      [1, "reject"],
    ]);
    expect(json[1]).toMatchObject({ code: "CAST_FAILED", line: 3, byte: 16, raw: "2,b,x", column: "n" });
    for (const format of ["csv", "jsonl", "parquet"] as const) {
      const target = join(folder, `rejects.${format}`);
      expect((await cli("rejects", runId, "--export", format, "--out", target)).code).toBe(0);
      const table = await engine.collect(read[format](target));
      expect(table.numRows).toBe(2);
    }
    const replayed = await cli("replay", runId);
    expect([replayed.code, replayed.err]).toEqual([3, expect.stringContaining("none is good now")]);
    const unknown = await cli("rejects", "20260101T000000-00000000");
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining("RUN_NOT_FOUND")]);
  });
});
