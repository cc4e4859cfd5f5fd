import type { Column } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";
import type { KeyType } from "../kernels/groups/groupKeys.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";

/** Rows that are looked at first, and the share of them that new keys may have for more to be worth a look. */
const trial = { rows: 2 ** 13, most: 7 / 8 };
/** Past so many rows, at least this share of them must have been repeats. */
const proof = { rows: 2 ** 16, most: 1 / 2 };
/** More keys, or bytes of rows that have them, are not kept. */
const mostKeys = 2 ** 17;
const mostBytes = 2 ** 25;

/**
 * Leaves out rows with a key that an earlier row had, for as long as that is many of them: who reads what is left takes the first of each key, and
 * need not see the others. Which rows are left out depends on the rows alone.
 */
export class FirstOfKeys {
  #table: WordGroupTable | null;
  #rows = 0;
  #keys = 0;
  #bytes = 0;

  /** `sharing`: as for WordGroupTable; the views that a caller has on columns may then be detached. */
  constructor(keys: readonly KeyType[], sharing: boolean) {
    this.#table = new WordGroupTable(keys, sharing);
  }

  /** The live rows without such repeats, or the selection as it is where none is looked for any more. */
  select(keys: () => readonly Column[], selection: Int32Array | null, length: number): Int32Array | null {
    if (this.#table === null) return selection;
    const live = selection === null ? everyRow(length) : Int32Array.from(selection);
    const kept = new Int32Array(live.length);
    const begin = this.#rows === 0 ? Math.min(trial.rows, live.length) : 0;
    let count = this.#take(this.#table, keys(), live.subarray(0, begin), length, kept, 0);
    if (count > begin * trial.most) {
      this.free();
      kept.set(live.subarray(begin), count);
      return kept.subarray(0, count + live.length - begin);
    }
    count = this.#take(this.#table, keys(), live.subarray(begin), length, kept, count);
    if (this.#keys > mostKeys || (this.#rows >= proof.rows && this.#keys > this.#rows * proof.most)) this.free();
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

  /** Appends rows with new keys to those that are kept; answers how many those are now. */
  #take(
    table: WordGroupTable,
    keys: readonly Column[],
    rows: Int32Array,
    length: number,
    kept: Int32Array,
    count: number,
  ): number {
    if (rows.length === 0) return count;
    const known = this.#keys;
    const end = takeNew(table.assign(keys, rows, length), rows, known, kept, count);
    this.#rows += rows.length;
    this.#keys = known + end - count;
    return end;
  }
}

/** Groups are numbered in the order in which they first come: a row has a new key where its group is the next one. */
function takeNew(groups: Int32Array, rows: Int32Array, known: number, kept: Int32Array, from: number): number {
  let next = known;
  let count = from;
  for (let i = 0; i < rows.length; i++) {
    if (groups[i] !== next) continue;
    next++;
    kept[count++] = rows[i] as number;
  }
  return count;
}
