import { codesOf } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { type DataType, types } from "../schema/types.js";

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
