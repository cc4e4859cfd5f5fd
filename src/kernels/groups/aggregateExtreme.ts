import { builderFor, newFixed } from "../../batch/builder.js";
import type { BytesColumn, Column, FixedColumn, FixedValues } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { internalError } from "../../common/errors.js";
import { compareValues } from "../../functions/compare.js";
import { type DataType, isFloat, type Value } from "../../schema/types.js";
import { bytesOf } from "./groupMemory.js";
import { fixedView } from "../fixedView.js";
import { elementKind, KernelStates } from "./aggregateKernels.js";
import { type Accumulator, Seen } from "./aggregateState.js";

/** The least (`sign` -1) or greatest (1) value of a group; null without values. */
export function extremeState(type: DataType, sign: 1 | -1): Accumulator {
  if (type.kind === "utf8" || type.kind === "binary") return new BytesExtreme(type, sign);
  const fixed = builderFor(type, 1).finish().layout === "fixed";
  return fixed ? new FixedExtreme(type, sign) : new ValueExtreme(type, sign);
}

/** Numbers, days and times. NaN is the largest; of 0 and -0 the first is kept. */
class FixedExtreme implements Accumulator {
  readonly #type: DataType;
  readonly #sign: 1 | -1;
  readonly #seen = new Seen();
  #values: FixedValues;
  readonly #inKernels: KernelStates;
  #isHere = false;

  constructor(type: DataType, sign: 1 | -1) {
    this.#type = type;
    this.#sign = sign;
    this.#values = newFixed(type, 512);
    this.#inKernels = new KernelStates([this.#values.BYTES_PER_ELEMENT, 1], isFloat(type) ? [0xff, 0] : []);
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    const column = args[0];
    if (column?.layout !== "fixed") throw internalError("an extreme's argument changed its layout");
    if (growable && !this.#isHere && this.#addInKernels(column, groups, selection, count)) return;
    this.#reserve(count);
    if (isFloat(this.#type)) this.#addFloats(column, groups, selection);
    else this.#addNumbers(column, groups, selection);
  }

  #addInKernels(column: FixedColumn, groups: Int32Array, selection: Int32Array | null, count: number): boolean {
    const states = this.#inKernels;
    const taken = states.take(column, groups, selection, count);
    if (taken === null) return false;
    const greatest = this.#sign === 1 ? 1 : 0;
    const { functions, values, valid, groups: at, selection: chosen, rows } = taken;
    const kind = elementKind(column.values);
    functions.addExtremes(kind, greatest, values, valid, at, chosen, rows, states.address(0), states.address(1));
    return true;
  }

  free(): void {
    this.#inKernels.free();
  }

  #addNumbers({ values, valid }: FixedColumn, groups: Int32Array, selection: Int32Array | null): void {
    const kept = this.#values as Float64Array;
    const seen = this.#seen.bytes;
    const greatest = this.#sign === 1;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const value = values[row] as number;
      const old = kept[group] as number;
      if (seen[group] === 1 && !(greatest ? value > old : value < old)) continue;
      seen[group] = 1;
      kept[group] = value;
    }
  }

  #addFloats({ values, valid }: FixedColumn, groups: Int32Array, selection: Int32Array | null): void {
    const kept = this.#values as Float64Array;
    const seen = this.#seen.bytes;
    const greatest = this.#sign === 1;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const value = values[row] as number;
      const old = kept[group] as number;
      const [big, small] = greatest ? [value, old] : [old, value];
      // `big` above `small`, where NaN is above every number.
      if (seen[group] === 1 && !(big > small || (Number.isNaN(big) && !Number.isNaN(small)))) continue;
      seen[group] = 1;
      kept[group] = value;
    }
  }

  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.add(states, groups, null, count);
  }

  finish(count: number): Column[] {
    return [this.result(count)];
  }

  ordered(order: Int32Array): Column | null {
    const states = this.#inKernels;
    if (this.#isHere) return null;
    const width = this.#values.BYTES_PER_ELEMENT;
    const made = states.ordered(order, width, 1, ({ functions, order: at, rows, to }) => {
      functions.permuteFixed(states.address(0), width, at, rows, to);
      return 1;
    });
    if (made === null) return null;
    const { values, valid } = made;
    return { layout: "fixed", type: this.#type, length: order.length, values: fixedView(this.#type, values), valid };
  }

  result(count: number): Column {
    this.#reserve(count);
    const values = this.#values.subarray(0, count);
    return { layout: "fixed", type: this.#type, length: count, values, valid: this.#seen.valid(count) };
  }

  #reserve(count: number): void {
    if (!this.#isHere && this.#inKernels.isUsed) {
      const { groups } = this.#inKernels;
      const bytes = this.#inKernels.bytes(0, groups);
      this.#values = newFixed(this.#type, groups);
      bytesOf(this.#values).set(bytes);
      this.#seen.bytes = this.#inKernels.bytes(1, groups);
      this.#inKernels.free();
    }
    this.#isHere = true;
    this.#seen.reserve(count);
    if (count <= this.#values.length) return;
    const bigger = newFixed(this.#type, Math.max(count, this.#values.length * 2)) as Float64Array;
    bigger.set(this.#values as Float64Array);
    this.#values = bigger;
  }
}

/** Texts and binary values by their bytes, which for UTF-8 is the order of code points. */
class BytesExtreme implements Accumulator {
  readonly #type: DataType;
  readonly #sign: 1 | -1;
  readonly #kept: Uint8Array[] = [];

  constructor(type: DataType, sign: 1 | -1) {
    this.#type = type;
    this.#sign = sign;
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null): void {
    const column = args[0];
    if (column?.layout !== "bytes") throw internalError("an extreme's argument changed its layout");
    const { bytes, starts, ends, valid } = column;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const old = this.#kept[group];
      if (old === undefined || order(column, row, old) * this.#sign > 0) this.#kept[group] = bytes.slice(starts[row], ends[row]);
    }
  }

  merge(states: readonly Column[], groups: Int32Array): void {
    this.add(states, groups, null);
  }

  finish(count: number): Column[] {
    return [this.result(count)];
  }

  result(count: number): Column {
    const length = this.#kept.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
    const bytes = new Uint8Array(length);
    const offsets = new Int32Array(count + 1);
    const valid = new Uint8Array(count);
    let at = 0;
    for (let g = 0; g < count; g++) {
      const value = this.#kept[g];
      if (value !== undefined) {
        bytes.set(value, at);
        at += value.length;
        valid[g] = 1;
      }
      offsets[g + 1] = at;
    }
    const [starts, ends] = [offsets.subarray(0, count), offsets.subarray(1, count + 1)];
    return { layout: "bytes", type: this.#type, length: count, bytes, starts, ends, valid: valid.includes(0) ? valid : null };
  }
}

/** Sign of a row's bytes against others. */
function order({ bytes, starts, ends }: BytesColumn, row: number, other: Uint8Array): number {
  const start = starts[row] as number;
  const size = (ends[row] as number) - start;
  const shared = Math.min(size, other.length);
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[start + i] as number) - (other[i] as number);
    if (difference !== 0) return difference;
  }
  return size - other.length;
}

/** Wide decimals and nested values. */
class ValueExtreme implements Accumulator {
  readonly #type: DataType;
  readonly #sign: 1 | -1;
  readonly #kept: Value[] = [];

  constructor(type: DataType, sign: 1 | -1) {
    this.#type = type;
    this.#sign = sign;
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null): void {
    const column = args[0];
    if (column === undefined) throw internalError("an extreme has one argument");
    const read = columnReader(column);
    for (let j = 0; j < groups.length; j++) {
      const value = read(selection === null ? j : (selection[j] as number));
      if (value === null) continue;
      const group = groups[j] as number;
      const old = this.#kept[group] ?? null;
      if (old === null || compareValues(value, old) * this.#sign > 0) this.#kept[group] = value;
    }
  }

  merge(states: readonly Column[], groups: Int32Array): void {
    this.add(states, groups, null);
  }

  finish(count: number): Column[] {
    return [this.result(count)];
  }

  result(count: number): Column {
    const builder = builderFor(this.#type, count);
    for (let g = 0; g < count; g++) builder.append(this.#kept[g] ?? null);
    return builder.finish();
  }
}
