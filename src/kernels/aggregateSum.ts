import { builderFor } from "../batch/builder.js";
import type { Column, FixedColumn } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { dataError, internalError } from "../common/errors.js";
import { type DataType, typeName, type Value, valueForm } from "../schema/types.js";
import { type Accumulator, Doubles, Seen } from "./aggregateState.js";

/** Sums of integers stay exact in a double up to here, with room for one more word. */
const exact = 2 ** 52;
const most38 = 10n ** 38n - 1n;

/** Counts rows, or the rows whose argument is not null. The state is int64 and never null. */
export class CountState implements Accumulator {
  readonly #type: DataType;
  readonly #counts = new Doubles();

  constructor(type: DataType) {
    this.#type = type;
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number): void {
    this.#counts.reserve(count);
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

  finish(count: number): Column[] {
    this.#counts.reserve(count);
    const values = this.#counts.values;
    const builder = builderFor(this.#type, count);
    for (let g = 0; g < count; g++) builder.append(numberIn(this.#type, BigInt(values[g] as number)));
    return [builder.finish()];
  }
}

/**
 * Exact sums of integers and decimals; null for a group without values. 64-bit values are added as two 32-bit words, so that no bigint
 * is made per row; what no longer fits a double exactly is carried over.
 */
export class ExactSumState implements Accumulator {
  readonly #type: DataType;
  readonly #low = new Doubles();
  readonly #high = new Doubles();
  readonly #seen = new Seen();
  readonly #carry = new Map<number, bigint>();

  constructor(type: DataType) {
    this.#type = type;
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number): void {
    this.#low.reserve(count);
    this.#high.reserve(count);
    this.#seen.reserve(count);
    const column = args[0];
    if (column === undefined) throw internalError("a sum has one argument");
    if (column.layout === "wide") this.#addWide(column, groups, selection);
    else if (column.layout !== "fixed") throw internalError("a sum takes numbers");
    else if (valueForm(column.type) === "bigint") this.#addWords(column, groups, selection);
    else this.#addNumbers(column, groups, selection);
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

  #addWide(column: Column, groups: Int32Array, selection: Int32Array | null): void {
    const read = columnReader(column);
    const seen = this.#seen.bytes;
    for (let j = 0; j < groups.length; j++) {
      const value = read(selection === null ? j : (selection[j] as number));
      if (value === null) continue;
      const group = groups[j] as number;
      seen[group] = 1;
      this.#carry.set(group, (this.#carry.get(group) ?? 0n) + (value as bigint));
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
    this.#low.reserve(count);
    this.#high.reserve(count);
    const valid = this.#seen.valid(count);
    const builder = builderFor(this.#type, count);
    for (let g = 0; g < count; g++) {
      if (valid !== null && valid[g] === 0) builder.appendNull();
      else builder.append(numberIn(this.#type, this.#total(g)));
    }
    return [builder.finish()];
  }

  #total(group: number): bigint {
    const words = BigInt(this.#low.values[group] as number) + (BigInt(this.#high.values[group] as number) << 32n);
    return words + (this.#carry.get(group) ?? 0n);
  }
}

/** An exact integer in the form that a state's type has. */
function numberIn(type: DataType, value: bigint): Value {
  if (type.kind === "decimal" && (value > most38 || value < -most38)) {
    throw dataError("INTEGER_OVERFLOW", `a sum does not fit ${typeName(type)}`, {
      hint: "Cast the argument to float64, or sum fewer rows.",
    });
  }
  return valueForm(type) === "bigint" ? value : Number(value);
}
