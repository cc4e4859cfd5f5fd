import type { Column } from "../../batch/column.js";
import { types } from "../../schema/types.js";
import type { FloatSumState } from "./aggregateFloat.js";
import type { Accumulator } from "./aggregateState.js";
import { KernelViews } from "../kernelViews.js";
import { CountState, type ExactSumState } from "./aggregateSum.js";

/** The sum of the values and their number. */
export class MeanState implements Accumulator {
  readonly #sum: FloatSumState | ExactSumState;
  readonly #values = new CountState();
  readonly #scale: number;

  /** `scale`: digits after the point of a decimal argument. */
  constructor(sum: FloatSumState | ExactSumState, scale: number) {
    this.#sum = sum;
    this.#scale = scale;
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable = false): void {
    const at = new KernelViews([...args], groups);
    this.#sum.add(args, groups, selection, count, growable);
    this.#values.add(at.columns(0, args.length), at.groups(), selection, count, growable);
  }

  free(): void {
    this.#sum.free();
    this.#values.free();
  }

  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.#sum.merge(states.slice(0, 1), groups, count);
    this.#values.merge(states.slice(1), groups, count);
  }

  finish(count: number): Column[] {
    return [...this.#sum.finish(count), ...this.#values.finish(count)];
  }

  result(count: number): Column {
    this.#sum.reserve(count);
    this.#values.reserve(count);
    const values = new Float64Array(count);
    const valid = new Uint8Array(count);
    for (let g = 0; g < count; g++) {
      const rows = this.#values.at(g);
      if (rows === 0) continue;
      valid[g] = 1;
      values[g] = "at" in this.#sum ? this.#sum.at(g) / rows : this.#sum.mean(g, rows, this.#scale);
    }
    return { layout: "fixed", type: types.float64, length: count, values, valid: valid.includes(0) ? valid : null };
  }
}
