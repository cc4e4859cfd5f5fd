import { closeSync, openSync, writeSync } from "node:fs";

const capacity = 4 << 20;
/** No single row is longer than this. */
const headroom = 4096;

/** Text straight into one big buffer: ten million rows cost seconds instead of minutes of string building. */
export class ByteWriter {
  readonly #buffer = Buffer.allocUnsafe(capacity);
  readonly #file: number;
  #at = 0;
  #flushed = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#flushed + this.#at;
  }

  byte(code: number): void {
    this.#buffer[this.#at++] = code;
  }

  text(value: string): void {
    this.#at += this.#buffer.write(value, this.#at, "latin1");
  }

  /** A non-negative integer below 2^31, with leading zeros up to `width`. */
  padded(value: number, width: number): void {
    let rest = value;
    for (let i = this.#at + width - 1; i >= this.#at; i--) {
      const tenth = (rest / 10) | 0;
      this.#buffer[i] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.#at += width;
  }

  /** A non-negative integer below 2^31. */
  integer(value: number): void {
    let width = 1;
    for (let limit = 10; value >= limit; limit *= 10) width++;
    this.padded(value, width);
  }

  endRow(): void {
    this.#buffer[this.#at++] = 10;
    if (this.#at > capacity - headroom) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    for (let from = 0; from < this.#at; ) from += writeSync(this.#file, this.#buffer, from, this.#at - from);
    this.#flushed += this.#at;
    this.#at = 0;
  }
}
