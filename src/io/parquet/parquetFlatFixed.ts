import { layoutOf, newFixed } from "../../batch/builder.js";
import type { Column, FixedValues } from "../../batch/column.js";
import type { DataType } from "../../schema/types.js";
import type { FlatPage } from "./parquetFlatPages.js";
import { placesOf, Validity } from "./parquetFlatRows.js";
import { type PlainValues, readRuns, wordsOf } from "./parquetFlatValues.js";

/** A column of numbers; null where its pages do not hold what they say. */
export function fixedOf(type: DataType, read: PlainValues, pages: readonly FlatPage[], rows: number): Column | null {
  const values = valuesOf(type, rows);
  const words = wordsIn(type, values);
  const nulls = new Validity(rows);
  let dictionary = valuesOf(type, 0);
  let size = 0;
  let at = 0;
  for (const page of pages) {
    if (page.kind === "dictionary") {
      size = page.rows;
      // A value takes a bit at least.
      if (size > page.bytes.length * 8) return null;
      dictionary = valuesOf(type, size);
      if (!read(page.bytes, page.at, page.live, dictionary, 0)) return null;
      continue;
    }
    if (page.form === "dictionary") {
      const places = placesOf(page, size);
      if (places === null) return null;
      look(dictionary, places, values, at, words);
    } else if (!(page.form === "runs" ? readRuns : read)(page.bytes, page.at, page.live, values, at)) return null;
    if (page.valid !== null) spread(values, page.valid, at, page.live, words);
    nulls.add(page, at);
    at += page.rows;
  }
  const { bytes: valid } = nulls;
  if (values instanceof BigInt64Array && words === 4) return { layout: "wide", type, length: rows, values, valid };
  return { layout: "fixed", type, length: rows, values, valid };
}

const valuesOf = (type: DataType, rows: number): FixedValues =>
  layoutOf(type) === "wide" ? new BigInt64Array(rows * 2) : newFixed(type, rows);

/** Words of 32 bits in a value; 0 where it is smaller or a float, and is moved as the number it is. */
function wordsIn(type: DataType, values: FixedValues): 0 | 2 | 4 {
  if (layoutOf(type) === "wide") return 4;
  return values instanceof BigInt64Array || values instanceof BigUint64Array ? 2 : 0;
}

function look(dictionary: FixedValues, places: Int32Array, out: FixedValues, at: number, words: 0 | 2 | 4): void {
  if (words === 0) lookNumbers(dictionary as Float64Array, places, out as Float64Array, at);
  else lookWords(wordsOf(dictionary), places, wordsOf(out), at * words, words);
}

function lookNumbers(dictionary: Float64Array, places: Int32Array, out: Float64Array, at: number): void {
  for (let i = 0; i < places.length; i++) out[at + i] = dictionary[places[i] as number] as number;
}

/** By their words: a bigint for each value would cost several times as much. */
function lookWords(dictionary: Int32Array, places: Int32Array, out: Int32Array, at: number, words: 2 | 4): void {
  let to = at;
  for (let i = 0; i < places.length; i++) {
    const from = (places[i] as number) * words;
    out[to++] = dictionary[from] as number;
    out[to++] = dictionary[from + 1] as number;
    if (words === 2) continue;
    out[to++] = dictionary[from + 2] as number;
    out[to++] = dictionary[from + 3] as number;
  }
}

/** Moves `live` values that stand together to the rows that are there, from the last on. */
function spread(values: FixedValues, valid: Uint8Array, at: number, live: number, words: 0 | 2 | 4): void {
  if (words === 0) spreadNumbers(values as Float64Array, valid, at, live);
  else spreadWords(wordsOf(values), valid, at, live, words);
}

function spreadNumbers(values: Float64Array, valid: Uint8Array, at: number, live: number): void {
  let from = at + live;
  for (let i = valid.length - 1; i >= 0; i--) values[at + i] = valid[i] === 0 ? 0 : (values[--from] as number);
}

function spreadWords(values: Int32Array, valid: Uint8Array, at: number, live: number, words: 2 | 4): void {
  let from = (at + live) * words;
  for (let i = valid.length - 1; i >= 0; i--) {
    const isThere = valid[i] !== 0;
    if (isThere) from -= words;
    const to = (at + i) * words;
    for (let k = 0; k < words; k++) values[to + k] = isThere ? (values[from + k] as number) : 0;
  }
}
