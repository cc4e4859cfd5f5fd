import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { type Dataset, Engine, MillraceError, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What `read.stream` makes of bytes is what `read.csv` and `read.jsonl` make of a file of these bytes. */
let engine: Engine;
let folder = "";
let made = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-stream-reading-"));
  engine = await Engine.create({ workers: 1, stateDir: join(folder, "state") });
});

afterAll(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A stream of the bytes in chunks of these sizes, over and over. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return Readable.from(chunks, { objectMode: false });
}

interface Outcome {
  readonly rows: readonly string[];
  readonly rejects: readonly string[];
  readonly failure: string | null;
}

/** The rows that a source delivers, and every reject with its place and bytes; or the code that it fails with. */
async function outcome(source: Dataset): Promise<Outcome> {
  const out = join(folder, `out-${made++}`);
  try {
    const run = await engine.run(source.write.jsonl(out));
    const files = readdirSync(out).filter((name) => name.endsWith(".jsonl"));
    const rows = files.sort().flatMap((name) => readFileSync(join(out, name), "utf8").split("\n"));
    const rejects: string[] = [];
    for await (const { line, byte, length, raw, code, column, message } of run.rejects) {
      rejects.push(JSON.stringify([line, byte, length, raw?.toString(), code, column, message]));
    }
    return { rows, rejects, failure: null };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { rows: [], rejects: [], failure: error.code };
  }
}

const seed = Number(process.env.MILLRACE_PROPERTY_SEED ?? 20260101);
const runs = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60);

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const piece = fc.constantFrom(
  ..."a b 1 2 12 1.5 -7 true x".split(" "),
  ...[",", ",", ",", ";", "\n", "\n", "\r\n", "\r", '"', '""', "'", "#", "#c\n", "\\", "NA", "", "\u00e9", "\u20ac", "\0", " "],
  ...["2024-01-31", "31/01/2024", "a,b,c\n", '1,"x",2\n', "3,y,4\n", '"q\nq",1,2\n', "5,6\n"],
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => `a,b,c\n${pieces.join("")}`);
const bytes = fc.oneof(
  { weight: 5, arbitrary: text.map((one) => Buffer.from(one)) },
  { weight: 1, arbitrary: text.map((one) => Buffer.from(`\ufeff${one}`)) },
  { weight: 1, arbitrary: text.map((one) => Buffer.from(`\ufeff${one}`, "utf16le")) },
  { weight: 1, arbitrary: text.map((one) => Buffer.from(one, "latin1")) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((one) => Buffer.from(one)) },
);
const csvOptions = fc.record(
  {
    header: fc.boolean(),
    delimiter: fc.constantFrom(",", ";"),
    quote: fc.constantFrom('"', "'", null),
    escape: fc.constantFrom("\\", null),
    nullValues: fc.constantFrom<string[]>(["NA"], ["", "NA"], []),
    comment: fc.constant("#"),
    skipLines: fc.integer({ min: 0, max: 2 }),
    encoding: fc.constantFrom("utf-8", "windows-1252", "utf-16le"),
    quotes: fc.constantFrom("strict" as const, "lenient" as const),
    trailingDelimiter: fc.boolean(),
    dateFormat: fc.constant("%d/%m/%Y"),
    maxRecordBytes: fc.constant(1024),
    dialect: fc.constantFrom("auto" as const, "default" as const),
    schema: fc.constantFrom(
      { a: "int64", b: "utf8", c: "float64" } as const,
      { c: "utf8", a: "date" } as const,
      { a: "utf8" } as const,
    ),
    required: fc.constantFrom("a", ["a", "c"]),
  },
  { requiredKeys: [] },
);

describe("a stream of CSV is read as a file of the same bytes", () => {
  it("whatever the bytes, the options and the chunks", async () => {
    let rows = 0;
    let rejects = 0;
    await fc.assert(
      fc.asyncProperty(bytes, csvOptions, sizes, async (content, options, chunks) => {
        const path = join(folder, `in-${made++}.csv`);
        writeFileSync(path, content);
        const onReject = "quarantine" as const;
        let file: Dataset;
        try {
          file = read.csv(path, { ...options, onReject });
        } catch (error) {
          // The same options are refused of a stream.
          expect(() => read.stream(cut(content, chunks), { ...options, format: "csv", onReject })).toThrow(
            (error as Error).message.replace("read.csv", "read.stream"),
          );
          return;
        }
        const expected = await outcome(file);
        const found = await outcome(read.stream(cut(content, chunks), { ...options, format: "csv", onReject }));
        rmSync(path);
        expect(found).toEqual(expected);
        rows += found.rows.length;
        rejects += found.rejects.length;
      }),
      { seed, numRuns: runs },
    );
    expect(rows).toBeGreaterThan(runs / 4);
    expect(rejects).toBeGreaterThan(runs / 4);
  }, 1_200_000);

  it("of more than one block, with files of rows that do not depend on the chunks", async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => (i % 1000 === 7 ? `${i},"bad"x,1` : `${i},"text\n${i}",${i / 4}`));
    const content = Buffer.from(`id,name,v\r\n${lines.join("\n")}`);
    expect(content.length).toBeGreaterThan(1 << 20);
    const path = join(folder, "large.csv");
    writeFileSync(path, content);
    const options = { quotes: "strict", onReject: "quarantine", schema: { id: "int64", name: "utf8", v: "float64" } } as const;
    const expected = await outcome(read.csv(path, options));
    expect(expected.rejects).toHaveLength(60);
    for (const chunks of [[content.length], [65_536], [1000, 77_777, 3]]) {
      expect(await outcome(read.stream(cut(content, chunks), { ...options, format: "csv" }))).toEqual(expected);
    }
  });

  it("a header of more than 64 KiB is found", async () => {
    const names = Array.from({ length: 400 }, (_, i) => `column ${"of a long name ".repeat(15)}${i}`);
    const content = Buffer.from(`${names.join(",")}\n${names.map((_, i) => i).join(",")}\n`);
    const path = join(folder, "wide.csv");
    writeFileSync(path, content);
    const expected = await outcome(read.csv(path));
    expect(expected.failure).toBeNull();
    expect(await outcome(read.stream(cut(content, [5000]), { format: "csv" }))).toEqual(expected);
  });
});

describe("a stream of JSON lines is read as a file of the same bytes", () => {
  const line = fc.oneof(
    fc.record({ a: fc.oneof(fc.integer(), fc.constant(null), fc.string()), b: fc.json() }).map((row) => JSON.stringify(row)),
    fc.constantFrom('{"a":1,"b":[1,{"c":null}]}', '{"a":9007199254740993}', "not json", "", "[1]", '{"a":1,}', '{"b":"\\ud800"}'),
  );

  it("whatever the lines, the options and the chunks", async () => {
    const content = fc.array(line, { maxLength: 12 }).map((lines) => Buffer.from(lines.join("\n")));
    const options = fc.record(
      { schema: fc.constantFrom({ a: "int64" } as const, { b: "utf8", a: "utf8" } as const), required: fc.constant("a") },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(content, options, sizes, async (text, given, chunks) => {
        const path = join(folder, `in-${made++}.jsonl`);
        writeFileSync(path, text);
        const onReject = "quarantine" as const;
        const expected = await outcome(read.jsonl(path, { ...given, onReject }));
        const found = await outcome(read.stream(cut(text, chunks), { ...given, format: "jsonl", onReject }));
        rmSync(path);
        expect(found).toEqual(expected);
      }),
      { seed, numRuns: Math.ceil(runs / 2) },
    );
  }, 1_200_000);

  it("options of CSV are refused", () => {
    const given = { format: "jsonl", delimiter: ";" } as const;
    expect(() => read.stream(Readable.from([]), given)).toThrow('unknown option "delimiter"');
  });
});
