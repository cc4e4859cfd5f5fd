import { isUtf8 } from "node:buffer";
import { newFixed } from "../../batch/builder.js";
import { codedColumn } from "../../batch/coded.js";
import type { Column, FixedValues } from "../../batch/column.js";
import type { DataType } from "../../schema/types.js";
import { leafType } from "./parquetLeafType.js";
import { type FlatPage, flatPages } from "./parquetFlatPages.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { decodeHybrid } from "./parquetRle.js";
import { physical, repetition } from "./parquetSchema.js";
import { numberField, structField, type ThriftStruct } from "./parquetThrift.js";

const timestampMicros = 10;

/**
 * Decodes the chunk of a flat column of a common type: numbers, dates, timestamps in microseconds and byte strings, plain or by a dictionary,
 * uncompressed, snappy or gzip. null for every other one and for bytes that it cannot make sense of: parquet-wasm takes those, or says what is
 * wrong with them. Loading that takes longer than to read half a million rows of a small table so.
 * @param chunk the bytes of the chunk, from its first page on
 * @param meta its metadata
 */
export function decodeFlat(chunk: Uint8Array, meta: ThriftStruct, column: FileColumn, rows: number): Column | null {
  const [element, ...others] = column.elements;
  if (element === undefined || others.length > 0 || column.conversion !== "none") return null;
  const type = flatType(element);
  if (type === null) return null;
  const levels = numberField(element, 3) !== repetition.required;
  const pages = flatPages(chunk, numberField(meta, 4) ?? 0, levels, rows);
  if (pages === null) return null;
  return type.kind === "utf8" || type.kind === "binary" ? bytesOf(type, pages, rows) : fixedOf(type, pages, rows);
}

/** The type of a column whose stored values are those that are delivered. */
function flatType(element: ThriftStruct): DataType | null {
  const type = leafType(element);
  const stored = numberField(element, 1);
  switch (type?.kind) {
    case "int32":
    case "date":
      return stored === physical.int32 ? type : null;
    case "int64":
      return stored === physical.int64 ? type : null;
    case "timestamp":
      return stored === physical.int64 && isMicros(element) ? type : null;
    case "float32":
    case "float64":
      return type;
    case "utf8":
    case "binary":
      return stored === physical.byteArray ? type : null;
    default:
      return null;
  }
}

function isMicros(element: ThriftStruct): boolean {
  const logical = structField(element, 10);
  if (logical === undefined) return numberField(element, 6) === timestampMicros;
  const timestamp = structField(logical, 8);
  return (timestamp === undefined ? undefined : structField(timestamp, 2))?.has(2) === true;
}

function fixedOf(type: DataType, pages: readonly FlatPage[], rows: number): Column | null {
  const values = newFixed(type, rows);
  const width = values.BYTES_PER_ELEMENT;
  const target = new Uint8Array(values.buffer);
  const nulls = new Validity(rows);
  let dictionary: FixedValues | null = null;
  let at = 0;
  for (const page of pages) {
    const bytes = page.live * width;
    if (page.form === "plain" && page.at + bytes > page.bytes.length) return null;
    if (page.kind === "dictionary") {
      dictionary = newFixed(type, page.rows);
      new Uint8Array(dictionary.buffer).set(page.bytes.subarray(0, bytes));
      continue;
    }
    if (page.form === "plain") target.set(page.bytes.subarray(page.at, page.at + bytes), at * width);
    else {
      const places = placesOf(page, dictionary?.length ?? 0);
      if (places === null || dictionary === null) return null;
      look(dictionary as Float64Array, places, values as Float64Array, at);
    }
    if (page.valid !== null) spread(values as Float64Array, page.valid, at, page.live);
    nulls.add(page, at);
    at += page.rows;
  }
  return { layout: "fixed", type, length: rows, values, valid: nulls.bytes };
}

/** For bigints, too: values of one kind of array are moved. */
function look(dictionary: Float64Array, places: Int32Array, out: Float64Array, at: number): void {
  for (let i = 0; i < places.length; i++) out[at + i] = dictionary[places[i] as number] as number;
}

/** Moves `live` values that stand together to the rows that are there, from the last on. */
function spread(values: Float64Array, valid: Uint8Array, at: number, live: number): void {
  let from = at + live;
  const zero = (typeof values[at] === "bigint" ? 0n : 0) as number;
  for (let i = valid.length - 1; i >= 0; i--) values[at + i] = valid[i] === 0 ? zero : (values[--from] as number);
}

/** Which dictionary value each live row of a page has; null where one is not there. */
function placesOf({ bytes, at, live }: FlatPage, size: number): Int32Array | null {
  const places = new Int32Array(live);
  if (live === 0) return places;
  const bits = bytes[at];
  if (bits === undefined || !decodeHybrid(bytes, at + 1, bytes.length, bits, live, places)) return null;
  let most = 0;
  for (let i = 0; i < live; i++) if ((places[i] as number) > most) most = places[i] as number;
  return most < size ? places : null;
}

/** Dictionaries up to this are kept as such. */
const mostTexts = 4096;

function bytesOf(type: DataType, pages: readonly FlatPage[], rows: number): Column | null {
  const [first, ...others] = pages;
  const isCoded = first?.kind === "dictionary" && first.rows <= mostTexts && others.every(({ form }) => form === "dictionary");
  return isCoded ? codedTexts(type, first, others, rows) : spanTexts(type, pages, rows);
}

/** Rows that all have a value of one dictionary; behind its texts stands null, for rows that are. */
function codedTexts(type: DataType, words: FlatPage, pages: readonly FlatPage[], rows: number): Column | null {
  const found = textsOf(words, 0, type.kind === "utf8");
  if (found === null) return null;
  const { live: size, bytes } = words;
  const hasNulls = pages.some(({ valid }) => valid !== null);
  const codes = size + (hasNulls ? 1 : 0) <= 256 ? new Uint8Array(rows) : new Uint16Array(rows);
  let at = 0;
  for (const page of pages) {
    const places = placesOf(page, size);
    if (places === null) return null;
    codes.set(places, at);
    if (page.valid !== null) spreadCodes(codes, page.valid, at, page.live, size);
    at += page.rows;
  }
  if (!hasNulls)
    return codedColumn({ codes, texts: { layout: "bytes", type, length: size, bytes, ...found, valid: null } }, rows);
  const starts = new Int32Array(size + 1);
  const ends = new Int32Array(size + 1);
  starts.set(found.starts);
  ends.set(found.ends);
  const valid = new Uint8Array(size + 1).fill(1, 0, size);
  return codedColumn({ codes, texts: { layout: "bytes", type, length: size + 1, bytes, starts, ends, valid } }, rows);
}

/** As `spread`; a null row gets the code `none`. */
function spreadCodes(codes: Uint8Array | Uint16Array, valid: Uint8Array, at: number, live: number, none: number): void {
  let from = at + live;
  for (let i = valid.length - 1; i >= 0; i--) codes[at + i] = valid[i] === 0 ? none : (codes[--from] as number);
}

function spanTexts(type: DataType, pages: readonly FlatPage[], rows: number): Column | null {
  const plain = pages.filter((page) => page.form === "plain");
  const total = plain.reduce((sum, page) => sum + page.bytes.length, 0);
  if (total > 0x7fff_ffff) return null;
  const [only] = plain;
  const bytes = plain.length === 1 && only !== undefined ? only.bytes : new Uint8Array(total);
  const [starts, ends] = [new Int32Array(rows), new Int32Array(rows)];
  const nulls = new Validity(rows);
  let words: Texts | null = null;
  let at = 0;
  let base = 0;
  for (const page of pages) {
    let found: Texts | null = words;
    let places: Int32Array | null = null;
    if (page.form === "plain") {
      if (plain.length > 1) bytes.set(page.bytes, base);
      found = textsOf(page, base, type.kind === "utf8");
      base += page.bytes.length;
      if (page.kind === "dictionary") words = found;
    } else places = placesOf(page, words?.starts.length ?? 0);
    if (found === null || (page.form === "dictionary" && places === null)) return null;
    if (page.kind === "dictionary") continue;
    if (places === null) {
      starts.set(found.starts, at);
      ends.set(found.ends, at);
    } else lookUp(found, places, starts, ends, at);
    if (page.valid !== null) spreadTexts(starts, ends, page.valid, at, page.live);
    nulls.add(page, at);
    at += page.rows;
  }
  return { layout: "bytes", type, length: rows, bytes, starts, ends, valid: nulls.bytes };
}

interface Texts {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

function lookUp(found: Texts, places: Int32Array, starts: Int32Array, ends: Int32Array, at: number): void {
  const { starts: from, ends: to } = found;
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number;
    starts[at + i] = from[place] as number;
    ends[at + i] = to[place] as number;
  }
}

/** As `spread`; a null row is an empty text. */
function spreadTexts(starts: Int32Array, ends: Int32Array, valid: Uint8Array, at: number, live: number): void {
  let from = at + live;
  for (let i = valid.length - 1; i >= 0; i--) {
    const isThere = valid[i] !== 0;
    if (isThere) from--;
    starts[at + i] = isThere ? (starts[from] as number) : 0;
    ends[at + i] = isThere ? (ends[from] as number) : 0;
  }
}

/** Where the plain byte strings of a page stand, counted from `base` on; null where they do not fit, or are no text where that is wanted. */
function textsOf({ bytes, at, live }: FlatPage, base: number, text: boolean): Texts | null {
  const [starts, ends] = [new Int32Array(live), new Int32Array(live)];
  const longest = plainTexts(bytes, at, base, starts, ends);
  if (longest < 0) return null;
  if (!text || live === 0) return { starts, ends };
  if (!beginCharacters(bytes, base, starts, ends)) return null;
  // Lengths below 128 look like text themselves, so that a page of short texts can be checked as a whole.
  const from = (ends[live - 1] as number) - base;
  if (longest < 128) return isUtf8(bytes.subarray(at, from)) ? { starts, ends } : null;
  for (let i = 0; i < live; i++)
    if (!isUtf8(bytes.subarray((starts[i] as number) - base, (ends[i] as number) - base))) return null;
  return { starts, ends };
}

/** Finds byte strings that stand behind their lengths from `at` on; the length of the longest, or -1 where one does not fit. */
function plainTexts(bytes: Uint8Array, at: number, base: number, starts: Int32Array, ends: Int32Array): number {
  let from = at;
  let longest = 0;
  for (let i = 0; i < starts.length; i++) {
    if (from + 4 > bytes.length) return -1;
    const low = bytes[from] as number;
    const size =
      (low | ((bytes[from + 1] as number) << 8) | ((bytes[from + 2] as number) << 16)) + (bytes[from + 3] as number) * 2 ** 24;
    from += 4;
    if (size > bytes.length - from) return -1;
    if (size > longest) longest = size;
    starts[i] = base + from;
    from += size;
    ends[i] = base + from;
  }
  return longest;
}

/** Whether no text begins in the middle of a UTF-8 character. */
function beginCharacters(bytes: Uint8Array, base: number, starts: Int32Array, ends: Int32Array): boolean {
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    if (start < (ends[i] as number) && ((bytes[start - base] as number) & 0xc0) === 0x80) return false;
  }
  return true;
}

/** Which rows are there, once a page has nulls. */
class Validity {
  bytes: Uint8Array | null = null;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  add({ valid }: FlatPage, at: number): void {
    if (valid === null) return;
    this.bytes ??= new Uint8Array(this.#rows).fill(1);
    this.bytes.set(valid, at);
  }
}
