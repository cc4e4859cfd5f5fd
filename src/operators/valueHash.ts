import type { Column, FixedColumn, WideColumn } from "../batch/column.js";

/**
 * Hashes of the values that rows have in some columns, 32 bits signed: equal for equal values wherever their columns come from. null where a column is
 * not of fixed width, and its values have to be read anyway.
 */
export function rowHashes(columns: readonly Column[], rows: ArrayLike<number>): Int32Array | null {
  const hashes = new Int32Array(rows.length).fill(columns.length);
  for (const column of columns) {
    if (column.layout !== "fixed" && column.layout !== "wide") return null;
    const { values } = column;
    if (values instanceof Float64Array || values instanceof Float32Array) addDoubles(values, rows, column.valid, hashes);
    else if (values instanceof BigInt64Array || values instanceof BigUint64Array) addWords(column, rows, hashes);
    else addNumbers(values, rows, column.valid, hashes);
  }
  for (let i = 0; i < hashes.length; i++) hashes[i] = finish(hashes[i] as number);
  return hashes;
}

type Valid = Uint8Array | null;

function addNumbers(values: ArrayLike<number>, rows: ArrayLike<number>, valid: Valid, hashes: Int32Array): void {
  for (let i = 0; i < hashes.length; i++) {
    const row = rows[i] as number;
    const word = valid !== null && valid[row] === 0 ? nullWord : (values[row] as number);
    hashes[i] = mix(hashes[i] as number, word);
  }
}

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

/** Every NaN is the same value. */
function addDoubles(values: ArrayLike<number>, rows: ArrayLike<number>, valid: Valid, hashes: Int32Array): void {
  for (let i = 0; i < hashes.length; i++) {
    const row = rows[i] as number;
    const value = values[row] as number;
    const hash = hashes[i] as number;
    if (valid !== null && valid[row] === 0) hashes[i] = mix(hash, nullWord);
    else if (Number.isNaN(value)) hashes[i] = mix(hash, nanWord);
    else {
      double[0] = value;
      hashes[i] = mix(mix(hash, doubleWords[0] as number), doubleWords[1] as number);
    }
  }
}

function addWords({ values, valid, layout }: FixedColumn | WideColumn, rows: ArrayLike<number>, hashes: Int32Array): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  const width = layout === "wide" ? 4 : 2;
  for (let i = 0; i < hashes.length; i++) {
    const row = rows[i] as number;
    let hash = hashes[i] as number;
    if (valid !== null && valid[row] === 0) hash = mix(hash, nullWord);
    else for (let at = row * width; at < (row + 1) * width; at++) hash = mix(hash, words[at] as number);
    hashes[i] = hash;
  }
}

const nullWord = 0x5bd1e995;
const nanWord = 0x7ff80000;

/** A step and the end of MurmurHash3 (Appleby 2011). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
