import type * as Arrow from "apache-arrow";
import { assertNever } from "../common/assert.js";
import type { Schema } from "../schema/types.js";
import { arrow } from "./arrowLibrary.js";
import { arrowSchema, arrowType } from "./arrowSchema.js";
import type { Batch, BytesColumn, Column, FixedColumn, FixedValues, ObjectColumn, WideColumn } from "./column.js";
import { compactBatch, copyBatch, everyRow, gatherColumn } from "./gather.js";
import { itemsOf, takenItems } from "./lists.js";
import { fieldsOf } from "./structs.js";
import { countValid } from "./validity.js";

/**
 * The live rows as an Arrow record batch. Memory of fixed and contiguous columns is shared with the batch; give a copy
 * (`copyBatch`) to keep the result for longer.
 */
export function toRecordBatch(batch: Batch): Arrow.RecordBatch {
  const { columns, length } = compactBatch(batch);
  const schema = arrowSchema(batch.schema);
  const children = columns.map(toData);
  const data = new arrow.Data(new arrow.Struct(schema.fields), 0, length, 0, {}, children);
  return new arrow.RecordBatch(schema, data);
}

/** All live rows as an Arrow table with memory of its own. */
export const toTable = (schema: Schema, batches: readonly Batch[]): Arrow.Table => tableOf(schema, batches.map(copyBatch));

/** All live rows as an Arrow table that takes over the memory of the batches. */
export const tableOf = (schema: Schema, batches: readonly Batch[]): Arrow.Table =>
  new arrow.Table(arrowSchema(schema), batches.map(toRecordBatch));

function toData(column: Column): Arrow.Data {
  switch (column.layout) {
    case "fixed":
      return fixedData(column);
    case "wide":
      return makeData(column, { [arrow.BufferType.DATA]: new Uint32Array(wordsOf(column).buffer) });
    case "bytes":
      return bytesData(column);
    case "object":
      return column.type.kind === "list" ? listData(column) : makeData(column, {}, fieldsOf(column).map(toData));
    default:
      return assertNever(column, "column layout");
  }
}

type Buffers = { [K in Arrow.BufferType]?: ArrayBufferView };

function makeData(column: Column, buffers: Buffers, children: Arrow.Data[] = []): Arrow.Data {
  const { valid, length } = column;
  const nulls = valid === null ? 0 : valid.length - countValid(valid);
  if (valid !== null && nulls > 0) buffers[arrow.BufferType.VALIDITY] = packBits(valid);
  return new arrow.Data(
    arrowType(column.type),
    0,
    length,
    nulls,
    buffers as ConstructorParameters<typeof Arrow.Data>[4],
    children,
  );
}

/** One byte a row, 0 or 1, to one bit a row, lowest bit first. */
export function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array((bytes.length + 7) >> 3);
  for (let i = 0; i < bytes.length; i++) bits[i >> 3] = (bits[i >> 3] as number) | ((bytes[i] as number) << (i & 7));
  return bits;
}

/** The values with 0 at null rows, where anything may stand: what is written must depend on the data alone. */
function settled<T extends FixedValues>(values: T, valid: Uint8Array | null, perRow = 1): T {
  if (valid === null || !valid.includes(0)) return values;
  const copy = values.slice() as T;
  const bytes = new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength);
  const size = copy.BYTES_PER_ELEMENT * perRow;
  for (let row = 0; row < valid.length; row++) if (valid[row] === 0) bytes.fill(0, row * size, (row + 1) * size);
  return copy;
}

function fixedData(column: FixedColumn): Arrow.Data {
  const { type, length } = column;
  if (type.kind === "null") return new arrow.Data(new arrow.Null(), 0, length, length);
  const values = settled(column.values, column.valid);
  if (type.kind === "bool") return makeData(column, { [arrow.BufferType.DATA]: packBits(values as Uint8Array) });
  if (type.kind !== "decimal") return makeData(column, { [arrow.BufferType.DATA]: values });
  const words = new BigInt64Array(length * 2);
  for (let i = 0; i < length; i++) {
    const value = values[i] as bigint;
    words[i * 2] = value;
    words[i * 2 + 1] = value >> 63n;
  }
  return makeData(column, { [arrow.BufferType.DATA]: new Uint32Array(words.buffer) });
}

const wordsOf = (column: WideColumn): BigInt64Array => settled(column.values.slice(0, column.length * 2), column.valid, 2);

function bytesData(column: BytesColumn): Arrow.Data {
  const contiguous = isContiguous(column) ? column : (gatherColumn(column, everyRow(column.length)) as BytesColumn);
  const { starts, ends, length } = contiguous;
  const shared = length > 0 && ends.buffer === starts.buffer && ends.byteOffset === starts.byteOffset + 4;
  const offsets = shared ? new Int32Array(starts.buffer, starts.byteOffset, length + 1) : offsetsOf(contiguous);
  return makeData(column, { [arrow.BufferType.OFFSET]: offsets, [arrow.BufferType.DATA]: contiguous.bytes });
}

function isContiguous({ starts, ends, length }: BytesColumn): boolean {
  for (let i = 1; i < length; i++) if (starts[i] !== ends[i - 1] || (ends[i] as number) < (starts[i] as number)) return false;
  return length === 0 || (ends[0] as number) >= (starts[0] as number);
}

function offsetsOf({ starts, ends, length }: BytesColumn): Int32Array {
  const offsets = new Int32Array(length + 1);
  if (length > 0) offsets[0] = starts[0] as number;
  offsets.set(ends.subarray(0, length), 1);
  return offsets;
}

function listData(column: ObjectColumn): Arrow.Data {
  const { starts, ends, items } = itemsOf(column);
  const { bounds, taken } = takenItems({ starts, ends }, column.valid, everyRow(column.length));
  const isWhole = items.length === taken.length && taken.every((item, i) => item === i);
  return makeData(column, { [arrow.BufferType.OFFSET]: bounds }, [toData(isWhole ? items : gatherColumn(items, taken))]);
}
