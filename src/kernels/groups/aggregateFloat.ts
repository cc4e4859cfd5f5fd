import type { Column, FixedColumn } from "../../batch/column.js";
import { internalError } from "../../common/errors.js";
import { types } from "../../schema/types.js";
import { KernelStates } from "./aggregateKernels.js";
import { type Accumulator, Doubles, Seen } from "./aggregateState.js";

/** Sums of floats in row order with the rounding errors carried along (Neumaier); null without values. */
export class FloatSumState implements Accumulator {
  readonly #sums = new Doubles();
  readonly #lost = new Doubles();
  readonly #seen = new Seen();

  readonly #inKernels = new KernelStates([8, 8, 1]);
  #isHere = false;

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    const column = args[0];
    if (column?.layout !== "fixed") throw internalError("a sum of floats takes a float column");
    if (growable && !this.#isHere && this.#addInKernels(column, groups, selection, count)) return;
    this.reserve(count);
    const { valid } = column;
    const values = column.values as Float64Array;
    const sums = this.#sums.values;
    const lost = this.#lost.values;
    const seen = this.#seen.bytes;
    for (let j = 0; j < groups.length; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const group = groups[j] as number;
      const value = values[row] as number;
      const sum = sums[group] as number;
      const next = sum + value;
      const error = Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      seen[group] = 1;
      sums[group] = next;
      lost[group] = (lost[group] as number) + error;
    }
  }

  #addInKernels(column: FixedColumn, groups: Int32Array, selection: Int32Array | null, count: number): boolean {
    const states = this.#inKernels;
    const taken = states.take(column, groups, selection, count);
    if (taken === null) return false;
    const width = column.values.BYTES_PER_ELEMENT;
    const { functions, values, valid, groups: at, selection: chosen, rows } = taken;
    functions.addFloats(width, values, valid, at, chosen, rows, states.address(0), states.address(1), states.address(2));
    return true;
  }

  /** Takes the states out of kernel memory. */
  #fetch(): void {
    if (!this.#isHere && this.#inKernels.isUsed) {
      const { groups } = this.#inKernels;
      this.#sums.values = new Float64Array(this.#inKernels.bytes(0, groups).buffer);
      this.#lost.values = new Float64Array(this.#inKernels.bytes(1, groups).buffer);
      this.#seen.bytes = this.#inKernels.bytes(2, groups);
      this.#inKernels.free();
    }
    this.#isHere = true;
  }

  free(): void {
    this.#inKernels.free();
  }

  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.add(states, groups, null, count);
  }

  finish(count: number): Column[] {
    return [this.result(count)];
  }

  result(count: number): Column {
    this.reserve(count);
    const values = new Float64Array(count);
    for (let g = 0; g < count; g++) values[g] = this.at(g);
    return { layout: "fixed", type: types.float64, length: count, values, valid: this.#seen.valid(count) };
  }

  ordered(order: Int32Array): Column | null {
    const states = this.#inKernels;
    if (this.#isHere) return null;
    const made = states.ordered(order, 8, 2, ({ functions, order: at, rows, to }) => {
      functions.orderedFloats(states.address(0), states.address(1), at, rows, to);
      return 1;
    });
    if (made === null) return null;
    const { values, valid } = made;
    return { layout: "fixed", type: types.float64, length: order.length, values: new Float64Array(values.buffer), valid };
  }

  at(group: number): number {
    const sum = this.#sums.values[group] as number;
    const careful = sum + (this.#lost.values[group] as number);
    // An infinite sum makes the error term NaN; the sum itself is right then.
    return Number.isNaN(careful) ? sum : careful;
  }

  /** Takes the states back from the kernels and makes room for `count` groups. */
  reserve(count: number): void {
    this.#fetch();
    this.#sums.reserve(count);
    this.#lost.reserve(count);
    this.#seen.reserve(count);
  }
}
