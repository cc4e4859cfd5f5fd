import type { BytesColumn, FixedColumn } from "../dist/batch/column.js";
import type { Bound } from "../dist/expr/nodes.js";
import { types, type Field } from "../dist/schema/types.js";
import { Random } from "../datasets/random.ts";

/** Rows of a batch: what a task handles at a time. */
export const rows = 65_536;

const encoder = new TextEncoder();

export function int32Column(below: number): FixedColumn {
  const random = new Random(1);
  const values = Int32Array.from({ length: rows }, () => random.below(below));
  return { layout: "fixed", type: types.int32, length: rows, values, valid: null };
}

export function float64Column(): FixedColumn {
  const random = new Random(2);
  const values = Float64Array.from({ length: rows }, () => random.below(10_000) / 100);
  return { layout: "fixed", type: types.float64, length: rows, values, valid: null };
}

/** `C0000042` and the like, of so many different values. */
export function textColumn(different: number): BytesColumn {
  const random = new Random(3);
  const text = Array.from({ length: rows }, () => `C${String(random.below(different)).padStart(7, "0")}`).join("");
  const starts = Int32Array.from({ length: rows }, (_, row) => row * 8);
  const ends = starts.map((start) => start + 8);
  return { layout: "bytes", type: types.utf8, length: rows, bytes: encoder.encode(text), starts, ends, valid: null };
}

export const field = (name: string, type: Field["type"]): Field => ({ name, type, nullable: false });

export const column = (index: number, name: string, type: Field["type"]): Bound => ({
  kind: "column",
  index,
  name,
  type,
  nullable: false,
});

export const call = (fn: string, type: Field["type"], ...args: Bound[]): Bound => ({
  kind: "call",
  fn,
  args,
  options: {},
  type,
  nullable: false,
});
