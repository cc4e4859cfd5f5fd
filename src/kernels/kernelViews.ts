import { codesOf } from "../batch/coded.js";
import type { Batch, Column, FixedValues } from "../batch/column.js";
import { listColumn, listItems } from "../batch/lists.js";
import { stridedColumn, strideOf } from "../batch/strided.js";
import { fieldColumns, structColumn } from "../batch/structs.js";
import { kernelsOf } from "./wasm.js";

/**
 * Columns and group numbers that may lie in kernel memory. Memory that grows detaches the views on it; here they are made anew. For callers whose
 * next step may ask the memory of its own input for more.
 */
export class KernelViews {
  readonly #columns: readonly (() => Column)[];
  #groups: () => Int32Array;

  constructor(columns: readonly Column[], groups?: Int32Array) {
    this.#columns = columns.map(keptColumn);
    this.#groups = keptView(groups ?? new Int32Array(0));
  }

  /** Columns [from, to), good until the memory grows again. */
  columns(from: number, to: number): readonly Column[] {
    return this.#columns.slice(from, to).map((column) => column());
  }

  setGroups(groups: Int32Array): void {
    this.#groups = keptView(groups);
  }

  groups(): Int32Array {
    return this.#groups();
  }
}

/** A batch whose views are made anew where the kernel memory that they lie in has grown since. */
export function keptBatchViews(batch: Batch): () => Batch {
  const columns = batch.columns.map(keptColumn);
  const selection = keptViewOrNull(batch.selection);
  return () => ({ ...batch, columns: columns.map((column) => column()), selection: selection() });
}

type MakeView<T> = new (buffer: ArrayBuffer, byteOffset: number, length: number) => T;

/** A view that is made anew where the kernel memory that it lies in has grown since. */
export function keptView<T extends FixedValues>(view: T): () => T {
  const kernels = kernelsOf(view);
  if (kernels === null) return () => view;
  const { memory } = kernels.memory;
  const { byteOffset, length } = view;
  const make = view.constructor as unknown as MakeView<T>;
  let current = view;
  return () => {
    if (current.buffer !== memory.buffer) current = new make(memory.buffer, byteOffset, length);
    return current;
  };
}

export const keptViewOrNull = <T extends FixedValues>(view: T | null): (() => T | null) =>
  view === null ? () => null : keptView(view);

function keptColumn(column: Column): () => Column {
  // A coded column makes its places when it is asked for them, in memory of their own.
  if (codesOf(column) !== null) return () => column;
  const valid = keptViewOrNull(column.valid);
  switch (column.layout) {
    case "object": {
      const { type, length } = column;
      const lists = listItems(column);
      if (lists !== null) {
        const [starts, ends, items] = [keptView(lists.starts), keptView(lists.ends), keptColumn(lists.items)];
        return () => listColumn(type, { starts: starts(), ends: ends(), items: items() }, valid(), length);
      }
      const fields = fieldColumns(column)?.map(keptColumn);
      if (fields === undefined) return () => column;
      return () =>
        structColumn(
          type,
          fields.map((field) => field()),
          valid(),
          length,
        );
    }
    case "fixed": {
      const values = keptView(column.values);
      return () => ({ ...column, values: values(), valid: valid() });
    }
    case "wide": {
      const values = keptView(column.values);
      return () => ({ ...column, values: values(), valid: valid() });
    }
    case "bytes": {
      const stride = strideOf(column);
      if (stride !== null) {
        const [bytes, { type, length }] = [keptView(column.bytes), column];
        return () =>
          valid() === null ? stridedColumn(type, bytes(), stride, length) : { ...column, bytes: bytes(), valid: valid() };
      }
      const [bytes, starts, ends] = [keptView(column.bytes), keptView(column.starts), keptView(column.ends)];
      return () => ({ ...column, bytes: bytes(), starts: starts(), ends: ends(), valid: valid() });
    }
  }
}
