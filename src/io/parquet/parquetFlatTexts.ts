import { isUtf8 } from "node:buffer";
import { codedColumn } from "../../batch/coded.js";
import { bytesOf } from "../../kernels/groups/groupMemory.js";
import { type KernelRoom, withRoom } from "../../kernels/kernelRoom.js";
import { lookUpRows, pageKernels, spreadRows } from "../../kernels/parquetPages.js";
import type { DataType } from "../../schema/types.js";
import type { FlatChunk, FlatColumn } from "./parquetFlat.js";
import { type FlatPage, formOf, openPage } from "./parquetFlatPages.js";
import { placesOf, RowsThere } from "./parquetFlatRows.js";

/** Dictionaries up to this are kept as such. */
const mostTexts = 4096;

/** A column of byte strings; `size`: of each, where all have the same, else 0. null where its pages do not hold what they say. */
export function textsColumn(type: DataType, size: number, chunk: FlatChunk, rows: number): FlatColumn | null {
  const [first, ...others] = chunk.heads;
  const isCoded =
    first?.kind === "dictionary" && first.rows <= mostTexts && others.every((head) => formOf(head.encoding) === "dictionary");
  return isCoded ? codedTexts(type, size, chunk, rows) : spanTexts(type, size, chunk, rows);
}

/** Rows that all have a value of one dictionary; behind its texts stands null, for rows that are. */
function codedTexts(type: DataType, fixed: number, { heads, form, kernels }: FlatChunk, rows: number): FlatColumn | null {
  const [head, ...others] = heads;
  if (head === undefined) return null;
  const found = withRoom((room) => {
    const page = openPage(head, form, room);
    return page === null ? null : textsOf(page, room, fixed, 0, type.kind === "utf8");
  }, kernels);
  if (found === null) return null;
  const { bytes } = found;
  const size = head.rows;
  const codes = size + (form.level > 0 ? 1 : 0) <= 256 ? new Uint8Array(rows) : new Uint16Array(rows);
  const there = new RowsThere(rows, form.level);
  let at = 0;
  for (const other of others) {
    const isRead = withRoom((room) => {
      const page = openPage(other, form, room);
      const places = page === null ? null : placesOf(page, size, room);
      if (page === null || places === null) return false;
      putCodes(codes, at, page, places, size, room);
      there.add(page, at, room);
      return true;
    }, kernels);
    if (!isRead) return null;
    at += other.rows;
  }
  const { levels } = there;
  if (there.valid === null) {
    const texts = { layout: "bytes", type, length: size, bytes, starts: found.starts, ends: found.ends, valid: null } as const;
    return { column: codedColumn({ codes, texts }, rows), levels };
  }
  const starts = new Int32Array(size + 1);
  const ends = new Int32Array(size + 1);
  starts.set(found.starts);
  ends.set(found.ends);
  const valid = new Uint8Array(size + 1).fill(1, 0, size);
  const texts = { layout: "bytes", type, length: size + 1, bytes, starts, ends, valid } as const;
  return { column: codedColumn({ codes, texts }, rows), levels };
}

/** A null row gets the code `none`. */
function putCodes(
  codes: Uint8Array | Uint16Array,
  row: number,
  { rows, valid }: FlatPage,
  places: number,
  none: number,
  room: KernelRoom,
): void {
  const width = codes.BYTES_PER_ELEMENT;
  const to = room.take(rows * width);
  const { codes8, codes16 } = pageKernels(room);
  (width === 1 ? codes8 : codes16)(places, valid, rows, none, to);
  bytesOf(codes).set(room.view(to, rows * width), row * width);
}

function spanTexts(type: DataType, fixed: number, { heads, form, kernels }: FlatChunk, rows: number): FlatColumn | null {
  const spans = new TextSpans(rows, fixed, type.kind === "utf8");
  const there = new RowsThere(rows, form.level);
  const isRead = withRoom((kept) => {
    let at = 0;
    return heads.every((head) =>
      withRoom((room) => {
        const page = openPage(head, form, room);
        if (page === null) return false;
        if (head.kind === "dictionary") return spans.dictionary(page, room, kept);
        if (!spans.add(page, at, room)) return false;
        there.add(page, at, room);
        at += page.rows;
        return true;
      }, kernels),
    );
  }, kernels);
  if (!isRead) return null;
  const { starts, ends } = spans;
  const { valid, levels } = there;
  return { column: { layout: "bytes", type, length: rows, bytes: spans.bytes(), starts, ends, valid }, levels };
}

/** Where the texts of a column begin and end, page by page. */
class TextSpans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #fixed: number;
  readonly #isText: boolean;
  readonly #parts: Uint8Array[] = [];
  /** Bytes of the parts together. */
  #base = 0;
  /** The dictionary: addresses of where its texts begin and end. */
  #words = { starts: 0, ends: 0, size: 0 };

  constructor(rows: number, fixed: number, isText: boolean) {
    this.starts = new Int32Array(rows);
    this.ends = new Int32Array(rows);
    this.#fixed = fixed;
    this.#isText = isText;
  }

  dictionary(page: FlatPage, room: KernelRoom, kept: KernelRoom): boolean {
    const found = this.#plain(page, room);
    if (found === null) return false;
    this.#words = { starts: kept.put(found.starts), ends: kept.put(found.ends), size: page.rows };
    return true;
  }

  /** Takes the texts of a page; false where it does not hold what it says. */
  add(page: FlatPage, row: number, room: KernelRoom): boolean {
    if (page.form === "dictionary") {
      const { starts, ends, size } = this.#words;
      const places = placesOf(page, size, room);
      if (places === null) return false;
      putWords(this.starts, row, page.rows, lookUpRows(room, page, places, starts, 4), room);
      putWords(this.ends, row, page.rows, lookUpRows(room, page, places, ends, 4), room);
      return true;
    }
    const found = page.form === "plain" ? this.#plain(page, room) : null;
    if (found === null) return false;
    if (page.valid === 0) {
      this.starts.set(found.starts, row);
      this.ends.set(found.ends, row);
    } else {
      putWords(this.starts, row, page.rows, spreadRows(room, page, room.put(found.starts), 4), room);
      putWords(this.ends, row, page.rows, spreadRows(room, page, room.put(found.ends), 4), room);
    }
    return true;
  }

  #plain(page: FlatPage, room: KernelRoom): Texts | null {
    if (this.#base + page.length > 0x7fff_ffff) return null;
    const found = textsOf(page, room, this.#fixed, this.#base, this.#isText);
    if (found === null) return null;
    this.#parts.push(found.bytes);
    this.#base += found.bytes.length;
    return found;
  }

  /** The bytes that the texts lie in. */
  bytes(): Uint8Array {
    const [only] = this.#parts;
    if (this.#parts.length === 1 && only !== undefined) return only;
    const bytes = new Uint8Array(this.#base);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

function putWords(words: Int32Array, row: number, rows: number, at: number, room: KernelRoom): void {
  bytesOf(words).set(room.view(at, rows * 4), row * 4);
}

interface Texts {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

/**
 * The plain byte strings of a page, and where they stand, counted from `base` before its first byte; null where they do not fit, or are no text where
 * that is wanted.
 */
function textsOf({ at, length, live }: FlatPage, room: KernelRoom, fixed: number, base: number, isText: boolean): Texts | null {
  // A length takes four bytes.
  if (live * (fixed || 4) > length) return null;
  const bytes = room.view(at, length).slice();
  const [starts, ends] = [new Int32Array(live), new Int32Array(live)];
  const texts = { bytes, starts, ends };
  if (fixed > 0) {
    fixedTexts(base, fixed, starts, ends);
    return texts;
  }
  const longest = plainTexts(bytes, 0, base, starts, ends);
  if (longest < 0) return null;
  if (!isText || live === 0) return texts;
  if (!beginCharacters(bytes, base, starts, ends)) return null;
  // Lengths below 128 look like text themselves, so that a page of short texts can be checked as a whole.
  const end = (ends[live - 1] as number) - base;
  if (longest < 128) return isUtf8(bytes.subarray(0, end)) ? texts : null;
  for (let i = 0; i < live; i++)
    if (!isUtf8(bytes.subarray((starts[i] as number) - base, (ends[i] as number) - base))) return null;
  return texts;
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
function fixedTexts(first: number, size: number, starts: Int32Array, ends: Int32Array): void {
  for (let i = 0; i < starts.length; i++) {
    starts[i] = first + i * size;
    ends[i] = first + (i + 1) * size;
  }
}

/** Whether no text begins in the middle of a UTF-8 character. */
function beginCharacters(bytes: Uint8Array, base: number, starts: Int32Array, ends: Int32Array): boolean {
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    if (start < (ends[i] as number) && ((bytes[start - base] as number) & 0xc0) === 0x80) return false;
  }
  return true;
}
