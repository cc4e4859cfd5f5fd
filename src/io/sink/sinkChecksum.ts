import { crc32 } from "../../runtime/safety.js";

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

/** For each combination of the values, as the bits of its place, their sum. */
function sumsOf(values: readonly number[]): Int32Array {
  const sums = new Int32Array(2 ** values.length);
  values.forEach((value, bit) => {
    const half = 2 ** bit;
    for (let i = 0; i < half; i++) sums[half + i] = (sums[i] as number) ^ value;
  });
  return sums;
}

/**
 * Joins checksums of pages of one size. What moving a value past a page gives is the sum of what it gives for each of the value's bytes, which four
 * tables hold: a hundred times as fast as `joinedCrc32`. Here checksums are signed, which V8 keeps without an object for each.
 */
export class PageJoiner {
  readonly #tables: readonly Int32Array[];

  constructor(readonly pageBytes: number) {
    const exponent = (pageBytes * 8) % order;
    const bits = Array.from({ length: 32 }, (_, bit) => moved((1 << bit) >>> 0, exponent));
    this.#tables = [0, 8, 16, 24].map((shift) => sumsOf(bits.slice(shift, shift + 8)));
  }

  /** The crc32 of `bytes` bytes from those of their pages from `first` on, the last of which may not be full. */
  join(pages: ArrayLike<number>, first: number, bytes: number): number {
    const rest = bytes % this.pageBytes;
    const whole = Math.floor(bytes / this.pageBytes);
    const crc = this.#joinWhole(pages, first, whole) >>> 0;
    return rest === 0 ? crc : joinedCrc32(crc, (pages[first + whole] ?? 0) >>> 0, rest);
  }

  #joinWhole(pages: ArrayLike<number>, first: number, count: number): number {
    const [a, b, c, d] = this.#tables as [Int32Array, Int32Array, Int32Array, Int32Array];
    let crc = 0;
    for (let i = first; i < first + count; i++) {
      const past =
        (a[crc & 255] as number) ^
        (b[(crc >>> 8) & 255] as number) ^
        (c[(crc >>> 16) & 255] as number) ^
        (d[crc >>> 24] as number);
      crc = past ^ ((pages[i] ?? 0) | 0);
    }
    return crc;
  }
}

const joiners = new Map<number, PageJoiner>();

export function joinerOf(pageBytes: number): PageJoiner {
  const joiner = joiners.get(pageBytes) ?? new PageJoiner(pageBytes);
  joiners.set(pageBytes, joiner);
  return joiner;
}

/** The crc32 of every page of a stream of bytes, and of all of them, in one pass. */
export class PageChecksums {
  /** Of the whole pages, signed. */
  #full = new Int32Array(64);
  #count = 0;
  #page = 0;
  #filled = 0;

  constructor(readonly pageBytes: number) {}

  /** Takes the next bytes. */
  add(bytes: Uint8Array): void {
    const { pageBytes } = this;
    const { length } = bytes;
    if (length === 0) return;
    let at = this.#filled === 0 ? 0 : this.#fill(bytes);
    this.#reserve(Math.floor((length - at) / pageBytes));
    for (; at + pageBytes <= length; at += pageBytes) this.#full[this.#count++] = crc32(bytes.subarray(at, at + pageBytes));
    if (at < length) this.#fill(bytes.subarray(at));
  }

  /** Fills the page that has begun; gives how many of the bytes went there. */
  #fill(bytes: Uint8Array): number {
    const some = bytes.subarray(0, this.pageBytes - this.#filled);
    this.#page = crc32(some, this.#page >>> 0) | 0;
    this.#filled += some.length;
    if (this.#filled < this.pageBytes) return some.length;
    this.#reserve(1);
    this.#full[this.#count++] = this.#page;
    this.#page = 0;
    this.#filled = 0;
    return some.length;
  }

  #reserve(more: number): void {
    if (this.#count + more <= this.#full.length) return;
    const grown = new Int32Array(2 * (this.#count + more));
    grown.set(this.#full.subarray(0, this.#count));
    this.#full = grown;
  }

  get all(): readonly number[] {
    const full = Array.from(new Uint32Array(this.#full.buffer, 0, this.#count));
    return this.#filled === 0 ? full : [...full, this.#page >>> 0];
  }

  /** Of all bytes. */
  get total(): number {
    const { pageBytes } = this;
    return joinerOf(pageBytes).join(this.all, 0, this.#count * pageBytes + this.#filled);
  }
}
