import { builderFor } from "../../batch/builder.js";
import type { Column, FixedColumn, WideColumn } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { required } from "../../common/assert.js";
import { dataError, internalError } from "../../common/errors.js";
import { castValue, mostExactScale } from "../../functions/cast.js";
import { type DataType, types } from "../../schema/types.js";
import { KernelViews, keptViewOrNull } from "../kernelViews.js";
import { elementKind, KernelStates, type KernelRows } from "./aggregateKernels.js";
import { type Accumulator, Doubles, halvesOf, wholeAt, wholeNumbers } from "./aggregateState.js";

type NumberColumn = FixedColumn | WideColumn;

const stateBytes = 24;

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
  /** Count, mean and squares of a group beside each other. */
  readonly #inKernels = new KernelStates([stateBytes]);
  #isHere = false;

  /** `name`: the aggregate that `result` gives. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Two partial states as one (Chan). */
  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.#reserve(count);
    const [counted, averaged, squared] = states;
    if (averaged?.layout !== "fixed" || squared?.layout !== "fixed") throw internalError("a spread has three states");
    const words = halvesOf(counted);
    const [counts, means, squares] = [this.#counts.values, this.#means.values, this.#squares.values];
    for (let j = 0; j < groups.length; j++) {
      const more = wholeAt(words, j);
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

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    const column = args[0];
    if (column === undefined) throw internalError("a spread has one argument");
    if (column.type.kind === "null") return;
    if (growable && !this.#isHere && this.#addInKernels(numbersIn(column), groups, selection, count)) return;
    this.#reserve(count);
    fold(doublesOf(numbersIn(column), selection, groups.length), column.valid, groups, selection, {
      counts: this.#counts.values,
      means: this.#means.values,
      squares: this.#squares.values,
    });
  }

  /** False where the groups are not in kernel memory, or the states are not. */
  #addInKernels(column: NumberColumn, groups: Int32Array, selection: Int32Array | null, count: number): boolean {
    const [views, chosen] = [new KernelViews([column], groups), keptViewOrNull(selection)];
    const taken = this.#inKernels.take(column, groups, selection, count);
    if (taken === null) return false;
    const unit = unitOf(column.type);
    const done = unit === null ? 0 : this.#fold(taken, count, kindIn(column), unit, 0);
    if (done === groups.length) return true;
    // What no quotient of exact doubles gives is worked out here.
    const now = numbersIn(required(views.columns(0, 1)[0], "column"));
    const values = new Float64Array(now.length);
    longsToDoubles(now, chosen(), taken.rows, values);
    const doubles = { layout: "fixed", type: types.float64, length: now.length, values, valid: now.valid } as const;
    const again = required(this.#inKernels.take(doubles, views.groups(), chosen(), count), "states in kernel memory");
    this.#fold(again, count, elementKind(values), 1, done);
    return true;
  }

  #fold(taken: KernelRows, count: number, kind: number, unit: number, from: number): number {
    const { functions, values, valid, selection, rows } = taken;
    const groups = count === 1 ? 0 : taken.groups;
    return functions.addMoments(kind, values, valid, groups, selection, from, rows, unit, this.#inKernels.address(0));
  }

  /** Takes the states out of kernel memory. */
  #fetch(): void {
    if (!this.#isHere && this.#inKernels.isUsed) {
      const { groups } = this.#inKernels;
      const states = new Float64Array(this.#inKernels.bytes(0, groups).buffer);
      this.#inKernels.free();
      const all = [this.#counts, this.#means, this.#squares];
      for (const [i, one] of all.entries()) {
        one.reserve(groups);
        everyThird(states, i, one.values);
      }
    }
    this.#isHere = true;
  }

  free(): void {
    this.#inKernels.free();
  }

  finish(count: number): Column[] {
    this.#reserve(count);
    const doubles = (values: Float64Array): Column => {
      return { layout: "fixed", type: types.float64, length: count, values: values.slice(0, count), valid: null };
    };
    return [wholeNumbers(this.#counts.values, count), doubles(this.#means.values), doubles(this.#squares.values)];
  }

  /** Takes the states back from the kernels and makes room for `count` groups. */
  #reserve(count: number): void {
    this.#fetch();
    this.#counts.reserve(count);
    this.#means.reserve(count);
    this.#squares.reserve(count);
  }
}

function everyThird(states: Float64Array, first: number, to: Float64Array): void {
  for (let at = first, g = 0; at < states.length; at += 3) to[g++] = states[at] as number;
}

function numbersIn(column: Column): NumberColumn {
  if (column.layout === "bytes" || column.layout === "object") throw internalError("a spread takes numbers");
  return column;
}

/** What a column's values are divided by; null where a quotient of doubles may be off. */
function unitOf(type: DataType): number | null {
  if (type.kind !== "decimal") return 1;
  return type.scale <= mostExactScale ? Number(`1e${type.scale}`) : null;
}

/** Number of a column's values for `addMoments`. */
function kindIn({ layout, type, values }: NumberColumn): number {
  if (type.kind !== "decimal") return elementKind(values);
  return layout === "wide" ? 11 : 10;
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
function doublesOf(column: NumberColumn, selection: Int32Array | null, count: number): ArrayLike<number> {
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
  const unit = unitOf(type) ?? 0;
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
