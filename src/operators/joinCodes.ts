import { type Coded, codesOf, textColumn } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { required } from "../common/assert.js";

/**
 * A column of a join's right side, ready to be gathered. Text columns of few different values share `coded`: one code a row for all of them, so
 * that a row's texts are looked up at once. The last code is that of rows without a match; its text is null.
 */
export interface BuildColumn {
  readonly column: Column;
  readonly coded: Coded | null;
}

const sampleRows = 4096;
/** Different texts of one column, and different combinations of them. */
const mostTexts = 4096;
/** Bytes of a dictionary whose places are remembered. */
const mostPlaces = 2 ** 20;
const mostCodes = 65_536;

/** Columns of a join's right side, by their index. */
export function buildColumns(columns: ReadonlyMap<number, Column>): ReadonlyMap<number, BuildColumn> {
  const built = new Map<number, BuildColumn>([...columns].map(([index, column]) => [index, { column, coded: null }]));
  const texts = new Map<number, ColumnTexts>();
  for (const [index, column] of columns) {
    const found = column.layout === "bytes" && column.length >= sampleRows ? (codedTexts(column) ?? textsOf(column)) : null;
    if (found !== null) texts.set(index, found);
  }
  for (const [index, coded] of combined([...texts])) {
    built.set(index, { column: required(columns.get(index), "column"), coded });
  }
  return built;
}

/** The different texts of a column, and which one each row has; null is one of them. */
interface ColumnTexts {
  readonly column: BytesColumn;
  readonly codes: Coded["codes"];
  readonly values: readonly (Uint8Array | null)[];
}

/** One code a row for all columns together, as long as there are few. Columns that would make them too many are left out. */
function combined(all: readonly (readonly [number, ColumnTexts])[]): [number, Coded][] {
  const [first, ...others] = all;
  if (first === undefined) return [];
  let codes = first[1].codes;
  // Of each code the text of each column.
  let tuples: (Uint8Array | null)[][] = first[1].values.map((value) => [value]);
  const taken = [first];
  for (const one of others) {
    const next = product(codes, tuples, one[1]);
    if (next === null) continue;
    ({ codes, tuples } = next);
    taken.push(one);
  }
  tuples.push(taken.map(() => null));
  const shared = tuples.length <= 256 ? bytesOf(codes) : wordsOf(codes);
  return taken.map(([index, { column }], i) => {
    const values = tuples.map((tuple) => tuple[i] ?? null);
    return [index, { codes: shared, texts: textColumn(column.type, values) }];
  });
}

const bytesOf = (codes: Coded["codes"]): Uint8Array => (codes instanceof Uint8Array ? codes : Uint8Array.from(codes));
const wordsOf = (codes: Coded["codes"]): Uint16Array => (codes instanceof Uint16Array ? codes : Uint16Array.from(codes));

function product(codes: Coded["codes"], tuples: readonly (readonly (Uint8Array | null)[])[], one: ColumnTexts) {
  const width = one.values.length;
  if (tuples.length * width > mostCodes * 16) return null;
  const numbers = new Int32Array(tuples.length * width).fill(-1);
  const out = new Uint16Array(codes.length);
  const found: (Uint8Array | null)[][] = [];
  for (let row = 0; row < codes.length; row++) {
    const at = (codes[row] as number) * width + (one.codes[row] as number);
    let number = numbers[at] as number;
    if (number < 0) {
      // One is kept for rows without a match.
      if (found.length >= mostCodes - 1) return null;
      const before = required(tuples[codes[row] as number], "texts");
      number = found.push([...before, one.values[one.codes[row] as number] ?? null]) - 1;
      numbers[at] = number;
    }
    out[row] = number;
  }
  return { codes: out, tuples: found };
}

/** What a column that has codes says itself. */
function codedTexts(column: BytesColumn): ColumnTexts | null {
  const coded = codesOf(column);
  if (coded === null || coded.texts.length > mostTexts) return null;
  const { bytes, starts, ends, valid, length } = coded.texts;
  const values = Array.from({ length }, (_, i) => (valid?.[i] === 0 ? null : bytes.subarray(starts[i], ends[i])));
  return { column, codes: coded.codes, values };
}

/** null where a column has too many different texts. */
function textsOf(column: BytesColumn): ColumnTexts | null {
  const { bytes, starts, ends, valid, length } = column;
  const slots = new Int32Array(mostTexts * 4);
  const mask = slots.length - 1;
  const codes = new Uint16Array(length);
  // Rows that come from a dictionary stand at few places: a text that was met at one is known there without a look at it.
  const places = bytes.length <= mostPlaces ? new Int32Array(bytes.length + 1) : null;
  const values: (Uint8Array | null)[] = [];
  const lengths = new Int32Array(mostTexts + 1);
  let none = -1;
  for (let row = 0; row < length; row++) {
    if (places !== null) row = placedRows(column, places, lengths, codes, row);
    if (row === length) break;
    if (valid !== null && valid[row] === 0) {
      if (none < 0) none = values.push(null) - 1;
      codes[row] = none;
      continue;
    }
    const [start, end] = [starts[row] as number, ends[row] as number];
    let slot = hashOf(bytes, start, end) & mask;
    let code = (slots[slot] as number) - 1;
    while (code >= 0 && !isText(values[code] as Uint8Array, bytes, start, end)) {
      slot = (slot + 1) & mask;
      code = (slots[slot] as number) - 1;
    }
    if (code < 0) {
      code = values.push(bytes.subarray(start, end)) - 1;
      lengths[code] = end - start;
      slots[slot] = code + 1;
      if (values.length > mostTexts || (row < sampleRows && values.length > mostTexts / 4)) return null;
    }
    codes[row] = code;
    if (places !== null) places[start] = code + 1;
  }
  return { column, codes, values };
}

/**
 * Codes of rows from `from` on whose text was met at the same place, up to the first other one, whose number it gives. A loop over many rows is a function
 * of its own: what is compiled for a long loop is the whole function around it.
 */
function placedRows(column: BytesColumn, places: Int32Array, lengths: Int32Array, codes: Uint16Array, from: number): number {
  const { starts, ends, valid, length } = column;
  for (let row = from; row < length; row++) {
    if (valid !== null && valid[row] === 0) return row;
    const start = starts[row] as number;
    const known = (places[start] as number) - 1;
    if (known < 0 || lengths[known] !== (ends[row] as number) - start) return row;
    codes[row] = known;
  }
  return length;
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x0100_0193);
  return hash ^ (hash >>> 15);
}

function isText(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
