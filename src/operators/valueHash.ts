import type { Column } from "../batch/column.js";

type HashRow = (row: number, seed: number) => number;

/**
 * The hash of the values that a row has in some columns, 32 bits unsigned: equal for equal values wherever their columns come from. null where a column is
 * not of fixed width, and its values have to be read anyway.
 */
export function rowHash(columns: readonly Column[]): ((row: number) => number) | null {
  const known = columns.map(hashOfColumn).filter((hash) => hash !== null);
  if (known.length < columns.length) return null;
  return (row) => {
    let hash = columns.length;
    for (let i = 0; i < known.length; i++) hash = (known[i] as HashRow)(row, hash);
    return finish(hash);
  };
}

function hashOfColumn(column: Column): HashRow | null {
  if (column.layout !== "fixed" && column.layout !== "wide") return null;
  const { values, valid } = column;
  const hash = values instanceof Float64Array || values instanceof Float32Array ? ofDoubles(values) : ofWhole(column, values);
  return valid === null ? hash : (row, seed) => (valid[row] === 0 ? mix(seed, nullWord) : hash(row, seed));
}

type Numbers = Exclude<Extract<Column, { layout: "fixed" }>["values"], Float64Array | Float32Array>;

function ofWhole(column: Column, values: Numbers): HashRow {
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) {
    return (row, seed) => mix(seed, values[row] as number);
  }
  const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  const width = column.layout === "wide" ? 4 : 2;
  return (row, seed) => {
    let hash = seed;
    for (let at = row * width; at < (row + 1) * width; at++) hash = mix(hash, words[at] as number);
    return hash;
  };
}

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

/** Every NaN is the same value. */
function ofDoubles(values: Float64Array | Float32Array): HashRow {
  return (row, seed) => {
    const value = values[row] as number;
    if (Number.isNaN(value)) return mix(seed, nanWord);
    double[0] = value;
    return mix(mix(seed, doubleWords[0] as number), doubleWords[1] as number);
  };
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
  return (h ^ (h >>> 16)) >>> 0;
}
