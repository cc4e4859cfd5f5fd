import type { Column } from "../../batch/column.js";
import { internalError } from "../../common/errors.js";
import type { DataType } from "../../schema/types.js";
import { type Accumulator, Doubles, positionColumn } from "./aggregateState.js";
import { type KeptRows, keptRows } from "./keptRows.js";

/** The argument of the first or last row of a group, with that row's position in the partition. */
export class EndState implements Accumulator {
  readonly #last: boolean;
  readonly #kept: KeptRows;
  /** One more than a group's position; 0 where no row was met. */
  readonly #positions = new Doubles();
  #rows = 0;

  constructor(type: DataType, last: boolean) {
    this.#last = last;
    this.#kept = keptRows(type);
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number): void {
    this.#take(args[0], null, groups, selection, count);
  }

  merge([value, position]: readonly Column[], groups: Int32Array, count: number): void {
    this.#take(value, position?.valid ?? null, groups, null, count);
  }

  /** `present`: 0 for rows that stand for none. */
  #take(
    column: Column | undefined,
    present: Uint8Array | null,
    groups: Int32Array,
    selection: Int32Array | null,
    count: number,
  ): void {
    if (column === undefined) throw internalError("first and last look at a column");
    this.#kept.open(column, count);
    this.#positions.reserve(count);
    if (this.#last) this.#takeLast(present, groups, selection);
    else this.#takeFirst(present, groups, selection);
    this.#rows += groups.length;
  }

  #takeFirst(present: Uint8Array | null, groups: Int32Array, selection: Int32Array | null): void {
    const positions = this.#positions.values;
    for (let j = 0; j < groups.length; j++) {
      const group = groups[j] as number;
      if ((positions[group] as number) > 0 || (present !== null && present[j] === 0)) continue;
      positions[group] = this.#rows + j + 1;
      this.#kept.take(group, selection === null ? j : (selection[j] as number));
    }
  }

  /** From the end, so that each group takes one row of a batch. */
  #takeLast(present: Uint8Array | null, groups: Int32Array, selection: Int32Array | null): void {
    const positions = this.#positions.values;
    for (let j = groups.length - 1; j >= 0; j--) {
      const group = groups[j] as number;
      if ((positions[group] as number) > this.#rows || (present !== null && present[j] === 0)) continue;
      positions[group] = this.#rows + j + 1;
      this.#kept.take(group, selection === null ? j : (selection[j] as number));
    }
  }

  result(count: number): Column {
    return this.#kept.column(count);
  }

  finish(count: number): Column[] {
    return [this.#kept.column(count), positionColumn(this.#positions, count)];
  }
}
