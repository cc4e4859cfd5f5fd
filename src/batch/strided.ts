import type { BytesColumn } from "./column.js";

// Beside the columns, not in them, as with codes: a slice or a gathered copy must not take over what is no longer true.
const known = new WeakMap<object, number>();

/** Multiples of each stride, as far as they were needed: columns of one stride share them. */
const multiples = new Map<number, Int32Array>();
const mostStrides = 16;

/** Byte strings of `stride` bytes each, one after the other. The places of a stride are shared: nobody may write to them. */
export function stridedColumn(type: BytesColumn["type"], bytes: Uint8Array, stride: number, length: number): BytesColumn {
  const bounds = boundsOf(stride, length);
  const [starts, ends] = [bounds.subarray(0, length), bounds.subarray(1, length + 1)];
  const column: BytesColumn = { layout: "bytes", type, length, bytes, starts, ends, valid: null };
  known.set(column, stride);
  return column;
}

/** The bytes of each row of a column that `stridedColumn` made; null for every other one. */
export const strideOf = (column: object): number | null => known.get(column) ?? null;

function boundsOf(stride: number, length: number): Int32Array {
  const made = multiples.get(stride);
  if (made !== undefined && made.length > length) return made;
  // With room for the next ones, which mostly are longer by a little.
  const bounds = new Int32Array(Math.max(length + 1, (made?.length ?? 0) * 2));
  fillMultiples(bounds, stride);
  if (multiples.size >= mostStrides) multiples.clear();
  multiples.set(stride, bounds);
  return bounds;
}

/** A loop over many rows is a function of its own: what is compiled for a long loop is the whole function around it. */
function fillMultiples(bounds: Int32Array, stride: number): void {
  for (let i = 0; i < bounds.length; i++) bounds[i] = i * stride;
}
