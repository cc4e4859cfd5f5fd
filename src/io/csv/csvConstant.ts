import type { Column } from "../../batch/column.js";
import { sliceColumn } from "../../batch/gather.js";
import type { Field } from "../../schema/types.js";
import { constantColumn } from "../text/textValues.js";

/** A column of one text for the whole file. It is as long as the longest slice so far: a small file needs no room for a large one's rows. */
export class ConstantColumn {
  readonly #field: Field;
  readonly #text: string | null;
  #column: Column;

  /** @throws RowFailure CAST_FAILED when the text is not of the column's type */
  constructor(field: Field, text: string | null) {
    this.#field = field;
    this.#text = text;
    this.#column = constantColumn(field, text, 0);
  }

  rows(count: number): Column {
    const { length } = this.#column;
    if (length < count) this.#column = constantColumn(this.#field, this.#text, Math.max(count, length + (length >> 2)));
    return sliceColumn(this.#column, 0, count);
  }
}
