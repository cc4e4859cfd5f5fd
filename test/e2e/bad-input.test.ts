import * as zlib from "node:zlib";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { col, Engine, type MillraceError, type Plan, plan, type Reject, read, sum, udf } from "millrace";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";
import { exitCodeOfError, exitCodeOfStatus } from "../../src/cli/exitCodes.js";

/** Whatever is wrong with the input or the plan: a typed error with place and remedy, and nothing at the target. */
let root = "";
let folder = "";
let out = "";
let engine: Engine;
let made = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "millrace-bad-input-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(root, "state") });
});

afterAll(async () => {
  await engine.close();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  folder = join(root, `case-${made++}`);
  out = join(folder, "out");
  mkdirSync(out, { recursive: true });
});

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

interface Expected {
  readonly code: string;
  readonly exit: number;
  readonly message?: RegExp;
  readonly hint?: RegExp;
  readonly place?: object;
}

/** The plan fails as expected, and the output folder is as empty as before. */
async function expectFailure(make: () => Plan, expected: Expected): Promise<MillraceError> {
  const error = await failureOf(async () => engine.run(make()).result);
  expect(error.code).toBe(expected.code);
  expect(exitCodeOfError(error.toData())).toBe(expected.exit);
  expect(error.hint ?? error.message, "a remedy").toMatch(expected.hint ?? /./);
  if (expected.message !== undefined) expect(error.message).toMatch(expected.message);
  if (expected.place !== undefined) expect(error.place).toMatchObject(expected.place);
  expect(readdirSync(out), "nothing at the target").toEqual([]);
  return error;
}

const numbers = { id: "int64", n: "int32" } as const;
const target = (name = "result") => join(out, name);

async function parquetOf(
  rows: readonly object[],
  name = "made.parquet",
  schema: Parameters<typeof read.rows>[1] = {},
): Promise<string> {
  const path = join(folder, name);
  await engine.run(read.rows(rows, schema).write.parquet(path)).result;
  return path;
}

describe("sources that are not there or not readable", () => {
  it("a missing file, with the nearest name", async () => {
    file("orders.csv", "id,n\n1,2\n");
    const missing = join(folder, "order.csv");
    await expectFailure(() => read.csv(missing, { schema: numbers }).write.csv(target()), {
      code: "SOURCE_NOT_FOUND",
      exit: 2,
      hint: /orders\.csv/,
      place: { file: missing },
    });
  });

  it("an empty file", async () => {
    const empty = file("empty.csv", "");
    await expectFailure(() => read.csv(empty, { schema: numbers }).write.csv(target()), {
      code: "SOURCE_EMPTY",
      exit: 1,
      place: { file: empty },
    });
  });

  it("a header without rows is no error: an empty output with its columns", async () => {
    const path = file("header.csv", "id,n\n");
    const result = await engine.run(read.csv(path, { schema: numbers }).write.csv(target("empty.csv"))).result;
    expect(result.status).toBe("success");
    expect(readFileSync(target("empty.csv"), "utf8")).toBe("id,n\n");
    await engine.run(read.csv(path, { schema: numbers }).write.parquet(target("empty.parquet"))).result;
    const table = await engine.collect(read.parquet(target("empty.parquet")));
    expect([table.numRows, table.schema.fields.map((field) => field.name)]).toEqual([0, ["id", "n"]]);
  });

  it("a folder without files of the format, and a glob without matches", async () => {
    mkdirSync(join(folder, "inbox"));
    const code = (path: string) => () => read.csv(path, { schema: numbers }).write.csv(target());
    await expectFailure(code(join(folder, "inbox")), { code: "SOURCE_EMPTY_FOLDER", exit: 2 });
    await expectFailure(code(join(folder, "inbox", "*.csv")), { code: "SOURCE_NO_MATCH", exit: 2 });
  });

  it("a file that cannot be opened", async () => {
    // Permissions do not bind a privileged user; a socket cannot be opened by anyone.
    const { createServer } = await import("node:net");
    const path = join(folder, "orders.csv");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const error = await failureOf(() => engine.run(read.csv(path, { schema: numbers }).write.csv(target())).result);
      expect(["SOURCE_UNREADABLE", "SOURCE_NOT_FOUND"]).toContain(error.code);
      expect(readdirSync(out)).toEqual([]);
    } finally {
      server.close();
    }
  });

  it("Parquet that is cut short, or no Parquet at all", async () => {
    const whole = await parquetOf(Array.from({ length: 1000 }, (_, i) => ({ id: i, text: `row ${i}` })));
    truncateSync(whole, readFileSync(whole).length - 20);
    await expectFailure(() => read.parquet(whole).write.csv(target()), {
      code: "PARQUET_TRUNCATED",
      exit: 1,
      place: { file: whole },
    });
    const text = file("text.parquet", "id,n\n1,2\nthis is no Parquet file at all\n");
    await expectFailure(() => read.parquet(text).write.csv(target()), {
      code: "PARQUET_NOT_PARQUET",
      exit: 1,
      place: { file: text },
    });
    const tiny = file("tiny.parquet", "PAR1");
    const error = await failureOf(() => engine.run(read.parquet(tiny).write.csv(target())).result);
    expect(error.code).toMatch(/^PARQUET_/);
  });

  it("an Arrow file that is cut short", async () => {
    const path = join(folder, "whole.arrow");
    await engine.run(read.rows(Array.from({ length: 1000 }, (_, i) => ({ id: i }))).write.arrow(path)).result;
    truncateSync(path, 600);
    await expectFailure(() => read.arrow(path).write.csv(target()), { code: "ARROW_UNREADABLE", exit: 1, place: { file: path } });
  });
});

describe("targets that cannot be written", () => {
  const rows = () => read.rows([{ id: 1 }]);

  it("something is there already in mode error; it stays as it was", async () => {
    const path = file("kept.csv", "mine\n");
    const error = await failureOf(() => engine.run(rows().write.csv(path)).result);
    expect([error.code, exitCodeOfError(error.toData())]).toEqual(["TARGET_EXISTS", 2]);
    expect(error.hint).toMatch(/"overwrite"/);
    expect(readFileSync(path, "utf8")).toBe("mine\n");
    const inside = file("full/a.csv", "mine\n");
    expect((await failureOf(() => engine.run(rows().write.csv(join(folder, "full"))).result)).code).toBe("TARGET_EXISTS");
    expect(readdirSync(dirname(inside))).toEqual(["a.csv"]);
    expect(readdirSync(folder).sort()).toEqual(["full", "kept.csv", "out"]);
  });

  it.skipIf("zstdCompressSync" in zlib)("a compression that this Node does not have, before anything is read", async () => {
    const error = await failureOf(() => engine.run(rows().write.parquet(target("a.parquet"), { compression: "zstd" })).result);
    expect([error.code, exitCodeOfError(error.toData()), error.place]).toEqual(["UNSUPPORTED_COMPRESSION", 2, {}]);
  });

  it("a path that leads through a file", async () => {
    const path = file("plain", "text");
    await expectFailure(() => rows().write.csv(join(path, "below", "a.csv")), { code: "TARGET_NOT_WRITABLE", exit: 2 });
  });

  it("two outputs of one plan in one place, or one inside the other", async () => {
    const twice = () => plan.all(rows().write.csv(target("a.csv")), rows().write.parquet(target("./a.csv")));
    await expectFailure(twice, { code: "DUPLICATE_TARGET", exit: 2, message: /a\.csv/ });
    const nested = () => plan.all(rows().write.csv(target("a")), rows().write.parquet(target("a/b")));
    await expectFailure(nested, { code: "DUPLICATE_TARGET", exit: 2 });
  });

  it("one target that does not fit keeps the others from appearing", async () => {
    const taken = file("taken.csv", "mine\n");
    await expectFailure(() => plan.all(rows().write.csv(target("a.csv")), rows().write.csv(taken)), {
      code: "TARGET_EXISTS",
      exit: 2,
    });
  });

  const mounts = mountable();

  it.skipIf(!mounts)("a disk that is full, and one that is read-only", async () => {
    const small = join(folder, "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    try {
      const path = file(
        "big.csv",
        `id,text\n${Array.from({ length: 100_000 }, (_, i) => `${i},${"x".repeat(30)}${i * 7919}`).join("\n")}\n`,
      );
      const big = read.csv(path, { schema: { id: "int64", text: "utf8" } });
      const full = await failureOf(() => engine.run(big.write.csv(join(small, "result"))).result);
      expect([full.code, full.category, exitCodeOfError(full.toData())]).toEqual(["DISK_FULL", "Resource", 1]);
      expect(full.hint).toBeDefined();
      expect(readdirSync(small)).toEqual([]);
      execFileSync("mount", ["-o", "remount,ro", small]);
      const readOnly = await failureOf(() => engine.run(big.write.csv(join(small, "result"))).result);
      expect([readOnly.code, exitCodeOfError(readOnly.toData())]).toEqual(["TARGET_NOT_WRITABLE", 2]);
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

/** Whether this user may mount; where not, the tests of full disks are skipped. */
function mountable(): boolean {
  const probe = mkdtempSync(join(tmpdir(), "millrace-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", probe], { stdio: "ignore" });
    execFileSync("umount", [probe], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

describe("plans that cannot be", () => {
  const input = () => read.csv(file("in.csv", "id,quantity\n1,2\n"), { schema: { id: "int64", quantity: "int32" } });

  it("an unknown column, typed or not, with the nearest name", async () => {
    const wrong = (c: object) => (c as { readonly quantitty: ReturnType<typeof col> }).quantitty;
    await expectFailure(
      () =>
        input()
          .withColumns((c) => ({ x: wrong(c) }))
          .write.csv(target()),
      {
        code: "UNKNOWN_COLUMN",
        exit: 2,
        message: /quantitty/,
        hint: /quantity/,
      },
    );
    await expectFailure(
      () =>
        input()
          .filter(() => col("quantitty").gt(0))
          .write.csv(target()),
      {
        code: "UNKNOWN_COLUMN",
        exit: 2,
        hint: /quantity/,
      },
    );
  });

  it("types that do not fit", async () => {
    await expectFailure(
      () =>
        input()
          .filter(() => col("quantity").add("x" as never))
          .write.csv(target()),
      { code: "TYPE_MISMATCH", exit: 2 },
    );
    await expectFailure(
      () =>
        input()
          .filter(() => col("quantity") as never)
          .write.csv(target()),
      { code: "TYPE_MISMATCH", exit: 2 },
    );
  });

  it("functions that cannot be shipped, or take what was not named", async () => {
    const rate = 3;
    const bound = Math.max.bind(null, 1) as (n: number) => number;
    const native = () => udf(bound, { returns: "float64" });
    await expectFailure(
      () =>
        input()
          .withColumns((c) => ({ x: native()(c.quantity) }))
          .write.csv(target()),
      {
        code: "UDF_NOT_SERIALISABLE",
        exit: 2,
      },
    );
    const free = () => udf((n: number) => n * rate, { returns: "float64" });
    await expectFailure(
      () =>
        input()
          .withColumns((c) => ({ x: free()(c.quantity) }))
          .write.csv(target()),
      {
        code: "UDF_FREE_VARIABLE",
        exit: 2,
        message: /rate/,
      },
    );
  });

  it("a plan without a sink", async () => {
    const wanted = { code: "PLAN_WITHOUT_SINK", exit: 2, hint: /write|collect/ };
    await expectFailure(() => input().toPlan(), wanted);
    for (const wrong of [undefined, null, { ...input().write.csv(target()), outputs: [] }]) {
      await expectFailure(() => wrong as unknown as Plan, wanted);
    }
  });
});

describe("bad values", () => {
  const text = "id,n\n1,10\n2,ten\n3,30\nfour,40\n5\n6,60\n";
  type OnReject = "fail" | "skip" | "quarantine";
  const input = (onReject: OnReject, rejectLimits = {}) =>
    read.csv(file("in.csv", text), { schema: numbers, onReject, rejectLimits });

  it("onReject fail: the first bad record, with its place", async () => {
    await expectFailure(() => input("fail").write.csv(target()), {
      code: "CAST_FAILED",
      exit: 1,
      hint: /quarantine/,
      place: { file: join(folder, "in.csv"), line: 3, byte: 10, length: 5, column: "n" },
    });
  });

  it("onReject skip and quarantine: the rest goes on, and every record is accounted for", async () => {
    for (const onReject of ["skip", "quarantine"] as const) {
      const path = target(`${onReject}.csv`);
      const result = await engine.run(input(onReject).write.csv(path)).result;
      expect(readFileSync(path, "utf8")).toBe("id,n\n1,10\n3,30\n6,60\n");
      const { recordsRead, recordsFailed, rejects } = result.report.data.execution;
      expect([result.status, exitCodeOfStatus(result.status), recordsRead, recordsFailed]).toEqual(["partial", 3, 6, 3]);
      expect(rejects.byCode).toEqual({ CAST_FAILED: 2, CSV_TOO_FEW_FIELDS: 1 });
      expect(rejects.samples.map((one) => one.line)).toEqual([3, 5, 6]);
      expect(rejects.files.length).toBe(onReject === "skip" ? 0 : 2);
    }
  });

  it("quarantine keeps the raw bytes, and their place gives them back, in every partition", async () => {
    const lines = Array.from({ length: 2000 }, (_, i) =>
      i % 97 === 5 ? `${i},bad ${i}` : i % 10 === 0 ? `${i},"x\ny"` : `${i},${i}`,
    );
    const path = file("many.csv", `id,n\n${lines.join("\n")}\n`);
    const bytes = readFileSync(path);
    const small = await Engine.create({ workers: 2, memory: "256MB", partitionBytes: 700, stateDir: join(folder, "state") });
    try {
      const rows = read.csv(path, { schema: numbers, onReject: "quarantine" });
      const { rejects } = await small.run(rows.write.csv(target("good.csv"))).result;
      const records: Reject[] = [];
      for await (const reject of rejects) records.push(reject);
      const expected = lines.map((line, i) => ({ line, i })).filter(({ i }) => i % 97 === 5 || i % 10 === 0);
      expect(records.length).toBe(expected.length);
      expect(rejects.count).toBe(expected.length);
      records.forEach((record, k) => {
        const raw = Buffer.from(record.raw ?? []).toString();
        const [byte, length] = [record.byte ?? -1, record.length ?? -1];
        expect(raw).toBe(expected[k]?.line);
        expect(bytes.subarray(byte, byte + length).toString()).toBe(raw);
        const linesBefore = bytes.subarray(0, byte).toString().split("\n").length;
        expect(record.line).toBe(linesBefore);
      });
    } finally {
      await small.close();
    }
  });

  it("onReject fail names the same first record and line however the file is cut", async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => (i === 2200 || i === 2900 ? `${i},bad` : `${i},"${i}"`));
    const path = file("many.csv", `id,n\n${lines.join("\n")}\n`);
    for (const [workers, partitionBytes] of [
      [1, 100_000],
      [2, 500],
      [3, 1700],
    ] as const) {
      const small = await Engine.create({ workers, memory: "256MB", partitionBytes, stateDir: join(folder, "state") });
      try {
        const error = await failureOf(() => small.run(read.csv(path, { schema: numbers }).write.csv(target())).result);
        expect([error.code, error.place.line]).toEqual(["CAST_FAILED", 2202]);
      } finally {
        await small.close();
      }
    }
    expect(readdirSync(out)).toEqual([]);
  });

  it.each([
    ["count", { count: 2 }, { count: 3 }],
    ["rate", { rate: 0.4, minRows: 6 }, { rate: 0.4, minRows: 7 }],
    ["rate without minRows", { rate: 0.49 }, { rate: 0.5 }],
    ["perFile", { perFile: 2 }, { perFile: 3 }],
    ["perColumn", { perColumn: 0 }, { perColumn: 1 }],
  ])("rejectLimits %s: over the limit nothing is published", async (_, over, within) => {
    for (const onReject of ["skip", "quarantine"] as const) {
      await expectFailure(() => input(onReject, over).write.csv(target()), {
        code: "REJECT_LIMIT_EXCEEDED",
        exit: 4,
        hint: /rejectLimits/,
      });
    }
    const result = await engine.run(input("skip", within).write.csv(target())).result;
    expect(result.status).toBe("partial");
  });

  it("rejectLimits count what steps after the source reject, and files one by one", async () => {
    const paths = ["a", "b"].map((name) => file(`${name}.csv`, "id,n\n1,2147483647\n2,x\n"));
    const rows = (rejectLimits: object) =>
      read.csv(paths, { schema: numbers, onReject: "skip", rejectLimits }).withColumns((c) => ({ m: c.n.add(1) }));
    await expectFailure(() => rows({ count: 3 }).write.csv(target()), { code: "REJECT_LIMIT_EXCEEDED", exit: 4 });
    await expectFailure(() => rows({ perFile: 1 }).write.csv(target()), {
      code: "REJECT_LIMIT_EXCEEDED",
      exit: 4,
      place: { file: paths[0] },
    });
    const result = await engine.run(rows({ count: 4, perFile: 2 }).write.csv(target("ok.csv"))).result;
    expect(result.report.data.execution.recordsFailed).toBe(4);
  });

  it("an integer overflow rejects its row, in workers and where DuckDB began", async () => {
    const rows = [
      { id: 1, n: 1 },
      { id: 2, n: 2147483647 },
      { id: 3, n: 3 },
    ];
    const csv = file("in.csv", `id,n\n${rows.map(({ id, n }) => `${id},${n}`).join("\n")}\n`);
    const parquet = await parquetOf(rows, "in.parquet", { schema: numbers });
    for (const rows of [
      read.csv(csv, { schema: numbers, onReject: "quarantine" }),
      read.parquet(parquet, { schema: numbers, onReject: "quarantine" }),
    ]) {
      const added = rows.withColumns((c) => ({ m: c.n.add(1) })).sort("id");
      const result = await engine.run(added.write.csv(target("r.csv"), { mode: "overwrite" })).result;
      expect(readFileSync(target("r.csv"), "utf8")).toBe("id,n,m\n1,1,2\n3,3,4\n");
      expect(result.report.data.execution.rejects.byCode).toEqual({ INTEGER_OVERFLOW: 1 });
    }
    rmSync(out, { recursive: true });
    mkdirSync(out);
    const failing = () =>
      read
        .parquet(parquet, { schema: numbers })
        .withColumns((c) => ({ m: c.n.add(1) }))
        .sort("id");
    await expectFailure(() => failing().write.csv(target()), {
      code: "INTEGER_OVERFLOW",
      exit: 1,
      place: { file: parquet, column: "m" },
    });
  });

  it("a cast after a join, in a group, a filter and a sort key rejects rows, whatever computes it", async () => {
    const rows = ["1", "x", "3", "y", "5"].map((s, i) => ({ k: i % 2, s }));
    const parquet = await parquetOf(rows, "in.parquet", { schema: { k: "int32", s: "utf8" } });
    const input = () => read.parquet(parquet, { schema: { k: "int32", s: "utf8" }, onReject: "skip" });
    const values = async (rows: { toPlan(): Plan }) =>
      JSON.parse(JSON.stringify((await engine.collect(rows)).toArray(), (_, v) => (typeof v === "bigint" ? Number(v) : v)));
    const keys = () => input().select("k").distinct();
    const joined = input()
      .join(keys(), { on: "k" })
      .withColumns((c) => ({ n: c.s.cast("int32") }))
      .sort("n")
      .select("n");
    expect(await values(joined)).toEqual([{ n: 1 }, { n: 3 }, { n: 5 }]);
    const grouped = input()
      .groupBy("k")
      .agg((c) => ({ n: sum(c.s.cast("int32")) }));
    expect(await values(grouped)).toEqual([{ k: 0, n: 9 }]);
    expect(
      await values(
        input()
          .filter((c) => c.s.cast("int32").gt(1))
          .select("s"),
      ),
    ).toEqual([{ s: "3" }, { s: "5" }]);
    expect(await values(input().sort(col("s").cast("int32")).select("s"))).toEqual([{ s: "1" }, { s: "3" }, { s: "5" }]);
    const streamed: unknown[] = [];
    for await (const batch of engine.stream(joined)) streamed.push(...batch.toArray().map((row) => row.toJSON()));
    expect(streamed).toEqual([{ n: 1 }, { n: 3 }, { n: 5 }]);
  });

  it("a sum that does not fit is an error, not a wrong number", async () => {
    const path = file("in.csv", `id,n\n${"9223372036854775807,1\n".repeat(3)}`);
    const rows = () =>
      read
        .csv(path, { schema: numbers, onReject: "skip" })
        .groupBy("n")
        .agg((c) => ({ total: sum(c.id) }));
    await expectFailure(() => rows().write.csv(target()), { code: "SUM_OVERFLOW", exit: 1, hint: /decimal|float64/ });
  });
});

describe("functions that go wrong", () => {
  const input = (onReject: "fail" | "skip") =>
    read.csv(file("in.csv", "id,n\n1,10\n2,20\n3,30\n"), { schema: numbers, onReject });

  it("one that throws: its row is rejected with the function's name and message", async () => {
    const odd = udf(
      (n: number) => {
        if (n === 20) throw new RangeError("not twenty");
        return n;
      },
      { returns: "int32" },
    );
    const rows = (onReject: "fail" | "skip") => input(onReject).withColumns((c) => ({ x: odd(c.n) }));
    await expectFailure(() => rows("fail").write.csv(target()), {
      code: "UDF_THREW",
      exit: 1,
      message: /not twenty/,
      place: { file: join(folder, "in.csv"), line: 3 },
    });
    const result = await engine.run(rows("skip").write.csv(target("r.csv"))).result;
    expect(readFileSync(target("r.csv"), "utf8")).toBe("id,n,x\n1,10,10\n3,30,30\n");
    expect(result.report.data.execution.rejects.byCode).toEqual({ UDF_THREW: 1 });
  });

  it("one that gives another type than it declares", async () => {
    const wrong = udf((n: number) => `${n}` as unknown as number, { returns: "int32" });
    await expectFailure(
      () =>
        input("fail")
          .withColumns((c) => ({ x: wrong(c.n) }))
          .write.csv(target()),
      {
        code: "UDF_WRONG_TYPE",
        exit: 1,
        place: { line: 2 },
      },
    );
  });

  it("one that eats its worker's memory: the run fails with the record's place, the process and the engine live", async () => {
    const hungry = await Engine.create({ workers: 1, memory: "128MB", stateDir: join(folder, "state"), retry: false });
    try {
      const eat = udf(
        (n: number) => {
          const kept: object[] = [];
          for (;;) kept.push({ n, more: [n, n] });
        },
        { returns: "int32" },
      );
      const error = await failureOf(
        () =>
          hungry.run(
            input("fail")
              .withColumns((c) => ({ x: eat(c.n) }))
              .write.csv(target()),
          ).result,
      );
      // The record that does it to a fresh worker all by itself is to blame, and its place is told.
      expect([error.code, error.category, exitCodeOfError(error.toData())]).toEqual(["RECORD_POISONED", "Data", 1]);
      expect(error.place).toMatchObject({ line: 2 });
      expect(error.message).toMatch(/memory/);
      expect(readdirSync(out)).toEqual([]);
      const result = await hungry.run(input("fail").write.csv(target("after.csv"))).result;
      expect(result.status).toBe("success");
    } finally {
      await hungry.close();
    }
  });
});

describe("stopping", () => {
  /** Enough rows that the run is still at work when it is stopped. */
  function slowPlan(path = target()): Plan {
    const input = file("many.csv", `id,n\n${Array.from({ length: 200_000 }, (_, i) => `${i},${i}`).join("\n")}\n`);
    const slow = udf(
      (n: number) => {
        let x = n;
        for (let i = 0; i < 20_000; i++) x = (x * 31 + i) % 1_000_003;
        return x;
      },
      { returns: "float64" },
    );
    return read
      .csv(input, { schema: numbers })
      .withColumns((c) => ({ x: slow(c.n) }))
      .write.parquet(path);
  }

  it("a signal that was aborted before the run", async () => {
    const error = await failureOf(() => engine.run(slowPlan(), { signal: AbortSignal.abort() }).result);
    expect([error.code, error.category]).toEqual(["RUN_CANCELLED", "Cancelled"]);
    expect(readdirSync(out)).toEqual([]);
  });

  it("a signal that is aborted while the run works: nothing is left", async () => {
    const small = await Engine.create({ workers: 2, memory: "256MB", partitionBytes: 20_000, stateDir: join(folder, "state") });
    try {
      const stop = new AbortController();
      const handle = small.run(slowPlan(), { signal: stop.signal });
      for await (const event of handle) if (event.kind === "task-finished") stop.abort();
      const error = await failureOf(() => handle.result);
      expect(error.code).toBe("RUN_CANCELLED");
      expect(readdirSync(out)).toEqual([]);
      expect(readdirSync(join(folder, "state", "runs", handle.runId))).not.toContain("scratch");
    } finally {
      await small.close();
    }
  });

  it("closing the engine stops its runs; a run after that is refused", async () => {
    const other = await Engine.create({ workers: 1, memory: "256MB", partitionBytes: 20_000, stateDir: join(folder, "state") });
    const handle = other.run(slowPlan());
    for await (const event of handle) if (event.kind === "stage-started") break;
    await other.close();
    expect((await failureOf(() => handle.result)).code).toBe("ENGINE_CLOSED");
    expect((await failureOf(() => other.run(slowPlan()).result)).code).toBe("ENGINE_CLOSED");
    expect(readdirSync(out)).toEqual([]);
  });

  it("two runs at once in one engine do not disturb each other", async () => {
    const input = file("in.csv", `id,n\n${Array.from({ length: 5000 }, (_, i) => `${i},${i % 7}`).join("\n")}\n`);
    const run = (name: string) =>
      engine.run(
        read
          .csv(input, { schema: numbers })
          .groupBy("n")
          .agg((c) => ({ s: sum(c.id) }))
          .sort("n")
          .write.csv(target(name)),
      ).result;
    const results = await Promise.all(["a.csv", "b.csv", "c.csv"].map(run));
    expect(results.map((result) => result.status)).toEqual(["success", "success", "success"]);
    expect(readFileSync(target("a.csv"), "utf8")).toBe(readFileSync(target("b.csv"), "utf8"));
  });
});

describe("sizes at the edge", () => {
  it("10,000 tiny files", async () => {
    const inbox = join(folder, "inbox");
    mkdirSync(inbox);
    for (let i = 0; i < 10_000; i++) writeFileSync(join(inbox, `f${i}.csv`), `id,n\n${i},1\n`);
    const started = performance.now();
    const total = read
      .csv(inbox, { schema: numbers })
      .groupBy()
      .agg((c) => ({ n: sum(c.n), ids: sum(c.id) }));
    const [row] = (await engine.collect(total)).toArray();
    expect([Number(row?.n), Number(row?.ids)]).toEqual([10_000, (10_000 * 9_999) / 2]);
    expect(performance.now() - started).toBeLessThan(60_000);
  }, 360_000);

  it("no folder of the state is left behind by all of this but the runs' own", () => {
    const runs = join(root, "state", "runs");
    for (const run of readdirSync(runs)) expect(existsSync(join(runs, run, "scratch")), run).toBe(false);
  });
});
