import type { OriginPlace } from "../../batch/column.js";
import type { CsvKernels } from "../../kernels/csvKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { Transcoder } from "../text/encoding.js";
import type { TextBlock } from "../text/textBlock.js";

export interface CsvPlacesOptions {
  readonly memory: KernelMemory;
  readonly kernels: CsvKernels;
  readonly block: TextBlock;
  readonly file: string;
  readonly newline: number;
  /** Line ends before the first byte that counts. */
  readonly lines: number;
  /** How the block's bytes came from the file's; null where they are the file's. */
  readonly transcoder: Transcoder | null;
}

/** Where the records of a block stand: lines, and offsets and bytes of the file as it is. */
export class CsvPlaces {
  readonly #o: CsvPlacesOptions;
  #file: string;
  /** Line ends before the block. */
  #lines: number;
  /** How far the block's line ends have been counted, and how many there were. */
  #counted = 0;
  #countedLines = 0;
  /** With a transcoder: the file's offset of the block's first byte, and how far that has been followed into the block. */
  #rawOffset = 0;
  #measured = 0;
  #measuredRaw = 0;

  constructor(options: CsvPlacesOptions) {
    this.#o = options;
    this.#file = options.file;
    this.#lines = options.lines;
  }

  /** Goes on with another file, whose bytes are as they stand there. */
  begin(file: string, lines: number): void {
    this.#file = file;
    this.#lines = lines;
    this.#counted = 0;
    this.#countedLines = 0;
  }

  /** Line ends before the block. */
  get lines(): number {
    return this.#lines;
  }

  /** Offset in the file of the first byte that the block no longer holds or the file's end. */
  get end(): number {
    const { block, transcoder } = this.#o;
    if (transcoder === null) return Math.min(block.offset, block.fileEnd);
    return this.#rawOffset;
  }

  /**
   * To be called before the block drops its first `used` bytes; `counted`: their line ends count. `lineEnds`: how many there are, where that is
   * known.
   */
  pass(used: number, counted: boolean, lineEnds: number | null = null): void {
    const { block, transcoder } = this.#o;
    // The last line end may have been added.
    const real = Math.min(used, block.fileEnd - block.offset);
    if (counted) this.#lines += lineEnds !== null && real === used ? lineEnds : this.linesBefore(real);
    if (transcoder !== null) this.#rawOffset += this.#rawBefore(transcoder, real);
    this.#counted = 0;
    this.#countedLines = 0;
    this.#measured = 0;
    this.#measuredRaw = 0;
  }

  /**
   * The place and the bytes of the record [start, lineEnd) of the block; a CR before an LF belongs to the line end. `line`: line ends before it,
   * where that is known. The bytes are good for as long as the block is.
   */
  locate(start: number, lineEnd: number, line: number | null): { readonly place: OriginPlace; readonly raw: Uint8Array } {
    const { block, memory, newline, transcoder } = this.#o;
    const bytes = memory.u8();
    const end = newline === 10 && lineEnd > start && bytes[block.base + lineEnd - 1] === 13 ? lineEnd - 1 : lineEnd;
    const text = bytes.subarray(block.base + start, block.base + end);
    if (transcoder === null) {
      return { place: this.#place(start, line, block.offset + start, end - start), raw: text };
    }
    const raw = transcoder.encode(text);
    return { place: this.#place(start, line, this.#rawOffset + this.#rawBefore(transcoder, start), raw.length), raw };
  }

  /** The length in the file of the block's first `length` bytes. */
  lengthOf(length: number): number {
    const { transcoder } = this.#o;
    return transcoder === null ? length : this.#rawBefore(transcoder, length);
  }

  #place(start: number, line: number | null, byte: number, length: number): OriginPlace {
    return { file: this.#file, line: this.#lines + 1 + (line ?? this.linesBefore(start)), byte, length };
  }

  /** Line ends in the block's first `length` bytes. Whoever asks in ascending order has every byte counted once. */
  linesBefore(length: number): number {
    const { kernels, block, newline } = this.#o;
    const from = length < this.#counted ? 0 : this.#counted;
    const more = kernels.countByte(block.base + from, length - from, newline) >>> 0;
    this.#countedLines = from === 0 ? more : this.#countedLines + more;
    this.#counted = length;
    return this.#countedLines;
  }

  /** Takes note of how many line ends the block's first `length` bytes have. */
  learn(length: number, lines: number): void {
    this.#counted = length;
    this.#countedLines = lines;
  }

  #rawBefore(transcoder: Transcoder, length: number): number {
    const { memory, block } = this.#o;
    const from = length < this.#measured ? 0 : this.#measured;
    const more = transcoder.lengthOf(memory.u8(), block.base + from, block.base + length);
    this.#measuredRaw = from === 0 ? more : this.#measuredRaw + more;
    this.#measured = length;
    return this.#measuredRaw;
  }
}
