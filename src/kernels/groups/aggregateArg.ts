import type { Column } from "../../batch/column.js";
import { everyRow } from "../../batch/gather.js";
import { type ColumnReader, columnReader } from "../../batch/reader.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { compareValues } from "../../functions/compare.js";
import type { DataType, Value } from "../../schema/types.js";
import { isExact, type KeyOrder, keyNumbers } from "../keyNumbers.js";
import { type Accumulator, Doubles, positionColumn } from "./aggregateState.js";
import { type KeptRows, keptRows } from "./keptRows.js";

/**
 * The first argument where the second is least or greatest, that second one, and the position of its row. Rows are compared by a number for the second
 * argument, and by the argument itself only where other values may have the same number.
 */
export class ArgExtremeState implements Accumulator {
  readonly #order: KeyOrder;
  readonly #values: KeptRows;
  readonly #by: KeptRows;
  /** The number of each group's second argument; the smaller one is kept. */
  readonly #numbers = new Doubles();
  /** That argument itself, where its number does not tell which it is. */
  readonly #exact: Value[] = [];
  /** One more than the position of each group's row; 0 where none was met. */
  readonly #positions = new Doubles();
  #rowNumbers = new Float64Array(0);
  #rows = 0;

  constructor(states: readonly DataType[], greatest: boolean) {
    const [value, by] = [required(states[0], "state type"), required(states[1], "state type")];
    this.#order = { descending: greatest, nulls: "last" };
    this.#values = keptRows(value);
    this.#by = keptRows(by);
  }

  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number): void {
    const [value, by] = args;
    if (value === undefined || by === undefined) throw internalError("argMin and argMax have two arguments");
    this.#values.open(value, count);
    this.#by.open(by, count);
    this.#numbers.reserve(count);
    this.#positions.reserve(count);
    if (this.#rowNumbers.length < groups.length) this.#rowNumbers = new Float64Array(groups.length);
    const rows = selection ?? everyRow(groups.length);
    keyNumbers(by, this.#order, rows, this.#rowNumbers);
    this.#take(value.valid, by, groups, rows);
    this.#rows += groups.length;
  }

  #take(valid: Uint8Array | null, by: Column, groups: Int32Array, rows: Int32Array): void {
    const [numbers, positions, of] = [this.#numbers.values, this.#positions.values, this.#rowNumbers];
    const read = columnReader(by);
    for (let j = 0; j < groups.length; j++) {
      const row = rows[j] as number;
      if ((valid !== null && valid[row] === 0) || (by.valid !== null && by.valid[row] === 0)) continue;
      const group = groups[j] as number;
      const number = of[j] as number;
      if ((positions[group] as number) > 0) {
        const best = numbers[group] as number;
        if (number > best || (number === best && !this.#isBetter(by, number, group, read, row))) continue;
      }
      numbers[group] = number;
      positions[group] = this.#rows + j + 1;
      if (!isExact(by, number)) this.#exact[group] = kept(read(row));
      this.#values.take(group, row);
      this.#by.take(group, row);
    }
  }

  /** Of two arguments with the same number. */
  #isBetter(by: Column, number: number, group: number, read: ColumnReader, row: number): boolean {
    if (isExact(by, number)) return false;
    const order = compareValues(read(row), this.#exact[group] ?? null);
    return this.#order.descending ? order > 0 : order < 0;
  }

  /** Partial rows come in input order, so that of equal ones the earliest is kept, as among rows. */
  merge(states: readonly Column[], groups: Int32Array, count: number): void {
    this.add(states, groups, null, count);
  }

  finish(count: number): Column[] {
    return [this.#values.column(count), this.#by.column(count), positionColumn(this.#positions, count)];
  }

  result(count: number): Column {
    return this.#values.column(count);
  }
}

/** A value that does not lie in a batch's memory. */
const kept = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);
