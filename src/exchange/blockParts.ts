import { codesOf } from "../batch/coded.js";
import { everyRow, gatherColumn } from "../batch/gather.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { bytesOf } from "../kernels/groups/groupMemory.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { typeName } from "../schema/types.js";
import { narrowed } from "./narrowWords.js";

// Columns as the parts that a block file has of them.

/** The bytes of a column that is not nested. */
export function columnParts(column: Column): ColumnParts {
  const { valid } = column;
  switch (column.layout) {
    case "fixed":
    case "wide":
      return { values: bytesOf(column.values), offsets: null, valid };
    case "bytes": {
      const bounds = sharedBounds(column);
      if (bounds !== null) return { values: column.bytes.subarray(0, bounds[column.length]), offsets: bytesOf(bounds), valid };
      const { bytes, starts, ends, length } = isDense(column) ? column : dense(column);
      const first = length === 0 ? 0 : (starts[0] as number);
      const offsets = new Int32Array(length + 1);
      if (first === 0) offsets.set(ends.subarray(0, length), 1);
      else for (let row = 0; row < length; row++) offsets[row + 1] = (ends[row] as number) - first;
      return { values: bytes.subarray(first, first + (offsets[length] as number)), offsets: bytesOf(offsets), valid };
    }
    default:
      throw internalError(`${typeName(column.type)} cannot be written as blocks`);
  }
}

/** Byte strings that all have the same length need no offsets. */
export function evenParts(column: ColumnParts): ColumnParts {
  const { values, offsets, valid } = column;
  if (offsets === null) return column;
  const bounds = new Int32Array(offsets.buffer, offsets.byteOffset, offsets.byteLength >>> 2);
  const rows = bounds.length - 1;
  const stride = values.length / rows;
  if (bounds[0] !== 0 || stride === 0 || !Number.isInteger(stride)) return column;
  return areMultiples(bounds, stride) ? { values, offsets: null, stride, valid } : column;
}

/** A loop over many rows is a function of its own: what is compiled for a long loop is the whole function around it. */
function areMultiples(bounds: Int32Array, stride: number): boolean {
  for (let row = 1; row < bounds.length; row++) if (bounds[row] !== row * stride) return false;
  return true;
}

/**
 * The columns of a block that is read by `BlockFile.read` alone: 64-bit integers in fewer bytes where those are enough, unless they are to be `wide`, and
 * texts that are columns twice once.
 */
export function blockParts(columns: readonly Column[], wide = false): ColumnParts[] {
  const texts: { readonly column: BytesColumn; readonly parts: ColumnParts }[] = [];
  return columns.map((column) => {
    if (column.layout !== "bytes") return wide ? columnParts(column) : narrowParts(column);
    const coded = codesOf(column);
    if (coded !== null)
      return { values: bytesOf(coded.codes.subarray(0, column.length)), offsets: null, valid: null, texts: coded.texts };
    const { bytes, starts, ends, valid } = column;
    const same = texts.find(({ column: one }) => one.bytes === bytes && one.starts === starts && one.ends === ends);
    const parts = same === undefined ? columnParts(column) : { ...same.parts, valid };
    if (same === undefined) texts.push({ column, parts });
    return parts;
  });
}

function narrowParts(column: Column): ColumnParts {
  if (column.layout !== "fixed" || !(column.values instanceof BigInt64Array)) return columnParts(column);
  const { values, length, valid } = column;
  const made = narrowed(new Int32Array(values.buffer, values.byteOffset, length * 2));
  return made === null ? columnParts(column) : { values: made.values, narrow: made.width, offsets: null, valid };
}

/** Starts and ends that are one array, as those that lie one after the other are usually made; null for any others. */
function sharedBounds({ starts, ends, length }: BytesColumn): Int32Array | null {
  const isOne = starts.buffer === ends.buffer && ends.byteOffset === starts.byteOffset + 4 && starts[0] === 0;
  return isOne ? new Int32Array(starts.buffer, starts.byteOffset, length + 1) : null;
}

/** Whether byte strings lie one after the other. */
function isDense({ starts, ends, length }: BytesColumn): boolean {
  let at = length === 0 ? 0 : (starts[0] as number);
  for (let row = 0; row < length; row++) {
    if (starts[row] !== at) return false;
    at = ends[row] as number;
  }
  return true;
}

function dense(column: BytesColumn): BytesColumn {
  const gathered = gatherColumn(column, everyRow(column.length));
  if (gathered.layout !== "bytes") throw internalError("a gathered column changed its layout");
  return gathered;
}
