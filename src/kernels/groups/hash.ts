import type { BytesColumn, Column, FixedColumn, ObjectColumn } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";

const nullHash = 0x5bd1_e995;
const nanHigh = 0x7ff8_0000;

/** Mixes one 32-bit word into a hash (a round of murmur3). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e_2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b87_3593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe654_6b64) | 0;
}

/** Spreads every bit over the whole word, so that any of its bits may choose a slot or a partition. */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/**
 * A 32-bit hash of each live row over the given columns: `result[j]` belongs to row `selection[j]` (row j without a selection). Rows
 * that group as equal hash equal: null with null, NaN with NaN, -0 with 0. The same values give the same hash on every machine.
 */
export function hashRows(columns: readonly Column[], selection: Int32Array | null, length: number): Uint32Array {
  const live = selection === null ? length : selection.length;
  const hashes = new Int32Array(live).fill(0x9747_b28c | 0);
  for (const column of columns) hashColumn(column, selection, hashes);
  for (let j = 0; j < live; j++) hashes[j] = finish(hashes[j] as number);
  return new Uint32Array(hashes.buffer);
}

function hashColumn(column: Column, selection: Int32Array | null, hashes: Int32Array): void {
  switch (column.layout) {
    case "fixed":
      hashFixed(column, selection, hashes);
      return;
    case "wide":
      hashWords(wordsOf(column.values, column.length * 4), 4, column, selection, hashes);
      return;
    case "bytes":
      hashBytes(column, selection, hashes);
      return;
    case "object":
      hashObjects(column, selection, hashes);
      return;
    default:
      assertNever(column, "column layout");
  }
}

const wordsOf = (values: BigInt64Array | BigUint64Array, count: number): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, count);

function hashFixed(column: FixedColumn, selection: Int32Array | null, hashes: Int32Array): void {
  const { values } = column;
  if (values instanceof Float64Array) hashDoubles(values, column, selection, hashes);
  else if (values instanceof Float32Array) hashDoubles(new Float64Array(values), column, selection, hashes);
  else if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    hashWords(wordsOf(values, column.length * 2), 2, column, selection, hashes);
  } else hashSmall(column, selection, hashes);
}

/** Integers of up to 32 bits, days and bools. */
function hashSmall({ values, valid }: FixedColumn, selection: Int32Array | null, hashes: Int32Array): void {
  for (let j = 0; j < hashes.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    const word = valid !== null && valid[row] === 0 ? nullHash : (values[row] as number) | 0;
    hashes[j] = mix(hashes[j] as number, word);
  }
}

function hashDoubles(values: Float64Array, { valid }: Column, selection: Int32Array | null, hashes: Int32Array): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let j = 0; j < hashes.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    const value = values[row] as number;
    let low = words[row * 2] as number;
    let high = words[row * 2 + 1] as number;
    if (valid !== null && valid[row] === 0) low = high = nullHash;
    else if (value === 0) low = high = 0;
    else if (Number.isNaN(value)) [low, high] = [0, nanHigh];
    hashes[j] = mix(mix(hashes[j] as number, low), high);
  }
}

function hashWords(words: Int32Array, step: number, { valid }: Column, selection: Int32Array | null, hashes: Int32Array): void {
  for (let j = 0; j < hashes.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    let hash = hashes[j] as number;
    if (valid !== null && valid[row] === 0) hash = mix(hash, nullHash);
    else for (let k = 0; k < step; k++) hash = mix(hash, words[row * step + k] as number);
    hashes[j] = hash;
  }
}

function hashBytes({ bytes, starts, ends, valid }: BytesColumn, selection: Int32Array | null, hashes: Int32Array): void {
  for (let j = 0; j < hashes.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    const hash = hashes[j] as number;
    const isNull = valid !== null && valid[row] === 0;
    hashes[j] = isNull ? mix(hash, nullHash) : hashSpan(hash, bytes, starts[row] as number, ends[row] as number);
  }
}

function hashSpan(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash = mix(hash, word);
  }
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] as number) << shift;
  return mix(mix(hash, rest), end - start);
}

function hashObjects({ values, valid }: ObjectColumn, selection: Int32Array | null, hashes: Int32Array): void {
  for (let j = 0; j < hashes.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    const hash = hashes[j] as number;
    hashes[j] = valid !== null && valid[row] === 0 ? mix(hash, nullHash) : hashValue(hash, values[row]);
  }
}

/** A hash of a nested value. Only equality decides a group, so collisions of different shapes are harmless. */
function hashValue(seed: number, value: unknown): number {
  if (value === null || value === undefined) return mix(seed, nullHash);
  if (typeof value === "boolean") return mix(seed, value ? 1 : 0);
  if (typeof value === "number") return hashNumber(seed, value);
  if (typeof value === "bigint") return mix(mix(seed, Number(BigInt.asIntN(32, value))), Number(BigInt.asIntN(32, value >> 32n)));
  if (value instanceof Uint8Array) return hashSpan(seed, value, 0, value.length);
  if (typeof value === "string") {
    let hash = seed;
    for (let i = 0; i < value.length; i++) hash = mix(hash, value.charCodeAt(i));
    return mix(hash, value.length);
  }
  let hash = seed;
  for (const part of Object.values(value)) hash = hashValue(hash, part);
  return mix(hash, 0);
}

const oneNumber = new Float64Array(1);
const oneWords = new Int32Array(oneNumber.buffer);

function hashNumber(seed: number, value: number): number {
  oneNumber[0] = value === 0 ? 0 : value;
  if (Number.isNaN(value)) return mix(mix(seed, 0), nanHigh);
  return mix(mix(seed, oneWords[0] as number), oneWords[1] as number);
}
