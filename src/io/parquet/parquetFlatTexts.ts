import { isUtf8 } from "node:buffer";
import { codedColumn } from "../../batch/coded.js";
import type { Column } from "../../batch/column.js";
import type { DataType } from "../../schema/types.js";
import type { FlatPage } from "./parquetFlatPages.js";
import { placesOf, Validity } from "./parquetFlatRows.js";

/** Dictionaries up to this are kept as such. */
const mostTexts = 4096;

/** A column of byte strings; `size`: of each, where all have the same, else 0. null where its pages do not hold what they say. */
export function textsColumn(type: DataType, size: number, pages: readonly FlatPage[], rows: number): Column | null {
  const [first, ...others] = pages;
  const isCoded = first?.kind === "dictionary" && first.rows <= mostTexts && others.every(({ form }) => form === "dictionary");
  return isCoded ? codedTexts(type, size, first, others, rows) : spanTexts(type, size, pages, rows);
}

/** Rows that all have a value of one dictionary; behind its texts stands null, for rows that are. */
function codedTexts(type: DataType, fixed: number, words: FlatPage, pages: readonly FlatPage[], rows: number): Column | null {
  const found = textsOf(words, fixed, 0, type.kind === "utf8");
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

function spanTexts(type: DataType, fixed: number, pages: readonly FlatPage[], rows: number): Column | null {
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
      found = textsOf(page, fixed, base, type.kind === "utf8");
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
function textsOf({ bytes, at, live }: FlatPage, fixed: number, base: number, text: boolean): Texts | null {
  // A length takes four bytes.
  if (live * (fixed || 4) > bytes.length - at) return null;
  const [starts, ends] = [new Int32Array(live), new Int32Array(live)];
  if (fixed > 0) return fixedTexts(at + base, fixed, starts, ends);
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
export function plainTexts(bytes: Uint8Array, at: number, base: number, starts: Int32Array, ends: Int32Array): number {
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

/** Byte strings of one size stand one after the other. */
function fixedTexts(first: number, size: number, starts: Int32Array, ends: Int32Array): Texts {
  for (let i = 0; i < starts.length; i++) {
    starts[i] = first + i * size;
    ends[i] = first + (i + 1) * size;
  }
  return { starts, ends };
}

/** Whether no text begins in the middle of a UTF-8 character. */
function beginCharacters(bytes: Uint8Array, base: number, starts: Int32Array, ends: Int32Array): boolean {
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    if (start < (ends[i] as number) && ((bytes[start - base] as number) & 0xc0) === 0x80) return false;
  }
  return true;
}
