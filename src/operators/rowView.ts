import { columnReader } from "../batch/reader.js";
import type { Batch, BytesColumn, Column, FixedColumn } from "../batch/column.js";
import { TextView } from "../batch/text.js";
import { internalError } from "../common/errors.js";
import { toUser } from "../functions/border.js";
import { type Field, type Schema, type Value, valueForm } from "../schema/types.js";

/**
 * The row that `map` and `flatMap` hand to a user's function: one object for all rows, with an own enumerable getter for each column.
 * Own getters are read as fast as those of a class (they sit in one hidden class, made once), and `{ ...row }`, `Object.keys(row)` and
 * `JSON.stringify(row)` work, which getters of a prototype would not allow. Only columns that are read cost anything.
 */
export class RowView {
  /** What the function sees. It changes with each row: to keep a row, copy it with `{ ...row }`. */
  readonly row: { readonly [name: string]: unknown };
  readonly #slots: readonly Slot[];
  readonly #place: Place = { row: 0 };

  constructor(schema: Schema) {
    const place = this.#place;
    this.#slots = schema.map((field) => slotFor(field, place));
    this.row = {};
    for (const [i, field] of schema.entries()) {
      const slot = this.#slots[i] as Slot;
      Object.defineProperty(this.row, field.name, { enumerable: true, configurable: false, get: slot.getter() });
    }
  }

  /** Reads from this batch from now on. */
  bind(batch: Batch): void {
    for (const [i, slot] of this.#slots.entries()) slot.bind(batch.columns[i] as Column);
  }

  /** Moves to a physical row of the batch. */
  moveTo(row: number): void {
    this.#place.row = row;
  }
}

interface Place {
  row: number;
}

/** The current column of one field. */
interface Slot {
  bind(column: Column): void;
  getter(): () => unknown;
}

function slotFor(field: Field, place: Place): Slot {
  const form = valueForm(field.type);
  if (form === "string") return textSlot(place);
  if (form === "number" && field.type.kind !== "date") return numberSlot(place);
  return valueSlot(field, place);
}

function numberSlot(place: Place): Slot {
  const at: { values: FixedColumn["values"]; valid: Uint8Array | null } = { values: new Float64Array(0), valid: null };
  return {
    bind(column) {
      if (column.layout !== "fixed") throw internalError("a number column has the fixed layout");
      at.values = column.values;
      at.valid = column.valid;
    },
    getter: () => () => (at.valid !== null && at.valid[place.row] === 0 ? null : at.values[place.row]),
  };
}

function textSlot(place: Place): Slot {
  const at: { view: TextView | null; valid: Uint8Array | null } = { view: null, valid: null };
  return {
    bind(column) {
      at.view = new TextView(column as BytesColumn);
      at.valid = column.valid;
    },
    getter: () => () => (at.view === null || (at.valid !== null && at.valid[place.row] === 0) ? null : at.view.at(place.row)),
  };
}

function valueSlot(field: Field, place: Place): Slot {
  const { type } = field;
  const at: { read: (row: number) => Value } = { read: () => null };
  return {
    bind(column) {
      at.read = columnReader(column);
    },
    getter: () => () => {
      const value = at.read(place.row);
      return value === null ? null : toUser(value, type);
    },
  };
}
