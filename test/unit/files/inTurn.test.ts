import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { resolveCsv } from "../../../src/io/csv/csvSource.js";
import { resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import { openReader } from "../../../src/io/sources.js";
import type { ResolvedSource, SourceFile } from "../../../src/plan/bound.js";
import { parseType, type Schema } from "../../../src/schema/types.js";
import type { PartitionSpec } from "../../../src/task/protocol.js";
import { batchRows, csvDefaults, tempFolder } from "../csv/support.js";

const folder = tempFolder();
afterAll(folder.remove);

const schema: Schema = Object.entries({ a: "int32", b: "utf8", day: "utf8" }).map(([name, type]) => ({
  name,
  type: parseType(type),
  nullable: true,
}));
const [own, partitionSchema] = [schema.slice(0, 2), schema.slice(2)];
const base = { paths: [folder.path], onReject: "quarantine", rejectLimits: {}, schema: own } as const;

const number = fc.integer({ min: -99, max: 99 });
const word = fc.stringMatching(/^[a-z]{0,9}$/);
const ends = fc.constantFrom("\n", "\n", "", '"');
const long = "long".repeat(30);

/** Files mostly begin alike; some records say something of what stands around them. */
const csvText = fc
  .tuple(
    fc.oneof(
      { weight: 12, arbitrary: fc.constant("a,b\n") },
      fc.constantFrom("b,a\n", "a,b\r\n", "\ufeffa,b\n", '"a",b\n', "a,b", "c,b,a\n"),
    ),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.tuple(number, word).map(([a, b]) => `${a},${b}`) },
        fc.constantFrom("x,y", "1", "1,2,3", "", '1,"un', '"1', '1,"a\nb"', '2,q"q', "a,b", "\ufeffa,b", "3,é", "4,\u0000"),
        fc.constantFrom("\r", "6,\r", "7,a\r8,b", `5,${long}`),
      ),
      { maxLength: 8 },
    ),
    ends,
  )
  .map(([head, lines, end]) => `${head}${lines.join("\n")}${end}`);

const jsonText = fc
  .tuple(
    fc.constantFrom("", "", "", "\ufeff", "\n"),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.tuple(number, word).map(([a, b]) => `{"a":${a},"b":"${b}"}`) },
        fc.constantFrom(
          '{"b":"x"}',
          '{"a":"x"}',
          "",
          "{",
          '{"a":1',
          '{"b":"é","a":2}',
          "[1]",
          " ",
          '{"a":3}\r',
          `{"b":"${long}"}`,
        ),
      ),
      { maxLength: 8 },
    ),
    ends,
  )
  .map(([mark, lines, end]) => `${mark}${lines.join("\n")}${end}`);

function csvOf(files: readonly SourceFile[], quotes: "lenient" | "strict", maxRecordBytes: number): ResolvedSource | null {
  const csv = { ...csvDefaults, quotes, maxRecordBytes, schemaDrift: "evolve" } as const;
  try {
    return resolveCsv({ ...base, format: "csv", csv }, { files, partitionSchema });
  } catch (error) {
    // A header that cannot be read is refused before anything is.
    if (error instanceof MillraceError && error.category === "Data") return null;
    throw error;
  }
}

const formats = {
  csv: { text: csvText, sourceOf: csvOf },
  jsonl: {
    text: jsonText,
    sourceOf: (files: readonly SourceFile[]) => resolveJsonl({ ...base, format: "jsonl" }, { files, partitionSchema }),
  },
};

async function read(source: ResolvedSource, part: PartitionSpec, blockBytes: number, rowsAtOnce: number) {
  const [rows, rejects]: [unknown[], unknown[]] = [[], []];
  const reader = await openReader({ source, schema }, part, {
    batchRows: rowsAtOnce,
    partition: 0,
    blockBytes,
    reject: (reject, raw) => rejects.push({ ...reject, raw: Buffer.from(raw ?? []).toString("latin1") }),
  });
  try {
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const { selection, length, origin } = batch;
      const live = selection ?? Array.from({ length }, (_, i) => i);
      rows.push(...batchRows(batch).map((row, i) => ({ row, place: origin?.place(live[i] as number) })));
    }
    return { rows, rejects, result: reader.result() };
  } finally {
    await reader.close();
  }
}

test.each(["csv", "jsonl"] as const)(
  "what one reader reads in turn is what each is to a reader of its own: %s",
  async (format) => {
    const { text, sourceOf } = formats[format];
    const file = fc.record({ text, day: fc.constantFrom("1", "1", "1", "2", null) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { minLength: 2, maxLength: 7 }),
        fc.constantFrom("lenient" as const, "strict" as const),
        fc.constantFrom(64, 1 << 20),
        fc.constantFrom(64, 1 << 16),
        fc.integer({ min: 1, max: 9 }),
        async (made, quotes, maxRecordBytes, blockBytes, rowsAtOnce) => {
          const files = made.map((one, i) => {
            const path = join(folder.path, `${i}.${format}`);
            writeFileSync(path, one.text);
            return { path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [one.day] };
          });
          const source = sourceOf(files, quotes, maxRecordBytes);
          if (source === null) return;
          const alone = [];
          for (let i = 0; i < files.length; i++)
            alone.push(await read(source, { kind: "wholeFile", file: i }, blockBytes, rowsAtOnce));
          const { rows, rejects, result } = await read(
            source,
            { kind: "files", file: 0, count: files.length },
            blockBytes,
            rowsAtOnce,
          );
          expect(rows).toEqual(alone.flatMap((one) => one.rows));
          expect(rejects).toEqual(alone.flatMap((one) => one.rejects));
          const total = (of: "rows" | "rejected" | "bytes" | "lines") => alone.reduce((sum, one) => sum + one.result[of], 0);
          expect(result).toMatchObject({
            rows: total("rows"),
            rejected: total("rejected"),
            bytes: total("bytes"),
            lines: total("lines"),
          });
          for (const { path } of files) rmSync(path);
        },
      ),
      { numRuns: Number(process.env.MILLRACE_RUNS ?? 400) },
    );
  },
);
