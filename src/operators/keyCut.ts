import type { Column } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { OrderKey } from "../kernels/sortBuffer.js";
import { isExact, keyNumbers } from "../kernels/keyNumbers.js";

/** A key of the row that others are compared with. */
interface Bound {
  readonly number: number;
  /** Whether rows with the same number have the same key. */
  readonly exact: boolean;
}

/** Leaves out rows that a sort puts behind a row that came before them, as far as a number for each key tells. */
export class KeyCut {
  readonly #keys: readonly OrderKey[];
  #bounds: readonly Bound[] = [];
  #numbers = new Float64Array(0);

  constructor(keys: readonly OrderKey[]) {
    this.#keys = keys;
  }

  /** From now on, rows are left out that come behind row `row`, which was before them; its keys are in these columns. */
  setLast(columns: readonly Column[], row: number): void {
    const number = new Float64Array(1);
    this.#bounds = columns.map((column, i) => {
      keyNumbers(column, required(this.#keys[i], "sort key"), Int32Array.of(row), number);
      const [value = 0] = number;
      return { number: value, exact: isExact(column, value) };
    });
  }

  /** Of these live rows those that may come before the last row. A column of keys is looked at for rows that are equal in those before. */
  rows(columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array | null {
    if (this.#bounds.length === 0) return selection;
    let rows = selection?.slice() ?? everyRow(length);
    const tied = new Uint8Array(rows.length).fill(1);
    if (this.#numbers.length < rows.length) this.#numbers = new Float64Array(rows.length);
    for (const [i, { number, exact }] of this.#bounds.entries()) {
      keyNumbers(required(columns[i], "key column"), required(this.#keys[i], "sort key"), rows, this.#numbers);
      const isLast = i === this.#bounds.length - 1;
      rows = rows.subarray(0, keep(this.#numbers, number, rows, tied, exact && isLast));
      if (!exact || !tied.subarray(0, rows.length).includes(1)) break;
    }
    return rows;
  }
}

/**
 * Moves the rows that stay to the front, and says how many: those that `tied` says came before by an earlier key, and those whose number is smaller
 * than the bound, or equal unless `tiesOut`. `tied` is kept beside them.
 */
function keep(numbers: Float64Array, bound: number, rows: Int32Array, tied: Uint8Array, tiesOut: boolean): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const number = numbers[i] as number;
    const wasTied = tied[i] === 1;
    if (wasTied && (tiesOut ? number >= bound : number > bound)) continue;
    rows[count] = rows[i] as number;
    tied[count++] = wasTied && number === bound ? 1 : 0;
  }
  return count;
}
