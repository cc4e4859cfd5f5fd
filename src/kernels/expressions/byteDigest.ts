import { copyBytes, type TextSink } from "../../batch/text.js";
import { threadKernels } from "../wasm.js";

/**
 * Digests of UTF-8 bytes [start, end) of an array, as hexadecimal digits. False, with nothing appended to the sink, for texts that are long, for which
 * Node's own are faster, or no UTF-8, of which a string says what they mean.
 */

export function md5Slice(sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > mostOfMd5) return false;
  digestRoom ??= new DigestRoom();
  return digestRoom.md5(sink, bytes, start, end);
}

export function sha256Slice(sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > mostOfSha256) return false;
  digestRoom ??= new DigestRoom();
  return digestRoom.sha256(sink, bytes, start, end);
}

/** What four blocks of MD5 hold, and three of SHA-256, for which processors have instructions that Node uses. */
const mostOfMd5 = 247;
const mostOfSha256 = 183;

interface DigestKernels {
  /** Writes the 32 digits of a text's MD5 at `out`; 0 where the text is not well-formed. Behind the text lies room for 72 bytes. */
  md5Text(text: number, size: number, out: number): number;
  /** Likewise the 64 digits of its SHA-256; `words` has room for 256 bytes. */
  sha256Text(text: number, size: number, out: number, words: number): number;
}

const textRoom = 320;
const digitRoom = 64;
const wordRoom = 256;

/** Where the kernels of this thread take a text and write its digits. */
class DigestRoom {
  readonly #memory = threadKernels().memory;
  readonly #text = this.#memory.alloc(textRoom + digitRoom + wordRoom);
  readonly #digits = this.#text + textRoom;
  readonly #words = this.#digits + digitRoom;
  readonly #kernels = threadKernels().functions<DigestKernels>();
  #view = this.#memory.u8();

  md5(sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean {
    this.#take(bytes, start, end);
    if (this.#kernels.md5Text(this.#text, end - start, this.#digits) === 0) return false;
    sink.writeBytes(this.#view, this.#digits, this.#digits + 32);
    return true;
  }

  sha256(sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean {
    this.#take(bytes, start, end);
    if (this.#kernels.sha256Text(this.#text, end - start, this.#digits, this.#words) === 0) return false;
    sink.writeBytes(this.#view, this.#digits, this.#digits + 64);
    return true;
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    // A growth of the memory detaches the views on it.
    if (this.#view.length === 0) this.#view = this.#memory.u8();
    copyBytes(bytes, start, end, this.#view, this.#text);
  }
}

let digestRoom: DigestRoom | null = null;
