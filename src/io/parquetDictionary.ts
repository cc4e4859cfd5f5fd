import type { PlainValues } from "./parquetColumn.js";

/** Distinct values in order of first appearance, and each value's place among them. */
export interface Dictionary {
  readonly codes: Int32Array;
  readonly entries: PlainValues;
}

/** A dictionary pays when few values repeat often; these are the limits, all in terms of the row group alone. */
const mostEntries = 65_536;
const mostBytes = 1 << 20;
const valuesPerEntry = 5;
const sampleValues = 8192;
const smallest = 32;

const tableSize = 1 << 18;
const mask = tableSize - 1;
let sharedTable: Int32Array | null = null;

function emptyTable(): Int32Array {
  sharedTable ??= new Int32Array(tableSize);
  return sharedTable.fill(-1);
}

/** Whether so many entries after so many values mean that a dictionary will not pay. */
const hopeless = (entries: number, seen: number, limit: number): boolean =>
  entries > limit || (seen === sampleValues && entries > (sampleValues * 3) / 4);

/** A dictionary for the values, or null where it would not pay. */
export function buildDictionary(values: PlainValues): Dictionary | null {
  if (values.count < smallest || values.kind === "bits") return null;
  const limit = Math.min(mostEntries, Math.floor(values.count / valuesPerEntry));
  return values.kind === "words" ? wordDictionary(values, limit) : bytesDictionary(values, limit);
}

type Words = Extract<PlainValues, { kind: "words" }>;
type Bytes = Extract<PlainValues, { kind: "bytes" }>;

function wordDictionary({ words, width, count }: Words, limit: number): Dictionary | null {
  if (width > 2) return null;
  const table = emptyTable();
  const codes = new Int32Array(count);
  const entries = new Int32Array((limit + 1) * width);
  let size = 0;
  for (let i = 0; i < count; i++) {
    const low = words[i * width] as number;
    const high = width === 2 ? (words[i * 2 + 1] as number) : 0;
    let slot = hashWords(low, high) & mask;
    let code = table[slot] as number;
    while (code >= 0 && (entries[code * width] !== low || (width === 2 && entries[code * 2 + 1] !== high))) {
      slot = (slot + 1) & mask;
      code = table[slot] as number;
    }
    if (code < 0) {
      if (hopeless(size + 1, i + 1, limit)) return null;
      code = size++;
      table[slot] = code;
      entries[code * width] = low;
      if (width === 2) entries[code * 2 + 1] = high;
    }
    codes[i] = code;
    if (i + 1 === sampleValues && hopeless(size, sampleValues, limit)) return null;
  }
  return { codes, entries: { kind: "words", words: entries.subarray(0, size * width), width, count: size } };
}

function hashWords(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 13);
}

function bytesDictionary({ bytes, ends, count }: Bytes, limit: number): Dictionary | null {
  const table = emptyTable();
  const codes = new Int32Array(count);
  /** Where each entry begins and ends in `bytes`, length prefix and all: the prefix takes part in the comparison. */
  const first = new Int32Array(limit + 1);
  const last = new Int32Array(limit + 1);
  let size = 0;
  let total = 0;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = ends[i] as number;
    let hash = end - start;
    for (let at = start + 4; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & mask;
    let code = table[slot] as number;
    while (code >= 0 && !sameBytes(bytes, start, end, first[code] as number, last[code] as number)) {
      slot = (slot + 1) & mask;
      code = table[slot] as number;
    }
    if (code < 0) {
      total += end - start;
      if (hopeless(size + 1, i + 1, limit) || total > mostBytes) return null;
      code = size++;
      table[slot] = code;
      first[code] = start;
      last[code] = end;
    }
    codes[i] = code;
    start = end;
    if (i + 1 === sampleValues && hopeless(size, sampleValues, limit)) return null;
  }
  return { codes, entries: gatherEntries(bytes, first, last, size, total) };
}

function sameBytes(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let a = start, b = otherStart; a < end; a++, b++) if (bytes[a] !== bytes[b]) return false;
  return true;
}

function gatherEntries(bytes: Uint8Array, first: Int32Array, last: Int32Array, size: number, total: number): PlainValues {
  const gathered = new Uint8Array(total);
  const ends = new Int32Array(size);
  let at = 0;
  for (let code = 0; code < size; code++) {
    gathered.set(bytes.subarray(first[code], last[code]), at);
    at += (last[code] as number) - (first[code] as number);
    ends[code] = at;
  }
  return { kind: "bytes", bytes: gathered, ends, count: size };
}
