import { crc32 } from "node:zlib";

// Joining crc32 values: a checksum is a polynomial over two elements modulo the one below, bits in reverse order (the highest bit of a
// number is the power 0), and n bytes that follow multiply it by x^(8n).
const polynomial = 0xedb88320;
const one = 0x80000000;
/** x to this power is 1: the polynomial is primitive. */
const order = 0xffff_ffff;

function multiply(a: number, b: number): number {
  let product = 0;
  let power = b;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= power;
    power = (power & 1) !== 0 ? (power >>> 1) ^ polynomial : power >>> 1;
  }
  return product >>> 0;
}

/** x^(2^k). */
const powers: number[] = [one >>> 1];

/** `value * x^exponent`. */
function moved(value: number, exponent: number): number {
  let product = value;
  for (let rest = exponent, k = 0; rest > 0; rest = Math.floor(rest / 2), k++) {
    const power = powers[k] ?? multiply(powers[k - 1] as number, powers[k - 1] as number);
    powers[k] = power;
    if (rest % 2 === 1) product = multiply(power, product);
  }
  return product;
}

/** The crc32 of two byte strings together, from that of each and the length of the second. */
export const joinedCrc32 = (first: number, second: number, secondLength: number): number =>
  (moved(first, (secondLength * 8) % order) ^ second) >>> 0;

/** The crc32 of the first of two byte strings, from that of both together, that of the second and its length. */
export const crc32Before = (both: number, second: number, secondLength: number): number =>
  moved((both ^ second) >>> 0, order - ((secondLength * 8) % order)) >>> 0;

/** The crc32 of the second of two byte strings, from that of both together, that of the first and the second's length. */
export const crc32After = (both: number, first: number, secondLength: number): number => joinedCrc32(first, both, secondLength);

/** The crc32 of every page of a stream of bytes, and of all of them, in one pass. */
export class PageChecksums {
  readonly #full: number[] = [];
  /** Of the whole pages. */
  #whole = 0;
  #page = 0;
  #filled = 0;

  constructor(readonly pageBytes: number) {}

  /** Takes the next bytes. Gives the crc32 of all so far. */
  add(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + this.pageBytes - this.#filled);
      this.#page = crc32(bytes.subarray(at, end), this.#page);
      this.#filled += end - at;
      at = end;
      if (this.#filled === this.pageBytes) this.#next();
    }
    return joinedCrc32(this.#whole, this.#page, this.#filled);
  }

  get all(): readonly number[] {
    return this.#filled === 0 ? this.#full : [...this.#full, this.#page];
  }

  #next(): void {
    this.#whole = joinedCrc32(this.#whole, this.#page, this.pageBytes);
    this.#full.push(this.#page);
    this.#page = 0;
    this.#filled = 0;
  }
}
