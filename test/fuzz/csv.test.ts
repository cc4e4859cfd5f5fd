import { expect, test } from "vitest";
import type { RowOrigin } from "../../src/batch/column.js";
import { parseText } from "../../src/functions/cast.js";
import { RowFailure } from "../../src/functions/definition.js";
import { formatParser } from "../../src/io/csv/csvFormats.js";
import { parseHead } from "../../src/io/csv/csvHead.js";
import { CsvReader } from "../../src/io/csv/csvReader.js";
import type { ByteSource } from "../../src/io/text/textBytes.js";
import type { DataType } from "../../src/schema/types.js";
import { valueAt } from "../unit/csv/support.js";
import { type CsvCase, randomCase } from "./csvCases.js";
import { fuzzSeed, type Random, randomFrom } from "./random.js";
import { columnsOf, readSlowly, type SlowField, type SlowFile } from "./slowCsv.js";

/** A record as both readers see it: where it stands, and its values or the code of its reject. */
interface Seen {
  readonly start: number;
  readonly end: number;
  readonly raw: string;
  readonly line: number;
  readonly values: readonly unknown[] | string;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
const wellFormed = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const typeOf = (one: CsvCase, column: number): DataType => one.types[column % one.types.length] ?? one.types[0];

/** What a field means as a value of a type; the code when it means none. */
function slowValue(field: SlowField, type: DataType, one: CsvCase): { readonly value: unknown } | string {
  const isText = type.kind === "utf8" || type.kind === "binary";
  const { quote, nullValues } = one.options;
  const { raw, text } = field;
  const nulls = nullValues.map((word) => Buffer.from(word, "utf8").toString("latin1")).filter((word) => word !== "");
  const inQuotes = quote !== null && raw.length >= 2 && raw.startsWith(quote) && raw.endsWith(quote);
  if (nulls.includes(!isText && inQuotes ? raw.slice(1, -1) : raw)) return { value: null };
  if (isText ? raw === "" : text === "") return { value: null };
  const bytes = Buffer.from(text, "latin1");
  if (type.kind === "binary") return { value: text };
  if (type.kind === "utf8") {
    try {
      wellFormed.decode(bytes);
      return { value: text };
    } catch {
      return "INVALID_UTF8";
    }
  }
  if (type.kind === "date" && one.options.dateFormat !== undefined) {
    const days = daysOf(text);
    return days === null ? "CAST_FAILED" : { value: days };
  }
  try {
    const value = parseText(bytes.toString("utf8"), type);
    return { value: typeof value === "boolean" ? Number(value) : value };
  } catch (error) {
    if (error instanceof RowFailure) return error.code;
    throw error;
  }
}

/** Days from 1970 to a date that is written as `%d/%m/%Y`; null for any other text. */
function daysOf(text: string): number | null {
  const found = /^(\d{1,2})\/(\d{1,2})\/(\d{1,4})$/.exec(text);
  if (found === null) return null;
  const [day, month, year] = found.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / 86_400_000 : null;
}

function expected(one: CsvCase, slow: SlowFile, wanted: readonly number[]): Seen[] {
  return slow.records.map((record) => {
    const { start, end, line } = record;
    const raw = one.file.slice(start, end);
    if (record.reject !== null) return { start, end, raw, line, values: record.reject };
    const found = wanted.map((column) => slowValue(record.fields[column] as SlowField, typeOf(one, column), one));
    const failure = found.find((value) => typeof value === "string");
    if (typeof failure === "string") return { start, end, raw, line, values: failure };
    const last = record.fields[record.fields.length - 1];
    if (one.options.trailingDelimiter === true && last?.raw !== "")
      return { start, end, raw, line, values: "CSV_TOO_MANY_FIELDS" };
    return { start, end, raw, line, values: found.map((value) => (typeof value === "string" ? value : value.value)) };
  });
}

/** Bytes in memory that arrive as a file's would. */
function memorySource(bytes: Uint8Array, start: number, random: Random | null): ByteSource {
  let at = start;
  return {
    read(target, to, length) {
      const most = Math.min(length, bytes.length - at);
      const count = random === null || most <= 0 ? Math.max(0, most) : 1 + random.below(most);
      target.set(bytes.subarray(at, at + count), to);
      at += count;
      return count;
    },
    close() {},
  };
}

function readPart(one: CsvCase, bytes: Uint8Array, head: NonNullable<ReturnType<typeof parseHead>>, part: Part) {
  const { names } = head;
  const trailing = one.options.trailingDelimiter === true;
  const fields = (names?.length ?? one.types.length) + (trailing ? 1 : 0);
  const schema = part.wanted.map((column) => ({ name: `c${column}`, type: typeOf(one, column), nullable: true }));
  const seen: Seen[] = [];
  const reader = new CsvReader({
    file: { path: "memory.csv", bytes: bytes.length, modifiedMs: 0, partitionValues: [] },
    head,
    fields,
    schema,
    places: part.wanted.map((index) => ({ kind: "field", index })),
    nullValues: one.options.nullValues,
    parserOf: (field) => formatParser(one.options, field),
    trailing,
    open: (start) => memorySource(bytes, start, one.shortReads ? randomFrom(bytes.length, start) : null),
    start: part.start,
    end: part.end,
    exactStart: part.exactStart,
    batchRows: one.batchRows,
    blockBytes: one.blockBytes,
    maxRecordBytes: 1 << 26,
    reject: ({ byte, length, line, code }, raw) => {
      const start = byte ?? -1;
      seen.push({ start, end: start + (length ?? -1), raw: latin1(raw ?? bytes), line: line ?? -1, values: code });
    },
  });
  try {
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      if (batch instanceof Promise) throw new Error("a plain file is read synchronously");
      const { columns, selection, length } = batch;
      const rows = selection ?? Int32Array.from({ length }, (_, row) => row);
      const origin = batch.origin as RowOrigin;
      for (const row of rows) {
        const { byte, length: size, line } = origin.place(row);
        const values = columns.map((column) => textOf(valueAt(column, row), column.type));
        const start = byte ?? -1;
        const raw = latin1(origin.raw(row) ?? new Uint8Array());
        seen.push({ start, end: start + (size ?? -1), raw, line: line ?? -1, values });
      }
    }
    return { seen, result: reader.result() };
  } finally {
    reader.close();
  }
}

/** Text columns as bytes again, one character each. */
function textOf(value: unknown, type: DataType): unknown {
  if (value instanceof Uint8Array) return latin1(value);
  return type.kind === "utf8" && typeof value === "string" ? Buffer.from(value, "utf8").toString("latin1") : value;
}

interface Part {
  readonly start: number;
  readonly end: number;
  readonly exactStart: boolean;
  readonly wanted: readonly number[];
}

/** Reads partitions in order and repeats one whose guessed start was wrong, as the engine does. */
function actual(one: CsvCase, bytes: Uint8Array, head: NonNullable<ReturnType<typeof parseHead>>, wanted: readonly number[]) {
  const borders = [...new Set([0, ...one.cuts.map((share) => Math.floor(share * bytes.length)), bytes.length])];
  borders.sort((a, b) => a - b);
  if (borders.length === 1) borders.push(bytes.length);
  const seen: Seen[] = [];
  let lines = 0;
  let rows = 0;
  let rejected = 0;
  let reached: number | null = null;
  for (let i = 0; i + 1 < borders.length; i++) {
    const [start, end] = [borders[i] as number, borders[i + 1] as number];
    let part = readPart(one, bytes, head, { start, end, exactStart: i === 0, wanted });
    if (reached !== null && part.result.start !== reached) {
      part = readPart(one, bytes, head, { start: reached, end, exactStart: true, wanted });
    }
    const before = lines;
    seen.push(...part.seen.map((record) => ({ ...record, line: record.line + before })));
    reached = part.result.end;
    lines += part.result.lines;
    rows += part.result.rows;
    rejected += part.result.rejected;
  }
  seen.sort((a, b) => a.start - b.start);
  return { seen, lines, rows, rejected, reached };
}

function checkCase(one: CsvCase): void {
  const bytes = Buffer.from(one.file, "latin1");
  const slow = readSlowly(one.file, one.options, one.options.header ? 0 : one.types.length);
  let at = 0;
  for (const piece of slow.pieces) {
    same(piece.start, at);
    at = piece.end;
  }
  const head = parseHead(bytes, one.options, true);
  if (head === null) throw new Error("a whole file always has a head");
  if (one.options.header && slow.header === null) {
    same(head.names, null);
    return;
  }
  same(at, bytes.length);
  const names = slow.header
    ?.slice(0, columnsOf(slow.header, one.options))
    .map(({ raw, text }, i) => (raw === "" ? `column${i}` : Buffer.from(text, "latin1").toString("utf8")));
  same(JSON.stringify(head.names), JSON.stringify(names ?? null));
  const fields = names?.length ?? one.types.length;
  const wanted = one.wanted.filter((column) => column < fields);
  const want = expected(one, slow, wanted);
  const got = actual(one, bytes, head, wanted);
  if (!sameRecords(got.seen, want)) expect(got.seen).toEqual(want);
  for (const { start, end, raw } of got.seen) same(raw, one.file.slice(start, end));
  same(got.lines, one.file.split(slow.newline).length - 1);
  same(got.rows, want.length);
  same(got.rejected, want.filter(({ values }) => typeof values === "string").length);
  same(got.reached, bytes.length);
}

/** Cheaper than an `expect` for each of a million comparisons. */
function same(found: unknown, wanted: unknown): void {
  if (!Object.is(found, wanted)) expect(found).toBe(wanted);
}

/** Cheaper than `toEqual`, which then explains the difference. */
function sameRecords(a: readonly Seen[], b: readonly Seen[]): boolean {
  return a.length === b.length && a.every((left, i) => sameRecord(left, b[i] as Seen));
}

function sameRecord(a: Seen, b: Seen): boolean {
  if (a.start !== b.start || a.end !== b.end || a.line !== b.line || a.raw !== b.raw) return false;
  if (typeof a.values === "string" || typeof b.values === "string") return a.values === b.values;
  const other = b.values;
  return a.values.length === other.length && a.values.every((value, i) => Object.is(value, other[i]));
}

function failureOf(one: CsvCase): unknown {
  try {
    checkCase(one);
    return null;
  } catch (error) {
    return error;
  }
}

/** A smaller case that fails as well: pieces of the file are left out as long as it does. */
function shrink(one: CsvCase): CsvCase {
  let best = one;
  for (const change of [{ cuts: [] }, { shortReads: false }, { wanted: [] }, { blockBytes: 1000 }, { batchRows: 100 }]) {
    const smaller = { ...best, ...change };
    if (failureOf(smaller) !== null) best = smaller;
  }
  for (let size = Math.ceil(best.file.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.file.length; ) {
      const smaller = { ...best, file: best.file.slice(0, at) + best.file.slice(at + size) };
      if (failureOf(smaller) === null) at += size;
      else best = smaller;
    }
  }
  return best;
}

const runs = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 50_000);

test.each([0, 1])(
  "any bytes, dialect, block size and split read as the slow reader reads them (part %i)",
  { timeout: 900_000 },
  (half) => {
    for (let run = half; run < runs * 2; run += 2) {
      const one = randomCase(randomFrom(fuzzSeed, run));
      if (failureOf(one) === null) continue;
      const smallest = shrink(one);
      const report = failureOf(smallest) as Error;
      throw new Error(`MILLRACE_PROPERTY_SEED=${fuzzSeed} run ${run}: ${JSON.stringify(smallest)}\n${report.message}`);
    }
  },
);
