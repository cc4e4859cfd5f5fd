import { builderFor } from "../../batch/builder.js";
import type { Column, FixedColumn, WideColumn } from "../../batch/column.js";
import { wideValue } from "../../batch/reader.js";
import { dataError, internalError } from "../../common/errors.js";
import { type DataType, typeName, types, type Value, valueForm } from "../../schema/types.js";
import { decimalToDouble } from "../../functions/cast.js";
import { elementKind, KernelStates } from "./aggregateKernels.js";
import { type Accumulator, Doubles, halvesOf, Seen, wholeAt, wholeNumbers, writeWhole } from "./aggregateState.js";

/** Sums of integers stay exact in a double up to here, with room for one more word. */
const exact = 2 ** 52;
const most38 = 10n ** 38n - 1n;

/** Counts rows, or the rows whose argument is not null. The state is int64 and never null. */
export class CountState implements Accumulator {
  readonly #counts = new Doubles();
  readonly #inKernels = new KernelStates([8]);
  #isHere = false;

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    if (growable && !this.#isHere && this.#addInKernels(args[0], groups, selection, count)) return;
    this.reserve(count);
    const counts = this.#counts.values;
    const valid = args[0]?.valid ?? null;
    if (valid === null) {
      for (let j = 0; j < groups.length; j++) (counts[groups[j] as number] as number)++;
      return;
    }
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      counts[groups[j] as number] = (counts[groups[j] as number] as number) + (valid[row] as number);
    }
  }

  #addInKernels(column: Column | undefined, groups: Int32Array, selection: Int32Array | null, count: number): boolean {
    const states = this.#inKernels;
    const taken = states.take(null, groups, selection, count, column?.valid ?? null);
    if (taken === null) return false;
    taken.functions.addCounts(taken.valid, taken.groups, taken.selection, taken.rows, states.address(0));
    return true;
  }

  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.reserve(count);
    const counts = this.#counts.values;
    const words = halvesOf(states[0]);
    for (let j = 0; j < groups.length; j++)
      counts[groups[j] as number] = (counts[groups[j] as number] as number) + wholeAt(words, j);
  }

  at(group: number): number {
    return this.#counts.values[group] as number;
  }

  /** Takes the states back from the kernels and makes room for `count` groups. */
  reserve(count: number): void {
    if (!this.#isHere && this.#inKernels.isUsed) {
      this.#counts.values = new Float64Array(this.#inKernels.bytes(0, this.#inKernels.groups).buffer);
      this.#inKernels.free();
    }
    this.#isHere = true;
    this.#counts.reserve(count);
  }

  free(): void {
    this.#inKernels.free();
  }

  finish(count: number): Column[] {
    return [this.result(count)];
  }

  result(count: number): Column {
    const column = wholeNumbers(this.#countsOf(count), count);
    if (!this.#isHere) this.#inKernels.free();
    return column;
  }

  ordered(order: Int32Array): Column | null {
    const states = this.#inKernels;
    if (this.#isHere) return null;
    const made = states.ordered(order, 8, null, ({ functions, order: at, rows, to }) => {
      functions.orderedCounts(states.address(0), at, rows, to);
      return 1;
    });
    if (made === null) return null;
    return {
      layout: "fixed",
      type: types.int64,
      length: order.length,
      values: new BigInt64Array(made.values.buffer),
      valid: null,
    };
  }

  /** Counts that are read once are read where the kernels have them. */
  #countsOf(count: number): Float64Array {
    const states = this.#inKernels;
    if (this.#isHere || !states.isUsed || count > states.groups) this.reserve(count);
    if (this.#isHere) return this.#counts.values;
    const { buffer, byteOffset } = states.view(0, count);
    return new Float64Array(buffer, byteOffset, count);
  }
}

/**
 * Exact sums of integers and decimals; null for a group without values. 64-bit values are added as two 32-bit words, so that no bigint
 * is made per row; what no longer fits a double exactly is carried over.
 */
export class ExactSumState implements Accumulator {
  readonly #type: DataType;
  readonly #returns: DataType;
  readonly #low = new Doubles();
  readonly #high = new Doubles();
  readonly #seen = new Seen();
  readonly #carry = new Map<number, bigint>();
  readonly #inKernels = new KernelStates([16, 1]);
  #isHere = false;
  /** The bits of a group's sum in kernel memory. */
  #bits: 64 | 128 = 64;

  /** `type`: of the state; `returns`: of the sum. */
  constructor(type: DataType, returns: DataType) {
    this.#type = type;
    this.#returns = returns;
  }

  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.add(states, groups, null, count);
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    const column = args[0];
    if (column === undefined) throw internalError("a sum has one argument");
    if (growable && !this.#isHere && column.layout === "fixed" && this.#addInKernels(column, groups, selection, count)) return;
    this.reserve(count);
    if (column.layout === "wide") this.#addWide(column, groups, selection);
    else if (column.layout !== "fixed") throw internalError("a sum takes numbers");
    else if (valueForm(column.type) === "bigint") this.#addWords(column, groups, selection);
    else this.#addNumbers(column, groups, selection);
  }

  #addInKernels(column: FixedColumn, groups: Int32Array, selection: Int32Array | null, count: number): boolean {
    const states = this.#inKernels;
    const taken = states.take(column, groups, selection, count);
    if (taken === null) return false;
    this.#bits = column.values.BYTES_PER_ELEMENT === 8 ? 128 : 64;
    const { functions, values, valid, groups: at, selection: chosen, rows } = taken;
    functions.addIntegers(elementKind(column.values), values, valid, at, chosen, rows, states.address(0), states.address(1));
    return true;
  }

  /** Takes the states out of kernel memory: what a double holds exactly as such, the rest as carries. */
  #fetch(): void {
    const states = this.#inKernels;
    const { groups } = states;
    const words = new BigInt64Array(states.bytes(0, groups).buffer);
    const parts = new Int32Array(words.buffer);
    this.#low.values = new Float64Array(groups);
    this.#high.values = new Float64Array(groups);
    this.#seen.bytes = states.bytes(1, groups);
    for (let g = 0; g < groups; g++) {
      const top = parts[g * 4 + 1] as number;
      const fits = this.#bits === 64 || (parts[g * 4 + 2] === top >> 31 && parts[g * 4 + 3] === top >> 31);
      if (fits && Math.abs(top) < 2 ** 20) {
        this.#low.values[g] = top * 2 ** 32 + ((parts[g * 4] as number) >>> 0);
      } else {
        const low = words[g * 2] as bigint;
        this.#carry.set(g, this.#bits === 64 ? low : ((words[g * 2 + 1] as bigint) << 64n) + BigInt.asUintN(64, low));
      }
    }
    states.free();
  }

  free(): void {
    this.#inKernels.free();
  }

  #addNumbers({ values, valid }: FixedColumn, groups: Int32Array, selection: Int32Array | null): void {
    const low = this.#low.values;
    const seen = this.#seen.bytes;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const sum = (low[group] as number) + (values[row] as number);
      seen[group] = 1;
      low[group] = sum;
      if (sum > exact || sum < -exact) this.#carryLow(group);
    }
  }

  #addWords({ values, valid, length, type }: FixedColumn, groups: Int32Array, selection: Int32Array | null): void {
    const unsigned = type.kind === "uint64";
    const words = new Int32Array(values.buffer, values.byteOffset, length * 2);
    const low = this.#low.values;
    const high = this.#high.values;
    const seen = this.#seen.bytes;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const top = words[row * 2 + 1] as number;
      const sum = (low[group] as number) + ((words[row * 2] as number) >>> 0);
      const sumHigh = (high[group] as number) + (unsigned ? top >>> 0 : top);
      seen[group] = 1;
      low[group] = sum;
      high[group] = sumHigh;
      if (sum > exact) this.#carryLow(group);
      if (sumHigh > exact || sumHigh < -exact) this.#carryHigh(group);
    }
  }

  /** 128-bit values, of which most are small enough for the words of a 64-bit one. */
  #addWide(column: WideColumn, groups: Int32Array, selection: Int32Array | null): void {
    const words = new Int32Array(column.values.buffer, column.values.byteOffset, column.length * 4);
    const low = this.#low.values;
    const high = this.#high.values;
    const seen = this.#seen.bytes;
    const { valid } = column;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const top = words[row * 4 + 1] as number;
      seen[group] = 1;
      if (words[row * 4 + 2] === top >> 31 && words[row * 4 + 3] === top >> 31) {
        low[group] = (low[group] as number) + ((words[row * 4] as number) >>> 0);
        high[group] = (high[group] as number) + top;
        if ((low[group] as number) > exact) this.#carryLow(group);
        if (Math.abs(high[group] as number) > exact) this.#carryHigh(group);
      } else this.#carry.set(group, (this.#carry.get(group) ?? 0n) + wideValue(column, row));
    }
  }

  #carryLow(group: number): void {
    this.#carry.set(group, (this.#carry.get(group) ?? 0n) + BigInt(this.#low.values[group] as number));
    this.#low.values[group] = 0;
  }

  #carryHigh(group: number): void {
    this.#carry.set(group, (this.#carry.get(group) ?? 0n) + (BigInt(this.#high.values[group] as number) << 32n));
    this.#high.values[group] = 0;
  }

  finish(count: number): Column[] {
    return [this.#column(count, this.#type)];
  }

  result(count: number): Column {
    return this.#column(count, this.#returns);
  }

  ordered(order: Int32Array): Column | null {
    const states = this.#inKernels;
    if (this.#isHere || this.#returns.kind !== "int64") return null;
    const made = states.ordered(order, 8, 1, ({ functions, order: at, rows, to }) =>
      functions.orderedSums(states.address(0), this.#bits, at, rows, to),
    );
    if (made === null) return null;
    const { values, valid } = made;
    return { layout: "fixed", type: this.#returns, length: order.length, values: new BigInt64Array(values.buffer), valid };
  }

  /** The sum of a group as a double, rounded once; null without values. `scale`: digits after the point. */
  mean(group: number, values: number, scale: number): number {
    return decimalToDouble(this.#total(group), scale) / values;
  }

  /** Takes the states back from the kernels and makes room for `count` groups. */
  reserve(count: number): void {
    if (!this.#isHere && this.#inKernels.isUsed) this.#fetch();
    this.#isHere = true;
    this.#low.reserve(count);
    this.#high.reserve(count);
    this.#seen.reserve(count);
  }

  #column(count: number, type: DataType): Column {
    const direct = type.kind === "int64" ? this.#directly(count) : null;
    if (direct !== null) return { layout: "fixed", type, length: count, ...direct };
    this.reserve(count);
    const valid = this.#seen.valid(count);
    if (type.kind === "int64" && this.#carry.size === 0) {
      const values = new BigInt64Array(count);
      const words = new Int32Array(values.buffer);
      if (this.#writeWords(words, count)) return { layout: "fixed", type, length: count, values, valid };
    }
    const builder = builderFor(type, count);
    for (let g = 0; g < count; g++) {
      if (valid !== null && valid[g] === 0) builder.appendNull();
      else builder.append(numberIn(type, this.#total(g)));
    }
    return builder.finish();
  }

  /** The sums from where the kernels have them, without taking them out first; null where they are not there, or one has more than 64 bits. */
  #directly(count: number): { readonly values: BigInt64Array; readonly valid: Uint8Array | null } | null {
    const states = this.#inKernels;
    if (this.#isHere || !states.isUsed || count > states.groups) return null;
    const { buffer, byteOffset } = states.view(0, count);
    const parts = new Int32Array(buffer, byteOffset, count * 4);
    const values = new BigInt64Array(count);
    const words = new Int32Array(values.buffer);
    for (let g = 0; g < count; g++) {
      const top = parts[g * 4 + 1] as number;
      if (this.#bits === 128 && (parts[g * 4 + 2] !== top >> 31 || parts[g * 4 + 3] !== top >> 31)) return null;
      words[g * 2] = parts[g * 4] as number;
      words[g * 2 + 1] = top;
    }
    const seen = states.view(1, count);
    const valid = seen.includes(0) ? seen.slice() : null;
    states.free();
    return { values, valid };
  }

  /** Writes every sum that a double holds exactly; false when one is larger. */
  #writeWords(words: Int32Array, count: number): boolean {
    const low = this.#low.values;
    const high = this.#high.values;
    for (let g = 0; g < count; g++) {
      const value = (low[g] as number) + (high[g] as number) * 2 ** 32;
      if (value > exact || value < -exact || Math.abs(high[g] as number) > 2 ** 20) return false;
      writeWhole(words, g, value);
    }
    return true;
  }

  #total(group: number): bigint {
    const words = BigInt(this.#low.values[group] as number) + (BigInt(this.#high.values[group] as number) << 32n);
    return words + (this.#carry.get(group) ?? 0n);
  }
}

const most64 = 2n ** 63n - 1n;

/** An exact integer in the form that a state's type has. */
function numberIn(type: DataType, value: bigint): Value {
  if (type.kind === "decimal" && (value > most38 || value < -most38)) {
    throw dataError("INTEGER_OVERFLOW", `a sum does not fit ${typeName(type)}`, {
      hint: "Cast the argument to float64, or sum fewer rows.",
    });
  }
  if (type.kind === "int64" && (value > most64 || value < -most64 - 1n)) {
    throw dataError("SUM_OVERFLOW", `an integer sum does not fit into int64: ${value}`, {
      hint: "Cast the column to float64 or decimal(38,0) before it is summed.",
    });
  }
  return valueForm(type) === "bigint" ? value : Number(value);
}
