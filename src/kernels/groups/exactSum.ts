/** The unit of exact integers: the smallest double is 2 to this power, negated. */
const unitBits = 1074n;

/**
 * A sum of doubles that is exact however many are added or taken away, rounded once when it is asked for: the expansions of Shewchuk (Adaptive
 * Precision Floating-Point Arithmetic, 1997), as in Python's `fsum`; where a partial sum leaves the range of doubles, whole numbers of 2^-1074.
 * IEEE rules for the rest: NaN wins, infinities of both signs give NaN, zero is +0.
 */
export class ExactSum {
  /** Partial sums that do not overlap, the smallest first. */
  #parts = new Float64Array(8);
  #used = 0;
  /** The finite part as a whole number, once doubles do not hold it. */
  #whole: bigint | null = null;
  #nans = 0;
  #positive = 0;
  #negative = 0;

  reset(): void {
    this.#used = 0;
    this.#whole = null;
    this.#nans = 0;
    this.#positive = 0;
    this.#negative = 0;
  }

  add(value: number): void {
    if (Number.isFinite(value)) this.#addFinite(value);
    else this.#count(value, 1);
  }

  /** Takes away what was added before. */
  remove(value: number): void {
    if (Number.isFinite(value)) this.#addFinite(-value);
    else this.#count(value, -1);
  }

  value(): number {
    if (this.#nans > 0 || (this.#positive > 0 && this.#negative > 0)) return Number.NaN;
    if (this.#positive > 0) return Number.POSITIVE_INFINITY;
    if (this.#negative > 0) return Number.NEGATIVE_INFINITY;
    return (this.#whole === null ? this.#rounded() : nearest(this.#whole)) + 0;
  }

  #count(value: number, times: number): void {
    if (Number.isNaN(value)) this.#nans += times;
    else if (value > 0) this.#positive += times;
    else this.#negative += times;
  }

  #addFinite(value: number): void {
    if (this.#whole !== null) {
      this.#whole += wholeOf(value);
      return;
    }
    const parts = this.#parts;
    const used = this.#used;
    let x = value;
    let kept = 0;
    for (let i = 0; i < used; i++) {
      let y = parts[i] as number;
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      if (!Number.isFinite(high)) {
        this.#toWhole(kept, i, x, y);
        return;
      }
      const low = y - (high - x);
      if (low !== 0) parts[kept++] = low;
      x = high;
    }
    this.#used = kept;
    if (x !== 0) this.#push(x);
  }

  #push(part: number): void {
    if (this.#used === this.#parts.length) {
      const grown = new Float64Array(this.#used * 2);
      grown.set(this.#parts);
      this.#parts = grown;
    }
    this.#parts[this.#used++] = part;
  }

  /** An addition of `x` and `y` at part `at` left the range of doubles: `kept` parts are done, those behind `at` are as they were. */
  #toWhole(kept: number, at: number, x: number, y: number): void {
    let whole = wholeOf(x) + wholeOf(y);
    for (let i = 0; i < kept; i++) whole += wholeOf(this.#parts[i] as number);
    for (let i = at + 1; i < this.#used; i++) whole += wholeOf(this.#parts[i] as number);
    this.#whole = whole;
  }

  /** The parts from the largest on; half-way cases look at what lies below. */
  #rounded(): number {
    const parts = this.#parts;
    let i = this.#used;
    if (i === 0) return 0;
    let high = parts[--i] as number;
    let low = 0;
    while (i > 0) {
      const x = high;
      const y = parts[--i] as number;
      high = x + y;
      low = y - (high - x);
      if (low !== 0) break;
    }
    const next = i > 0 ? (parts[i - 1] as number) : 0;
    if ((low < 0 && next < 0) || (low > 0 && next > 0)) {
      const doubled = low * 2;
      const x = high + doubled;
      if (doubled === x - high) high = x;
    }
    return high;
  }
}

const view = new DataView(new ArrayBuffer(8));

/** A finite double as a whole number of the smallest one. */
function wholeOf(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const size = exponent === 0n ? fraction : (fraction | 0x10_0000_0000_0000n) << (exponent - 1n);
  return bits >> 63n === 1n ? -size : size;
}

/** The double next to a whole number of the smallest one, ties to even. */
function nearest(whole: bigint): number {
  const size = whole < 0n ? -whole : whole;
  const bits = BigInt(size.toString(16).length * 4);
  // What is cut off below counts as one bit, far below the last that a double has.
  const cut = bits > 128n ? bits - 128n : 0n;
  const kept = size >> cut;
  const sticky = kept << cut === size ? kept : kept | 1n;
  const scaled = scale(Number(sticky), Number(cut) - Number(unitBits));
  return whole < 0n ? -scaled : scaled;
}

/** `value * 2^exponent` in steps that doubles hold. */
function scale(value: number, exponent: number): number {
  let result = value;
  let left = exponent;
  for (; left < -1000; left += 1000) result *= 2 ** -1000;
  for (; left > 1000; left -= 1000) result *= 2 ** 1000;
  return result * 2 ** left;
}
