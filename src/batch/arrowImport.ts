import type * as Arrow from "apache-arrow";
import { arrow } from "./arrowLibrary.js";
import { dataError } from "../common/errors.js";
import type { DataType, Value } from "../schema/types.js";
import { schemaFromArrow, typeFromArrow, unsupported } from "./arrowSchema.js";
import { builderFor } from "./builder.js";
import type { Batch, Column, FixedValues } from "./column.js";
import { gatherColumn } from "./gather.js";
import { listColumn } from "./lists.js";
import { haveOwnNames, nullWhere, structColumn } from "./structs.js";
import { columnReader } from "./reader.js";

/**
 * A record batch as a batch. Numbers and texts with 32-bit offsets share its memory; bits, dictionaries, decimals, nested values and
 * units other than microseconds and days are converted.
 * @throws MillraceError Data/UNSUPPORTED_ARROW_TYPE, Data/VALUE_OUT_OF_RANGE
 */
export function fromRecordBatch(record: Arrow.RecordBatch): Batch {
  const schema = schemaFromArrow(record.schema);
  const columns = schema.map((field, i) => fromData(record.data.children[i] as Arrow.Data, field.name));
  return { schema, length: record.numRows, columns, selection: null, origin: null };
}

/** One Arrow array as a column. `name` is for messages. */
export function fromData(data: Arrow.Data, name: string): Column {
  const { type, length } = data;
  if (arrow.DataType.isDictionary(type)) return fromDictionary(data, name);
  const target = typeFromArrow(type, name);
  const valid = unpackValid(data);
  switch (target.kind) {
    case "null":
      return { layout: "fixed", type: target, length, values: new Uint8Array(length), valid: new Uint8Array(length) };
    case "bool":
      return { layout: "fixed", type: target, length, values: unpackBits(data.values as Uint8Array, data.offset, length), valid };
    case "date":
      return { layout: "fixed", type: target, length, values: daysOf(data, valid, name), valid };
    case "timestamp":
      return { layout: "fixed", type: target, length, values: microsecondsOf(data, valid, name), valid };
    case "decimal":
      return decimalColumn(data, target, target.precision, valid);
    case "utf8":
    case "binary":
      return bytesColumn(data, target, valid, name);
    case "list":
      return importedList(data, target, valid, name);
    case "struct":
      return importedStruct(data, target, valid, name);
    default:
      return { layout: "fixed", type: target, length, values: (data.values as FixedValues).subarray(0, length), valid };
  }
}

function unpackValid(data: Arrow.Data): Uint8Array | null {
  const bits = data.nullBitmap as Uint8Array | null | undefined;
  if (data.length === 0 || !bits || bits.length === 0 || data.nullCount === 0) return null;
  return unpackBits(bits, data.offset, data.length);
}

/** One bit a row to one byte a row, from bit `offset` on. */
export function unpackBits(bits: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const at = offset + i;
    bytes[i] = ((bits[at >> 3] as number) >> (at & 7)) & 1;
  }
  return bytes;
}

function words64(data: Arrow.Data, wordsPerRow: number): BigInt64Array {
  const values = data.values as Uint32Array;
  const length = data.length * wordsPerRow;
  if (values.byteOffset % 8 === 0) return new BigInt64Array(values.buffer, values.byteOffset, length);
  return new BigInt64Array(values.slice().buffer, 0, length);
}

function daysOf(data: Arrow.Data, valid: Uint8Array | null, name: string): Int32Array {
  if ((data.type as Arrow.Date_).unit === arrow.DateUnit.DAY) return (data.values as Int32Array).subarray(0, data.length);
  const millis = words64(data, 1);
  const days = new Int32Array(data.length);
  for (let i = 0; i < days.length; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const day = Math.floor(Number(millis[i]) / 86_400_000);
    if (day !== (day | 0)) throw outOfRange(name, i, "a date");
    days[i] = day;
  }
  return days;
}

/** Microseconds in a tick; null for nanoseconds. */
function microsecondsIn(unit: Arrow.TimeUnit): bigint | null {
  if (unit === arrow.TimeUnit.SECOND) return 1_000_000n;
  return unit === arrow.TimeUnit.MILLISECOND ? 1000n : null;
}

function microsecondsOf(data: Arrow.Data, valid: Uint8Array | null, name: string): BigInt64Array {
  const ticks = words64(data, 1);
  const unit = (data.type as Arrow.Timestamp).unit;
  if (unit === arrow.TimeUnit.MICROSECOND) return ticks;
  const factor = microsecondsIn(unit);
  const out = new BigInt64Array(data.length);
  for (let i = 0; i < out.length; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const tick = ticks[i] as bigint;
    // Nanoseconds are rounded down, so that order is kept on both sides of 1970.
    const value = factor === null ? (tick - (((tick % 1000n) + 1000n) % 1000n)) / 1000n : tick * factor;
    if (BigInt.asIntN(64, value) !== value) throw outOfRange(name, i, "a timestamp");
    out[i] = value;
  }
  return out;
}

const outOfRange = (column: string, row: number, what: string) =>
  dataError(
    "VALUE_OUT_OF_RANGE",
    `column ${JSON.stringify(column)}, row ${row} of its batch: the value is outside the range of ${what}`,
    {
      column,
    },
  );

function decimalColumn(data: Arrow.Data, type: DataType, precision: number, valid: Uint8Array | null): Column {
  const { length } = data;
  const bits = (data.type as Arrow.Decimal).bitWidth as number;
  if (bits < 64) {
    const values = BigInt64Array.from((data.values as unknown as Int32Array).subarray(0, length), (value) => BigInt(value | 0));
    return { layout: "fixed", type, length, values, valid };
  }
  const step = bits / 64;
  const words = words64(data, step);
  if (precision <= 18) {
    const values = new BigInt64Array(length);
    for (let i = 0; i < length; i++) values[i] = words[i * step] as bigint;
    return { layout: "fixed", type, length, values, valid };
  }
  if (step === 2) return { layout: "wide", type, length, values: words, valid };
  const values = new BigInt64Array(length * 2);
  for (let i = 0; i < length; i++) {
    values[i * 2] = words[i * step] as bigint;
    values[i * 2 + 1] = step === 1 ? (words[i] as bigint) >> 63n : (words[i * step + 1] as bigint);
  }
  return { layout: "wide", type, length, values, valid };
}

function bytesColumn(data: Arrow.Data, type: DataType, valid: Uint8Array | null, name: string): Column {
  const { length } = data;
  const offsets = data.valueOffsets as unknown as Int32Array | BigInt64Array | undefined;
  const isWide = arrow.DataType.isLargeUtf8(data.type) || arrow.DataType.isLargeBinary(data.type);
  if (isWide || arrow.DataType.isUtf8(data.type) || arrow.DataType.isBinary(data.type)) {
    const bounds = isWide
      ? Int32Array.from(offsets as BigInt64Array, (offset) => narrowOffset(offset, name))
      : (offsets as Int32Array);
    const bytes = data.values as Uint8Array;
    checkOffsets(bounds, length, bytes.length, name);
    const [starts, ends] = [bounds.subarray(0, length), bounds.subarray(1, length + 1)];
    return { layout: "bytes", type, length, bytes, starts, ends, valid };
  }
  const vector = new arrow.Vector([data]);
  const builder = builderFor(type, length);
  for (let i = 0; i < length; i++) builder.append((vector.get(i) as string | Uint8Array | null) ?? null);
  return builder.finish();
}

/** Offsets that lead out of what they count, as in a damaged file, would read the values of others. */
function checkOffsets(offsets: ArrayLike<number | bigint> | undefined, length: number, size: number, name: string): void {
  let before = length === 0 ? 0 : Number(offsets?.[0]);
  let isRight = before >= 0;
  for (let i = 1; i <= length; i++) {
    const offset = Number(offsets?.[i]);
    isRight &&= offset >= before;
    before = offset;
  }
  if (!isRight || before > size) throw damaged(name, "its offsets contradict each other");
}

const damaged = (column: string, why: string) =>
  dataError("ARROW_UNREADABLE", `column ${JSON.stringify(column)} of an Arrow record batch cannot be read: ${why}`, {
    column,
    hint: "Write or copy the file again.",
  });

function narrowOffset(offset: bigint | number, name: string): number {
  const value = Number(offset);
  if (value > 0x7fff_ffff) {
    throw dataError("COLUMN_TOO_LARGE", `column ${JSON.stringify(name)} holds more than 2 GiB of text in one record batch`, {
      column: name,
    });
  }
  return value;
}

function fromDictionary(data: Arrow.Data, name: string): Column {
  const { dictionary, length } = data;
  if (dictionary === undefined) throw unsupported(data.type, name);
  const valid = unpackValid(data);
  const codes = Int32Array.from(data.values as ArrayLike<number>, Number).subarray(0, length);
  const chunks = dictionary.data.map((chunk) => fromData(chunk, name));
  const only = chunks[0];
  if (only !== undefined && chunks.length === 1 && only.length > 0) {
    if (valid !== null) for (let i = 0; i < length; i++) if (valid[i] === 0) codes[i] = 0;
    for (const code of codes) if (!(code >= 0 && code < only.length)) throw damaged(name, `its dictionary has no entry ${code}`);
    return nullWhere(gatherColumn(only, codes), valid);
  }
  const builder = builderFor(typeFromArrow(data.type, name), length);
  const readers = chunks.map((chunk) => ({ length: chunk.length, read: columnReader(chunk) }));
  for (let i = 0; i < length; i++) {
    if (valid !== null && valid[i] === 0) builder.appendNull();
    else builder.append(readChunk(readers, codes[i] as number));
  }
  return builder.finish();
}

function readChunk(readers: readonly { length: number; read: (row: number) => Value }[], code: number): Value {
  let row = code;
  for (const { length, read } of readers) {
    if (row < length) return read(row);
    row -= length;
  }
  return null;
}

function importedList(data: Arrow.Data, type: DataType, valid: Uint8Array | null, name: string): Column {
  const { length } = data;
  const items = fromData(data.children[0] as Arrow.Data, name);
  const size = (data.type as Arrow.FixedSizeList).listSize;
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint> | undefined;
  if (offsets !== undefined) checkOffsets(offsets, length, items.length, name);
  const isFixed = arrow.DataType.isFixedSizeList(data.type);
  const bounds = Int32Array.from({ length: length + 1 }, (_, i) => (isFixed ? i * size : Number(offsets?.[i])));
  return listColumn(type, { starts: bounds.subarray(0, length), ends: bounds.subarray(1), items }, valid, length);
}

function importedStruct(data: Arrow.Data, type: DataType, valid: Uint8Array | null, name: string): Column {
  const { length } = data;
  const { children } = data.type as Arrow.Struct;
  const fields = children.map((field, i) => fromData(data.children[i] as Arrow.Data, `${name}.${field.name}`));
  if (haveOwnNames(children) && fields.every((field) => field.length === length)) {
    return structColumn(
      type,
      fields.map((field) => nullWhere(field, valid)),
      valid,
      length,
    );
  }
  const readers = fields.map(columnReader);
  const values: Value[] = [];
  for (let i = 0; i < length; i++) {
    const isNull = valid !== null && valid[i] === 0;
    values.push(isNull ? null : Object.fromEntries(children.map((field, k) => [field.name, readers[k]?.(i) ?? null])));
  }
  return { layout: "object", type, length, values, valid };
}
