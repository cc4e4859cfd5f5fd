import { columnReader } from "../batch/reader.js";
import type { Batch, BytesColumn, Column, FixedColumn } from "../batch/column.js";
import { TextView } from "../batch/text.js";
import { internalError } from "../common/errors.js";
import type { FunctionRef } from "../expr/nodes.js";
import { toUser } from "../functions/border.js";
import { compileText, Scope } from "../kernels/expressions/codegenScope.js";
import { type Field, type Schema, type Value, valueForm } from "../schema/types.js";

/**
 * The row that `map` and `flatMap` hand to a user's function: one object for all rows, with an own enumerable property for each column,
 * so that `{ ...row }`, `Object.keys(row)` and `JSON.stringify(row)` work. It takes one of two forms, which differ in speed alone:
 * - getters: only columns that are read cost anything, but a spread takes the engine's slow path (microseconds a row);
 * - data (`whole`): every column is stored for each row, and a spread is one copy of a hidden class.
 */
export class RowView {
  /** What the function sees. It changes with each row: to keep a row, copy it with `{ ...row }`. It takes no further properties. */
  readonly row: { readonly [name: string]: unknown };
  readonly #slots: readonly Slot[];
  readonly #place: Place = { row: 0 };
  readonly #fill: ((row: object) => void) | null;

  constructor(schema: Schema, whole: boolean) {
    const place = this.#place;
    this.#slots = schema.map((field) => slotFor(field, place));
    const names = schema.map((field) => field.name);
    const getters = this.#slots.map((slot) => slot.getter());
    this.row = whole ? Object.fromEntries(names.map((name) => [name, null])) : withGetters(names, getters);
    Object.preventExtensions(this.row);
    this.#fill = whole ? fillerOf(names, getters) : null;
  }

  /** Reads from this batch from now on. */
  bind(batch: Batch): void {
    for (const [i, slot] of this.#slots.entries()) slot.bind(batch.columns[i] as Column);
  }

  /** Moves to a physical row of the batch. */
  moveTo(row: number): void {
    this.#place.row = row;
    if (this.#fill !== null) this.#fill(this.row);
  }
}

/** Whether a function seems to want whole rows: it spreads or lists something. A wrong guess costs time and nothing else. */
export const wantsWholeRows = (fn: FunctionRef): boolean =>
  fn.kind === "source" && /\.\.\.|\bObject\s*\.|\bJSON\s*\./.test(fn.source);

function withGetters(names: readonly string[], getters: readonly (() => unknown)[]): { readonly [name: string]: unknown } {
  const row = {};
  for (const [i, name] of names.entries()) {
    Object.defineProperty(row, name, { enumerable: true, configurable: false, get: getters[i] as () => unknown });
  }
  return row;
}

/** Stores every column in the row object, one store site each, so that each site sees one property. Names travel as parameters. */
function fillerOf(names: readonly string[], getters: readonly (() => unknown)[]): (row: object) => void {
  const scope = new Scope();
  const stores = names.map((name, i) => `row[${scope.parameter(name)}] = ${scope.parameter(getters[i])}();`);
  return compileText(
    scope.names,
    `"use strict"; ${scope.prologue} return (row) => { ${stores.join(" ")} };`,
  )(...scope.values) as (row: object) => void;
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
