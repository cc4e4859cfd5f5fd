import { builderFor } from "../../batch/builder.js";
import type { Column, FixedColumn, WideColumn } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { dataError, internalError } from "../../common/errors.js";
import { castValue, mostExactScale } from "../../functions/cast.js";
import { type DataType, types } from "../../schema/types.js";
import { type Accumulator, Doubles } from "./aggregateState.js";

type NumberColumn = FixedColumn | WideColumn;

/** States by group. */
interface Moments {
  readonly counts: Float64Array;
  readonly means: Float64Array;
  readonly squares: Float64Array;
}

/** Count, mean and sum of squared differences from the mean, folded row by row (Welford). */
export class MomentsState implements Accumulator {
  readonly #name: string;
  readonly #counts = new Doubles();
  readonly #means = new Doubles();
  readonly #squares = new Doubles();

  /** `name`: the aggregate that `result` gives. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Two partial states as one (Chan). */
  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.#reserve(count);
    const [counted, averaged, squared] = states;
    if (counted === undefined || averaged?.layout !== "fixed" || squared?.layout !== "fixed")
      throw internalError("a spread has three states");
    const readCount = columnReader(counted);
    const [counts, means, squares] = [this.#counts.values, this.#means.values, this.#squares.values];
    for (let j = 0; j < groups.length; j++) {
      const more = Number(readCount(j) ?? 0n);
      if (more === 0) continue;
      const group = groups[j] as number;
      const had = counts[group] as number;
      const [mean, square] = [averaged.values[j] as number, squared.values[j] as number];
      const total = had + more;
      const delta = mean - (means[group] as number);
      counts[group] = total;
      means[group] = had === 0 ? mean : (means[group] as number) + (delta * more) / total;
      squares[group] = had === 0 ? square : (squares[group] as number) + square + (delta * delta * had * more) / total;
    }
  }

  result(count: number): Column {
    this.#reserve(count);
    const sample = !this.#name.endsWith("Pop");
    const root = this.#name.startsWith("stddev");
    const builder = builderFor(types.float64, count);
    for (let g = 0; g < count; g++) {
      const divisor = (this.#counts.values[g] as number) - (sample ? 1 : 0);
      if (divisor <= 0) {
        builder.appendNull();
        continue;
      }
      const variance = (this.#squares.values[g] as number) / divisor;
      const value = root ? Math.sqrt(variance) : variance;
      if (!Number.isFinite(value)) throw dataError("INVALID_INPUT", `${this.#name} is out of range`);
      builder.append(value);
    }
    return builder.finish();
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number): void {
    this.#reserve(count);
    const column = args[0];
    if (column === undefined) throw internalError("a spread has one argument");
    if (column.type.kind === "null") return;
    fold(doublesOf(column, selection, groups.length), column.valid, groups, selection, {
      counts: this.#counts.values,
      means: this.#means.values,
      squares: this.#squares.values,
    });
  }

  finish(count: number): Column[] {
    this.#reserve(count);
    const counts = BigInt64Array.from(this.#counts.values.subarray(0, count), BigInt);
    const fixed = (type: DataType, values: Float64Array | BigInt64Array): Column => {
      return { layout: "fixed", type, length: count, values, valid: null };
    };
    return [
      fixed(types.int64, counts),
      fixed(types.float64, this.#means.values.slice(0, count)),
      fixed(types.float64, this.#squares.values.slice(0, count)),
    ];
  }

  #reserve(count: number): void {
    this.#counts.reserve(count);
    this.#means.reserve(count);
    this.#squares.reserve(count);
  }
}

function fold(
  values: ArrayLike<number>,
  valid: Uint8Array | null,
  groups: Int32Array,
  selection: Int32Array | null,
  { counts, means, squares }: Moments,
): void {
  for (let j = 0; j < groups.length; j++) {
    const row = selection === null ? j : (selection[j] as number);
    if (valid !== null && valid[row] === 0) continue;
    const value = values[row] as number;
    const group = groups[j] as number;
    const n = (counts[group] as number) + 1;
    const delta = value - (means[group] as number);
    const mean = (means[group] as number) + delta / n;
    counts[group] = n;
    means[group] = mean;
    squares[group] = (squares[group] as number) + delta * (value - mean);
  }
}

/** A number column as doubles. Only the chosen rows that are not null are there. */
function doublesOf(column: Column, selection: Int32Array | null, count: number): ArrayLike<number> {
  if (column.layout === "bytes" || column.layout === "object") throw internalError("a spread takes numbers");
  const { values } = column;
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values;
  const doubles = new Float64Array(column.length);
  longsToDoubles(column, selection, count, doubles);
  return doubles;
}

/** Integers of 64 bits and decimals, by their halves: a bigint for each costs several times as much. */
function longsToDoubles(column: NumberColumn, selection: Int32Array | null, count: number, doubles: Float64Array): void {
  const { type, valid } = column;
  const { buffer, byteOffset, length } = column.values;
  const lows = new Uint32Array(buffer, byteOffset, length * 2);
  const highs = type.kind === "uint64" ? lows : new Int32Array(buffer, byteOffset, length * 2);
  const words = column.layout === "wide" ? 4 : 2;
  const unit = type.kind === "decimal" && type.scale <= mostExactScale ? Number(`1e${type.scale}`) : 0;
  const read = columnReader(column);
  for (let j = 0; j < count; j++) {
    const row = selection === null ? j : (selection[j] as number);
    if (valid !== null && valid[row] === 0) continue;
    const at = row * words;
    const high = highs[at + 1] as number;
    // Rounded once, in the sum.
    const whole = high * 2 ** 32 + (lows[at] as number);
    if (type.kind !== "decimal") doubles[row] = whole;
    // As decimalToDouble has it, where nothing but the sign stands above.
    else if (
      unit > 0 &&
      Number.isSafeInteger(whole) &&
      (words === 2 || isSign(high, highs[at + 2] as number, highs[at + 3] as number))
    )
      doubles[row] = whole / unit;
    else doubles[row] = castValue(read(row), type, types.float64) as number;
  }
}

const isSign = (high: number, above: number, top: number): boolean => above === high >> 31 && top === above;
