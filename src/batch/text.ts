import { Buffer, isAscii } from "node:buffer";
import { resourceError } from "../common/errors.js";
import type { BytesColumn } from "./column.js";

/** Past this many bytes of block for each byte of text, decoding all of them costs more than it saves. */
const sparseBlock = 16;
const maxBytes = 0x7fff_ffff;

const bufferOver = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The UTF-8 text of `bytes` in [start, end); malformed sequences become U+FFFD. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return bufferOver(bytes).toString("utf8", start, end);
}

/** Longer texts seldom repeat. */
const mostKept = 32;
const keptTexts = 256;

/** Where texts begin in the bytes, how long they are, and what they are; by a hash of some of their bytes. */
interface KeptTexts {
  readonly starts: Int32Array;
  readonly sizes: Int32Array;
  readonly texts: string[];
}

/** Bytes that are decoded at once: a string of the size is made and forgotten without a system call, and stays in the cache. */
const windowBytes = 32 * 1024;

/**
 * Strings of a utf8 column, decoded when asked for. Bytes are decoded many at a time as if they were ASCII, and texts that are, or all where the bytes
 * are, are substrings of that, which is several times cheaper than a decode a row. Of others the last short texts are kept, for as long as they repeat.
 */
export class TextView {
  readonly #bytes: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #buffer: Buffer | null = null;
  /** The bytes [low, high) as characters of their own. */
  #window = "";
  #low = 0;
  #high = -1;
  #isAscii = true;
  /** Bytes of the window that were asked for, and whether windows are worth their making. */
  #asked = windowBytes;
  #isDense = true;
  #kept: KeptTexts | null = null;
  /** Texts that were kept already, less those that were not. */
  #luck = keptTexts;

  constructor(column: BytesColumn) {
    this.#bytes = column.bytes;
    this.#starts = column.starts;
    this.#ends = column.ends;
  }

  /** Text of a row that is not null. */
  at(row: number): string {
    const start = this.#starts[row] as number;
    const end = this.#ends[row] as number;
    if (start >= this.#low && end <= this.#high) return this.#fromWindow(start, end);
    return this.#isDense && this.#moved(start, end) ? this.#fromWindow(start, end) : this.#alone(start, end);
  }

  #fromWindow(start: number, end: number): string {
    this.#asked += end - start;
    if (!this.#isAscii && !isPlain(this.#bytes, start, end)) return this.#alone(start, end);
    return this.#window.substring(start - this.#low, end - this.#low);
  }

  #alone(start: number, end: number): string {
    this.#buffer ??= bufferOver(this.#bytes);
    if (end - start > mostKept || this.#luck < 0) return this.#buffer.toString("utf8", start, end);
    this.#kept ??= { starts: new Int32Array(keptTexts), sizes: new Int32Array(keptTexts), texts: [] };
    return this.#fromKept(this.#kept, start, end);
  }

  #fromKept({ starts, sizes, texts }: KeptTexts, start: number, end: number): string {
    const bytes = this.#bytes;
    const size = end - start;
    if (size <= 0) return "";
    const middle = bytes[(start + end) >> 1] as number;
    const slot = ((bytes[start] as number) + (bytes[end - 1] as number) * 37 + middle * 5 + size * 11) & (keptTexts - 1);
    const from = starts[slot] as number;
    let i = sizes[slot] === size ? 0 : -1;
    while (i >= 0 && i < size) i = bytes[from + i] === bytes[start + i] ? i + 1 : -1;
    if (i === size) {
      if (this.#luck < keptTexts) this.#luck++;
      return texts[slot] as string;
    }
    this.#luck--;
    const text = (this.#buffer as Buffer).toString("utf8", start, end);
    starts[slot] = start;
    sizes[slot] = size;
    texts[slot] = text;
    return text;
  }

  /** Moves the window to where a text begins; false where it is longer, or little was asked of the last one. */
  #moved(start: number, end: number): boolean {
    if (end - start > windowBytes) return false;
    this.#isDense = this.#asked * sparseBlock > windowBytes;
    if (!this.#isDense) return false;
    this.#asked = 0;
    this.#buffer ??= bufferOver(this.#bytes);
    const bytes = this.#bytes;
    this.#low = start;
    this.#high = Math.min(start + windowBytes, bytes.length);
    this.#isAscii = isAscii(bytes.subarray(start, this.#high));
    this.#window = this.#buffer.toString("latin1", start, this.#high);
    return true;
  }
}

/** Longer texts are decoded about as fast as their bytes are looked at. */
const mostLooked = 64;

/** Whether a text is short and ASCII. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > mostLooked) return false;
  let seen = 0;
  for (let i = start; i < end; i++) seen |= bytes[i] as number;
  return seen < 0x80;
}

/** A byte buffer that grows, into which texts are encoded one after the other. */
export class TextSink {
  bytes: Uint8Array;
  length = 0;
  #buffer: Buffer;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(Math.max(64, capacity));
    this.#buffer = bufferOver(this.bytes);
  }

  /** Makes room for so many bytes at the end: `bytes` is then the array that holds them. */
  reserve(size: number): void {
    if (this.length + size > this.bytes.length) this.#grow(this.length + size);
  }

  /** Encodes a text at the end; a lone surrogate becomes U+FFFD. The text stands in [length before, length after). */
  writeText(text: string): void {
    const size = text.length;
    if (this.length + size * 3 > this.bytes.length) this.#grow(this.length + size * 3);
    if (size > 48) {
      this.length += this.#buffer.write(text, this.length, "utf8");
      return;
    }
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < size; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.length += this.#buffer.write(text, this.length, "utf8");
        return;
      }
      bytes[at++] = code;
    }
    this.length = at;
  }

  writeBytes(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    if (this.length + size > this.bytes.length) this.#grow(this.length + size);
    copyBytes(source, start, end, this.bytes, this.length);
    this.length += size;
  }

  #grow(needed: number): void {
    if (needed > maxBytes) {
      throw resourceError("COLUMN_TOO_LARGE", `a column of one batch holds more than ${maxBytes} bytes of text`, {
        hint: "Lower batchRows, so that a batch holds fewer rows.",
      });
    }
    const bigger = new Uint8Array(Math.min(maxBytes, Math.max(needed, this.bytes.length * 2)));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
    this.#buffer = bufferOver(bigger);
  }
}

/** Up to so many bytes a loop costs less than a call. */
const shortCopy = 96;

/** Copies [start, end) of one array to another, where it does not overlap what is copied. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > shortCopy) {
    target.set(source.subarray(start, end), at);
    return;
  }
  if (end - start < 8) {
    for (let i = start, j = at; i < end; i++, j++) target[j] = source[i] as number;
    return;
  }
  // The last eight may take in some that are copied already: then how many are left need not be asked byte by byte.
  const apart = at - start;
  for (let i = start; ; i = Math.min(i + 8, end - 8)) {
    const j = i + apart;
    target[j] = source[i] as number;
    target[j + 1] = source[i + 1] as number;
    target[j + 2] = source[i + 2] as number;
    target[j + 3] = source[i + 3] as number;
    target[j + 4] = source[i + 4] as number;
    target[j + 5] = source[i + 5] as number;
    target[j + 6] = source[i + 6] as number;
    target[j + 7] = source[i + 7] as number;
    if (i === end - 8) return;
  }
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

/** Bytes of the texts of the live rows [from, to): row j is physical row `selection[j]`. */
export function bytesOfTexts(
  { starts, ends, valid }: Pick<BytesColumn, "starts" | "ends" | "valid">,
  selection: Int32Array | null,
  from: number,
  to: number,
): number {
  if (selection === null && valid === null) return sumOfLengths(starts, ends, from, to);
  let bytes = 0;
  for (let i = from; i < to; i++) {
    const row = selection === null ? i : (selection[i] as number);
    if (valid === null || valid[row] !== 0) bytes += (ends[row] as number) - (starts[row] as number);
  }
  return bytes;
}

/** By far the most batches: a loop without a question. */
function sumOfLengths(starts: Int32Array, ends: Int32Array, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += (ends[i] as number) - (starts[i] as number);
  return bytes;
}
