import { Buffer, isAscii } from "node:buffer";
import { resourceError } from "../common/errors.js";
import type { BytesColumn } from "./column.js";

/** Past this many bytes of block for each byte of text, decoding the whole block costs more than it saves. */
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

/**
 * Strings of a utf8 column, decoded when asked for. A block that is all ASCII is decoded once and rows are substrings of it,
 * which is several times cheaper than a decode a row. Of other blocks the last short texts are kept, for as long as they repeat.
 */
export class TextView {
  readonly #bytes: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #buffer: Buffer | null = null;
  #block: string | null = null;
  #base = 0;
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
    if (this.#buffer === null) this.#open();
    if (this.#block !== null) return this.#block.substring(start - this.#base, end - this.#base);
    return end - start > mostKept || this.#kept === null ? this.#decoded(start, end) : this.#fromKept(this.#kept, start, end);
  }

  #decoded(start: number, end: number): string {
    return (this.#buffer as Buffer).toString("utf8", start, end);
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
    if (--this.#luck < 0) this.#kept = null;
    const text = this.#decoded(start, end);
    starts[slot] = start;
    sizes[slot] = size;
    texts[slot] = text;
    return text;
  }

  #open(): void {
    this.#buffer = bufferOver(this.#bytes);
    const { low, high, total } = spanOf(this.#starts, this.#ends, this.#bytes.length);
    const span = high - low;
    const isSparse = span > 4096 && span / sparseBlock > total;
    if (!isSparse && (span <= 0 || isAscii(this.#bytes.subarray(low, high)))) {
      this.#base = low;
      this.#block = this.#buffer.toString("latin1", low, high);
    } else this.#kept = { starts: new Int32Array(keptTexts), sizes: new Int32Array(keptTexts), texts: [] };
  }
}

/** The part of a block that rows of a column lie in. Rows that are null or not selected may hold anything: the span is cut to the block. */
function spanOf(starts: Int32Array, ends: Int32Array, size: number): { low: number; high: number; total: number } {
  let low = maxBytes;
  let high = 0;
  let total = 0;
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    const end = ends[i] as number;
    if (end <= start) continue;
    if (start < low) low = start;
    if (end > high) high = end;
    total += end - start;
  }
  low = Math.max(low, 0);
  high = Math.min(high, size);
  // Empty rows may stand anywhere: `substring` clamps their bounds to the block.
  return low > high ? { low: 0, high: 0, total: 0 } : { low, high, total };
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
