import { codedColumn, codesOf } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { type DataType, types } from "../schema/types.js";
import { concatColumns } from "./joinColumns.js";

/** How one column is written. */
interface Written {
  /** Which of the written value columns holds it; several that share their codes are one. */
  readonly slot: number;
  readonly type: DataType;
  /** What its codes stand for; null where it is written as it is. */
  readonly texts: BytesColumn | null;
}

/** How keys that follow from others are written beside them: by their codes, where they have some. */
export class FollowerLayout {
  readonly #written: readonly Written[];
  /** Types of the value columns that hold them. */
  readonly types: readonly DataType[];

  constructor(columns: readonly Column[]) {
    this.#written = writtenOf(columns);
    const slots: DataType[] = [];
    for (const { slot, type } of this.#written) slots[slot] = type;
    this.types = slots;
  }

  /** Whether these columns can be written in the same way. */
  fits(columns: readonly Column[]): boolean {
    const others = writtenOf(columns);
    return this.#written.every((one, i) => {
      const other = required(others[i], "column");
      return one.slot === other.slot && one.texts === other.texts && one.type.kind === other.type.kind;
    });
  }

  /** The value columns. */
  values(columns: readonly Column[]): Column[] {
    const values: Column[] = [];
    for (const [i, { slot, type, texts }] of this.#written.entries()) {
      const column = required(columns[i], "column");
      const coded = texts === null ? null : codesOf(column);
      values[slot] = coded === null ? column : { layout: "fixed", type, length: column.length, values: coded.codes, valid: null };
    }
    return values;
  }

  /** Parts of each column, from those of the value columns. */
  parts(values: readonly ColumnParts[]): ColumnParts[] {
    return this.#written.map(({ slot, texts }) => {
      const parts = required(values[slot], "parts");
      return texts === null ? parts : { ...parts, texts };
    });
  }
}

function writtenOf(columns: readonly Column[]): Written[] {
  const slots = new Map<object, number>();
  return columns.map((column) => {
    const coded = codesOf(column);
    const identity = coded?.codes ?? column;
    const slot = slots.get(identity) ?? slots.size;
    slots.set(identity, slot);
    if (coded === null) return { slot, type: column.type, texts: null };
    return { slot, type: coded.codes instanceof Uint8Array ? types.uint8 : types.uint16, texts: coded.texts };
  });
}

/** Keeps, of each group, the values that its first row has in columns that are the same in all of its rows. */
export class FirstValues {
  readonly #types: readonly DataType[];
  readonly #parts: readonly Column[][];
  #groups = 0;
  #rows = new Int32Array(0);

  constructor(columnTypes: readonly DataType[]) {
    this.#types = columnTypes;
    this.#parts = columnTypes.map(() => []);
  }

  /** Takes a batch's rows; groups are numbered in the order of their first rows. */
  add(columns: readonly Column[], groups: Int32Array): void {
    if (this.#rows.length < groups.length) this.#rows = new Int32Array(groups.length);
    const rows = this.#rows;
    const before = this.#groups;
    let next = before;
    for (let row = 0; row < groups.length; row++) {
      if (groups[row] !== next) continue;
      rows[next - before] = row;
      next++;
    }
    this.#groups = next;
    if (next === before) return;
    const first = rows.subarray(0, next - before);
    for (const [i, column] of columns.entries()) this.#parts[i]?.push(gathered(column, first));
  }

  /** The values of all groups in this order. */
  columns(order: Int32Array): Column[] {
    return this.#types.map((type, i) => gatherColumn(concatColumns(type, this.#parts[i] ?? []), order));
  }
}

/** Some rows of a column; of a coded one by its codes. */
function gathered(column: Column, rows: Int32Array): Column {
  const coded = codesOf(column);
  if (coded === null) return gatherColumn(column, rows);
  const codes = coded.codes instanceof Uint8Array ? new Uint8Array(rows.length) : new Uint16Array(rows.length);
  for (let i = 0; i < rows.length; i++) codes[i] = coded.codes[rows[i] as number] as number;
  return codedColumn({ codes, texts: coded.texts }, rows.length);
}
