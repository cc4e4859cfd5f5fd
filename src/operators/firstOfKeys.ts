import type { Column } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";
import type { KeyType } from "../kernels/groups/groupKeys.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";
import { isExact, type KeyOrder, keyNumbers } from "../kernels/keyNumbers.js";
import type { FirstOfKey } from "../task/protocol.js";

/** Rows that are looked at first, and the share of them that new keys may have for more to be worth a look. */
const trial = { rows: 2 ** 13, most: 7 / 8 };
/** Past so many rows, times those wanted of each key, at least this share of them must have been left out. */
const proof = { rows: 2 ** 16, most: 1 / 2 };
/** More keys, or rows wanted of all of them, or bytes of rows that are kept, are not worth it. */
const mostKeys = 2 ** 17;
const mostWanted = 2 ** 20;
const mostBytes = 2 ** 25;

/** Which rows of each key are wanted. */
export type FirstRows = Pick<FirstOfKey, "count" | "order" | "inPlace">;

/**
 * Leaves out rows that `count` rows of the same key come before, for as long as those are many: who reads what is left takes the first rows of each
 * key, and need not see the others. Which rows are left out depends on the rows alone.
 */
export class FirstOfKeys {
  #table: WordGroupTable | null;
  readonly #first: FirstNumbers;
  #rows = 0;
  #kept = 0;
  #bytes = 0;

  /** `sharing`: as for WordGroupTable; the views that a caller has on columns may then be detached. */
  constructor(
    keys: readonly KeyType[],
    sharing: boolean,
    private readonly wanted: FirstRows,
  ) {
    this.#table = new WordGroupTable(keys, sharing);
    this.#first = new FirstNumbers(wanted.count);
  }

  /** The live rows without those, or the selection as it is where none is looked for any more. `order` gives the column of the wanted order. */
  select(
    keys: () => readonly Column[],
    selection: Int32Array | null,
    length: number,
    order: () => Column | null = () => null,
  ): Int32Array | null {
    if (this.#table === null) return selection;
    const live = selection === null ? everyRow(length) : Int32Array.from(selection);
    const kept = new Int32Array(live.length);
    const begin = this.#rows === 0 ? Math.min(trial.rows, live.length) : 0;
    let count = this.#take(this.#table, keys, live.subarray(0, begin), length, order, kept, 0);
    if (this.#table.count > begin * trial.most && begin > 0) {
      this.free();
      kept.set(live.subarray(begin), count);
      return kept.subarray(0, count + live.length - begin);
    }
    count = this.#take(this.#table, keys, live.subarray(begin), length, order, kept, count);
    if (!this.#pays(this.#table.count)) this.free();
    return kept.subarray(0, count);
  }

  /** Whether none is looked for any more. */
  get isOver(): boolean {
    return this.#table === null;
  }

  /** To be told how many bytes the rows have that were kept. */
  noteBytes(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > mostBytes) this.free();
  }

  free(): void {
    this.#table?.free();
    this.#table = null;
  }

  #pays(keys: number): boolean {
    const { count } = this.wanted;
    if (keys > mostKeys || keys * count > mostWanted) return false;
    return this.#rows < proof.rows * count || this.#kept <= this.#rows * proof.most;
  }

  /** Appends rows that may be among the first of their key to those that are kept; answers how many those are now. */
  #take(
    table: WordGroupTable,
    keys: () => readonly Column[],
    rows: Int32Array,
    length: number,
    order: () => Column | null,
    kept: Int32Array,
    count: number,
  ): number {
    if (rows.length === 0) return count;
    const groups = table.assign(keys(), rows, length);
    const column = order();
    const first = this.#first;
    first.reserve(table.count);
    const end =
      column === null || this.wanted.order === null
        ? first.takeByPlace(groups, rows, kept, count)
        : first.take(groups, column, this.wanted.order, rows, this.wanted.inPlace, kept, count);
    this.#rows += rows.length;
    this.#kept += end - count;
    return end;
  }
}

/** Of each group the `count` smallest numbers so far, the largest of them first (a heap). */
class FirstNumbers {
  #numbers = new Float64Array(0);
  #seen = new Int32Array(0);
  #rowNumbers = new Float64Array(0);

  constructor(private readonly count: number) {}

  reserve(groups: number): void {
    if (groups <= this.#seen.length) return;
    const seen = new Int32Array(groups * 2);
    seen.set(this.#seen);
    this.#seen = seen;
  }

  /** Keeps rows of groups of which fewer than `count` were seen. */
  takeByPlace(groups: Int32Array, rows: Int32Array, kept: Int32Array, from: number): number {
    return takeSeldom(groups, rows, this.#seen, this.count, kept, from);
  }

  /** Keeps rows of which fewer than `count` of their group have a smaller number, or an equal one where `inPlace` and equal numbers are equal values. */
  take(
    groups: Int32Array,
    column: Column,
    order: KeyOrder,
    rows: Int32Array,
    inPlace: boolean,
    kept: Int32Array,
    from: number,
  ): number {
    const { count } = this;
    if (this.#numbers.length < this.#seen.length * count) {
      const numbers = new Float64Array(this.#seen.length * count);
      numbers.set(this.#numbers);
      this.#numbers = numbers;
    }
    if (this.#rowNumbers.length < rows.length) this.#rowNumbers = new Float64Array(rows.length);
    const [numbers, seen, of] = [this.#numbers, this.#seen, this.#rowNumbers];
    keyNumbers(column, order, rows, of);
    let at = from;
    for (let i = 0; i < rows.length; i++) {
      const number = of[i] as number;
      const group = groups[i] as number;
      const top = group * count;
      const held = seen[group] as number;
      if (held === count) {
        const last = numbers[top] as number;
        if (number > last || (number === last && inPlace && isExact(column, number))) continue;
        if (number < last) sink(numbers, top, count, number);
      } else {
        seen[group] = held + 1;
        rise(numbers, top, held, number);
      }
      kept[at++] = rows[i] as number;
    }
    return at;
  }
}

function takeSeldom(
  groups: Int32Array,
  rows: Int32Array,
  seen: Int32Array,
  most: number,
  kept: Int32Array,
  from: number,
): number {
  let count = from;
  for (let i = 0; i < rows.length; i++) {
    const group = groups[i] as number;
    const before = seen[group] as number;
    if (before === most) continue;
    seen[group] = before + 1;
    kept[count++] = rows[i] as number;
  }
  return count;
}

/** Adds a number to the heap of `held` numbers at `top`. */
function rise(heap: Float64Array, top: number, held: number, number: number): void {
  let at = held;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const there = heap[top + above] as number;
    if (there >= number) break;
    heap[top + at] = there;
    at = above;
  }
  heap[top + at] = number;
}

/** Replaces the largest number of the heap at `top`. */
function sink(heap: Float64Array, top: number, count: number, number: number): void {
  let at = 0;
  for (let below = 1; below < count; below = 2 * at + 1) {
    if (below + 1 < count && (heap[top + below + 1] as number) > (heap[top + below] as number)) below++;
    const there = heap[top + below] as number;
    if (there <= number) break;
    heap[top + at] = there;
    at = below;
  }
  heap[top + at] = number;
}
