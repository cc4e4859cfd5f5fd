import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { Engine, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Node streams as sources and sinks. */
let engine: Engine;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-streams-"));
  engine = await Engine.create({ workers: 2 });
});

afterAll(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

const bytesOf = (text: string, chunk: number): Readable => {
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) => bytes.subarray(i * chunk, (i + 1) * chunk));
  return Readable.from(chunks, { objectMode: false });
};

/** A slow stream that keeps what it gets. */
class Sink extends Writable {
  readonly chunks: Buffer[] = [];

  constructor() {
    super({ highWaterMark: 64 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(done);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

const csv = '\ufeffid,name,v\r\n1,a,1.5\r\n2,"x,\r\ny",2\nbad,z,3\n\n4,"",\n5,only\n6,"q""q",7\n7,"a"b,1';
const schema = { id: "int64", name: "utf8", v: "float64" } as const;

describe("CSV in, CSV out", () => {
  it.each([1, 2, 3, 7, 1000])("in chunks of %i bytes", async (chunk) => {
    const sink = new Sink();
    const source = read.stream(bytesOf(csv, chunk), { format: "csv", schema, quotes: "strict", onReject: "skip" });
    const { report, status } = await engine.run(source.write.stream(sink, { format: "csv" }));
    expect(sink.text).toBe('id,name,v\n1,a,1.5\n2,"x,\r\ny",2.0\n4,"",\n6,"q""q",7.0\n');
    expect(sink.writableFinished).toBe(true);
    expect(status).toBe("partial");
    const bytes = Buffer.from(csv);
    const rejects = report.data.execution.rejects.samples.map(({ code, line, byte, length }) => {
      const raw = bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)).toString();
      return { code, line, raw };
    });
    expect(rejects).toEqual([
      { code: "CAST_FAILED", line: 5, raw: "bad,z,3" },
      { code: "CSV_TOO_FEW_FIELDS", line: 8, raw: "5,only" },
      { code: "CSV_STRAY_QUOTE", line: 10, raw: '7,"a"b,1' },
    ]);
  });

  it("fails at the record's place by default", async () => {
    const plan = read.stream(bytesOf(csv, 50), { format: "csv", schema }).write.stream(new Sink(), { format: "csv" });
    await expect(engine.run(plan).result).rejects.toMatchObject({ code: "CAST_FAILED", place: { line: 5, byte: 35, length: 7 } });
  });

  it("infers types, and writes files too", async () => {
    const path = join(folder, "inferred.jsonl");
    const source = read.stream(bytesOf("a;b;c\n1;2024-01-02;x\n2;;y\n", 5), { format: "csv", delimiter: ";" });
    await engine.run(source.write.jsonl(path));
    expect(readFileSync(path, "utf8")).toBe('{"a":1,"b":"2024-01-02","c":"x"}\n{"a":2,"b":null,"c":"y"}\n');
  });
});

it("JSON lines keep every digit", async () => {
  const sink = new Sink();
  const text = '{"a":9007199254740993,"b":"x"}\n{"b":null,"a":2}\nnot json\n';
  const source = read.stream(bytesOf(text, 4), { format: "jsonl", schema: { a: "int64", b: "utf8" }, onReject: "skip" });
  const { report } = await engine.run(source.write.stream(sink, { format: "jsonl" }));
  expect(sink.text).toBe('{"a":9007199254740993,"b":"x"}\n{"a":2,"b":null}\n');
  expect(report.data.execution.rejects.samples).toMatchObject([{ line: 3, byte: 48, length: 8 }]);
});

describe("failures", () => {
  const one = () => Readable.from(["id\n1\n2\n"]);

  it("of the readable are typed, with its position", async () => {
    const broken = new PassThrough();
    broken.write("id\n1\n");
    setImmediate(() => broken.destroy(new Error("cable cut")));
    const plan = read.stream(broken, { format: "csv" }).write.csv(join(folder, "never"));
    await expect(engine.run(plan).result).rejects.toMatchObject({
      code: "STREAM_FAILED",
      category: "External",
      place: { byte: 5 },
    });
  });

  it("of the writable are typed, and end the run", async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) });
    const plan = read.stream(one(), { format: "csv" }).write.stream(full, { format: "csv" });
    await expect(engine.run(plan).result).rejects.toMatchObject({
      code: "STREAM_FAILED",
      message: expect.stringContaining("disk full"),
    });
  });

  it("an abort destroys both, also while nothing comes", async () => {
    const abort = new AbortController();
    const silent = new PassThrough();
    silent.write("id\n1\n");
    const sink = new Sink();
    const run = engine.run(read.stream(silent, { format: "csv" }).write.stream(sink, { format: "csv" }), {
      signal: abort.signal,
    });
    setImmediate(() => abort.abort());
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect([silent.destroyed, sink.destroyed]).toEqual([true, true]);
  });

  it("a stream is read once", async () => {
    const dataset = read.stream(one(), { format: "csv" });
    await engine.run(dataset.write.stream(new Sink(), { format: "csv" }));
    const again = engine.run(dataset.write.stream(new Sink(), { format: "csv" }));
    await expect(again.result).rejects.toMatchObject({ code: "STREAM_CONSUMED" });
  });

  it("what explain looks at is not lost", async () => {
    const dataset = read.stream(one(), { format: "csv" });
    await engine.explain(dataset);
    const sink = new Sink();
    await engine.run(dataset.write.stream(sink, { format: "csv", header: false }));
    expect(sink.text).toBe("1\n2\n");
  });
});

it("a slow writable holds no more than a few chunks", async () => {
  const rows = 20_000;
  const sink = new Sink();
  let held = 0;
  const push = sink.write.bind(sink) as (chunk: unknown) => boolean;
  Object.assign(sink, {
    write: (chunk: unknown) => {
      held = Math.max(held, sink.writableLength);
      return push(chunk);
    },
  });
  const source = read.rows(Array.from({ length: rows }, (_, i) => ({ id: i, text: "x".repeat(100) })));
  await engine.run(source.write.stream(sink, { format: "csv" }));
  expect(sink.text.split("\n")).toHaveLength(rows + 2);
  expect(held).toBeLessThanOrEqual(64);
});

describe("a consumer holds up the scan", () => {
  const parts = 40;
  const rowsPerPart = 2_000;
  const line = `${"y".repeat(40)}\n`;
  const workers = 2;
  let path = "";
  let small: Engine;

  beforeAll(async () => {
    path = join(folder, "many.csv");
    writeFileSync(path, `t\n${line.repeat(parts * rowsPerPart)}`);
    small = await Engine.create({ workers, partitionBytes: line.length * rowsPerPart });
  });

  afterAll(() => small?.close());

  const dataset = () => read.csv(path, { schema: { t: "utf8" } });

  it("that is a Node stream: no partition is far ahead of it", async () => {
    let [scanned, lines, farthest] = [0, 0, 0];
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => {
        lines += chunk.toString().split("\n").length - 1;
        setTimeout(() => {
          farthest = Math.max(farthest, scanned - Math.floor(lines / rowsPerPart));
          done();
        }, 10);
      },
    });
    const run = small.run(dataset().write.stream(slow, { format: "csv", header: false }));
    for await (const event of run) if (event.kind === "task-finished") scanned++;
    expect((await run).status).toBe("success");
    expect(lines).toBe(parts * rowsPerPart);
    expect(scanned).toBeGreaterThanOrEqual(parts);
    expect(farthest).toBeLessThanOrEqual(workers + 2);
  });

  it("that loops over engine.stream and takes its time: no partition is far ahead of it", async () => {
    const counted = { scanned: 0 };
    const watch = {
      name: "count",
      progress: ({ records }: { readonly records: number }) => {
        counted.scanned = records;
      },
    };
    const engine = await Engine.create({ workers, partitionBytes: line.length * rowsPerPart, observers: [watch] });
    let [taken, farthest] = [0, 0];
    for await (const batch of engine.stream(dataset())) {
      taken += batch.numRows;
      // All that can happen without the consumer happens in this time.
      await new Promise((done) => setTimeout(done, 10));
      farthest = Math.max(farthest, counted.scanned - taken);
    }
    await engine.close();
    expect(taken).toBe(parts * rowsPerPart);
    expect(counted.scanned).toBe(taken);
    // One that is handed over, and those that may begin while it is.
    expect(farthest).toBeLessThanOrEqual((workers + 3) * rowsPerPart);
  });

  it("that loops over engine.stream gets every row, and may leave, abort or close at any time", async () => {
    let rows = 0;
    for await (const batch of small.stream(dataset())) rows += batch.numRows;
    expect(rows).toBe(parts * rowsPerPart);
    for await (const batch of small.stream(dataset())) {
      expect(batch.numRows).toBeGreaterThan(0);
      break;
    }
    const abort = new AbortController();
    const stream = small.stream(dataset(), { signal: abort.signal });
    await stream.next();
    abort.abort();
    await expect(
      (async () => {
        for (;;) if ((await stream.next()).done === true) return;
      })(),
    ).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await small.stream(dataset()).next();
    await small.close();
  });
});
