import type { Column, FixedColumn } from "../batch/column.js";
import { dataError, internalError } from "../common/errors.js";
import { ExactSum } from "../kernels/groups/exactSum.js";
import { isFloat, types } from "../schema/types.js";
import type { FrameValue } from "./windowFrames.js";

/** A value over frames that becomes a column. */
export interface FrameColumn extends FrameValue {
  /** The values that rows were given. */
  column(): Column;
}

const word = 2 ** 32;
/** Beyond this, the lower words of a sum are carried into the upper ones. */
const mostLow = 2 ** 52;

/** How many rows are in the frame, or how many of them have a value. */
export class FrameCount implements FrameColumn {
  readonly #valid: Uint8Array | null;
  readonly #values: BigInt64Array;
  readonly #words: Int32Array;
  #count = 0;

  constructor(rows: number, argument: Column | null) {
    this.#valid = argument?.valid ?? null;
    this.#values = new BigInt64Array(rows);
    this.#words = new Int32Array(this.#values.buffer);
  }

  reset(): void {
    this.#count = 0;
  }

  add(row: number): void {
    this.#count += this.#valid === null ? 1 : (this.#valid[row] as number);
  }

  remove(row: number): void {
    this.#count -= this.#valid === null ? 1 : (this.#valid[row] as number);
  }

  write(row: number): void {
    this.#words[row * 2] = this.#count;
  }

  column(): Column {
    return { layout: "fixed", type: types.int64, length: this.#values.length, values: this.#values, valid: null };
  }
}

/** The exact sum of integers, or their mean; null without a value. The sum is held in two words, so that no bigint is made. */
export class FrameIntegers implements FrameColumn {
  /** Values of up to 32 bits; null for those of 64, which are taken as two words. */
  readonly #numbers: ArrayLike<number> | null;
  readonly #parts: Int32Array;
  readonly #unsigned: boolean;
  readonly #argument: FixedColumn;
  readonly #mean: boolean;
  readonly #values: BigInt64Array | Float64Array;
  readonly #words: Int32Array;
  readonly #valid: Uint8Array;
  #count = 0;
  #sumLow = 0;
  #sumHigh = 0;

  constructor(argument: Column, mean: boolean) {
    if (argument.layout !== "fixed") throw internalError("a sum takes numbers");
    const { values, length, type } = argument;
    this.#argument = argument;
    this.#mean = mean;
    const isWide = values instanceof BigInt64Array || values instanceof BigUint64Array;
    this.#numbers = isWide ? null : values;
    this.#parts = isWide ? new Int32Array(values.buffer, values.byteOffset, length * 2) : new Int32Array(0);
    this.#unsigned = type.kind === "uint64";
    this.#values = mean ? new Float64Array(length) : new BigInt64Array(length);
    this.#words = new Int32Array(this.#values.buffer);
    this.#valid = new Uint8Array(length);
  }

  reset(): void {
    this.#count = 0;
    this.#sumLow = 0;
    this.#sumHigh = 0;
  }

  add(row: number): void {
    this.#change(row, 1);
  }

  remove(row: number): void {
    this.#change(row, -1);
  }

  #change(row: number, times: number): void {
    const { valid } = this.#argument;
    if (valid !== null && valid[row] === 0) return;
    this.#count += times;
    const numbers = this.#numbers;
    if (numbers !== null) this.#sumLow += times * (numbers[row] as number);
    else {
      const high = this.#parts[row * 2 + 1] as number;
      this.#sumHigh += times * (this.#unsigned ? high >>> 0 : high);
      this.#sumLow += times * ((this.#parts[row * 2] as number) >>> 0);
    }
    if (this.#sumLow > mostLow || this.#sumLow < -mostLow) this.#carry();
  }

  #carry(): void {
    const carry = Math.floor(this.#sumLow / word);
    this.#sumLow -= carry * word;
    this.#sumHigh += carry;
  }

  write(row: number): void {
    if (this.#count === 0) return;
    this.#carry();
    this.#valid[row] = 1;
    if (this.#mean) {
      this.#values[row] = (this.#sumHigh * word + this.#sumLow) / this.#count;
      return;
    }
    if (this.#sumHigh > 0x7fff_ffff || this.#sumHigh < -0x8000_0000)
      intoInt64((BigInt(this.#sumHigh) << 32n) + BigInt(this.#sumLow));
    this.#words[row * 2] = this.#sumLow;
    this.#words[row * 2 + 1] = this.#sumHigh;
  }

  column(): Column {
    const type = this.#mean ? types.float64 : types.int64;
    return { layout: "fixed", type, length: this.#valid.length, values: this.#values, valid: someNull(this.#valid) };
  }
}

/** A sum of integers as it is. @throws MillraceError Data/SUM_OVERFLOW beyond int64 */
export function intoInt64(sum: bigint): bigint {
  if (BigInt.asIntN(64, sum) === sum) return sum;
  throw dataError("SUM_OVERFLOW", `an integer sum does not fit into int64: ${sum}`, {
    hint: "Cast the column to float64 or decimal(38,0) before it is summed.",
  });
}

/** The exact sum of floats, rounded once, or their mean; null without a value. */
export class FrameFloats implements FrameColumn {
  readonly #argument: FixedColumn;
  readonly #mean: boolean;
  readonly #sum = new ExactSum();
  readonly #values: Float64Array;
  readonly #valid: Uint8Array;
  #count = 0;

  constructor(argument: Column, mean: boolean) {
    if (argument.layout !== "fixed") throw internalError("a sum takes numbers");
    this.#argument = argument;
    this.#mean = mean;
    this.#values = new Float64Array(argument.length);
    this.#valid = new Uint8Array(argument.length);
  }

  reset(): void {
    this.#count = 0;
    this.#sum.reset();
  }

  add(row: number): void {
    const { valid, values } = this.#argument;
    if (valid !== null && valid[row] === 0) return;
    this.#count++;
    this.#sum.add(values[row] as number);
  }

  remove(row: number): void {
    const { valid, values } = this.#argument;
    if (valid !== null && valid[row] === 0) return;
    this.#count--;
    this.#sum.remove(values[row] as number);
  }

  write(row: number): void {
    if (this.#count === 0) return;
    this.#valid[row] = 1;
    const sum = this.#sum.value();
    this.#values[row] = this.#mean ? sum / this.#count : sum;
  }

  column(): Column {
    const { length } = this.#valid;
    return { layout: "fixed", type: types.float64, length, values: this.#values, valid: someNull(this.#valid) };
  }
}

/** A sum or mean of these numbers. */
export const frameSum = (argument: Column, mean: boolean): FrameColumn =>
  isFloat(argument.type) ? new FrameFloats(argument, mean) : new FrameIntegers(argument, mean);

export const someNull = (valid: Uint8Array): Uint8Array | null => (valid.includes(0) ? valid : null);
