import { isUtf8 } from "node:buffer";
import { codedColumn } from "../../batch/coded.js";
import { bytesOf } from "../../kernels/groups/groupMemory.js";
import { type KernelRoom, withRoom } from "../../kernels/kernelRoom.js";
import { lookUpRows, pageKernels, spreadRows } from "../../kernels/parquetPages.js";
import type { DataType } from "../../schema/types.js";
import { type ColumnRoom, columnArray } from "./parquetColumnRoom.js";
import { type FlatChunk, type FlatColumn, type FlatPage, formOf, openPage } from "./parquetFlatPages.js";
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
function codedTexts(type: DataType, fixed: number, { heads, form, kernels, memory }: FlatChunk, rows: number): FlatColumn | null {
  const [head, ...others] = heads;
  if (head === undefined) return null;
  const size = head.rows;
  const found = withRoom((room) => {
    const page = openPage(head, form, room);
    const texts = page === null ? null : textsOf(page, room, fixed, 0, type.kind === "utf8", null);
    return texts === null
      ? null
      : { bytes: texts.bytes, starts: wordsAt(texts.starts, size, room), ends: wordsAt(texts.ends, size, room) };
  }, kernels);
  if (found === null) return null;
  const { bytes } = found;
  const make = size + (form.level > 0 ? 1 : 0) <= 256 ? Uint8Array : Uint16Array;
  const codes = columnArray<Uint8Array | Uint16Array>(memory, make, rows);
  const there = new RowsThere(rows, form, memory);
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
  const { levels, repeats } = there;
  if (there.valid === null) {
    const texts = { layout: "bytes", type, length: size, bytes, starts: found.starts, ends: found.ends, valid: null } as const;
    return { column: codedColumn({ codes, texts }, rows), levels, repeats };
  }
  const starts = new Int32Array(size + 1);
  const ends = new Int32Array(size + 1);
  starts.set(found.starts);
  ends.set(found.ends);
  const valid = new Uint8Array(size + 1).fill(1, 0, size);
  const texts = { layout: "bytes", type, length: size + 1, bytes, starts, ends, valid } as const;
  return { column: codedColumn({ codes, texts }, rows), levels, repeats };
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

function spanTexts(type: DataType, fixed: number, { heads, form, kernels, memory }: FlatChunk, rows: number): FlatColumn | null {
  const spans = new TextSpans(rows, fixed, type.kind === "utf8", memory);
  const there = new RowsThere(rows, form, memory);
  const isRead = withRoom((kept) => {
    let at = 0;
    return heads.every((head) =>
      withRoom((room) => {
        const isDictionary = head.kind === "dictionary";
        const page = openPage(head, form, isDictionary ? kept : room);
        if (page === null) return false;
        if (isDictionary) return spans.dictionary(page, kept);
        if (!spans.add(page, at, room)) return false;
        there.add(page, at, room);
        at += page.rows;
        return true;
      }, kernels),
    );
  }, kernels);
  if (!isRead) return null;
  const { starts, ends } = spans;
  const { valid, levels, repeats } = there;
  return { column: { layout: "bytes", type, length: rows, bytes: spans.bytes(), starts, ends, valid }, levels, repeats };
}

/** Where the texts of a column begin and end, page by page. */
class TextSpans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #fixed: number;
  readonly #isText: boolean;
  readonly #memory: ColumnRoom | null;
  readonly #parts: Uint8Array[] = [];
  /** Bytes of the parts together. */
  #base = 0;
  /** The dictionary: addresses of where its texts begin and end. */
  #words = { starts: 0, ends: 0, size: 0 };

  constructor(rows: number, fixed: number, isText: boolean, memory: ColumnRoom | null) {
    this.#memory = memory;
    this.starts = columnArray(memory, Int32Array, rows);
    this.ends = columnArray(memory, Int32Array, rows);
    this.#fixed = fixed;
    this.#isText = isText;
  }

  /** `kept`: room that stays for the pages that come. */
  dictionary(page: FlatPage, kept: KernelRoom): boolean {
    const found = this.#plain(page, kept);
    if (found === null) return false;
    this.#words = { ...found, size: page.rows };
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
    const { starts, ends } = found;
    putWords(this.starts, row, page.rows, page.valid === 0 ? starts : spreadRows(room, page, starts, 4), room);
    putWords(this.ends, row, page.rows, page.valid === 0 ? ends : spreadRows(room, page, ends, 4), room);
    return true;
  }

  #plain(page: FlatPage, room: KernelRoom): Texts | null {
    if (this.#base + page.length > 0x7fff_ffff) return null;
    const found = textsOf(page, room, this.#fixed, this.#base, this.#isText, this.#memory);
    if (found === null) return null;
    this.#parts.push(found.bytes);
    this.#base += found.bytes.length;
    return found;
  }

  /** The bytes that the texts lie in. */
  bytes(): Uint8Array {
    const [only] = this.#parts;
    if (this.#parts.length === 1 && only !== undefined) return only;
    const bytes = columnArray(this.#memory, Uint8Array, this.#base);
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

const wordsAt = (at: number, count: number, room: KernelRoom): Int32Array =>
  new Int32Array(room.view(at, count * 4).slice().buffer);

/** Byte strings: where they begin and end are addresses of words. */
interface Texts {
  readonly bytes: Uint8Array;
  readonly starts: number;
  readonly ends: number;
}

/**
 * The plain byte strings of a page, and where they stand, counted from `base` before its first byte; null where they do not fit, or are no text where
 * that is wanted.
 */
function textsOf(
  { at, length, live }: FlatPage,
  room: KernelRoom,
  fixed: number,
  base: number,
  isText: boolean,
  memory: ColumnRoom | null,
): Texts | null {
  // A length takes four bytes.
  if (live * (fixed || 4) > length) return null;
  if (fixed > 0) {
    const places = everyPlace(base, fixed, live + 1);
    return { bytes: bytesAt(at, length, room, memory), starts: room.put(places), ends: room.put(places.subarray(1)) };
  }
  const [starts, ends] = [room.take(live * 4), room.take(live * 4)];
  const used = pageKernels(room).textSpans(at, length, live, base, starts, ends);
  if (used < 0 || (isText && !isUtf8(room.view(at, used)))) return null;
  return { bytes: bytesAt(at, length, room, memory), starts, ends };
}

function bytesAt(at: number, length: number, room: KernelRoom, memory: ColumnRoom | null): Uint8Array {
  const bytes = columnArray(memory, Uint8Array, length);
  bytes.set(room.view(at, length));
  return bytes;
}

/** Where byte strings of one size begin. */
function everyPlace(first: number, size: number, count: number): Int32Array {
  const places = new Int32Array(count);
  for (let i = 0; i < count; i++) places[i] = first + i * size;
  return places;
}
