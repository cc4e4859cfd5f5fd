import type { DuckDBListType, DuckDBStructType, DuckDBType } from "@duckdb/node-api";
import type { Batch, Column, FixedValues } from "../batch/column.js";
import { listColumn, type ListItems } from "../batch/lists.js";
import { haveOwnNames, nullWhere, structColumn } from "../batch/structs.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { type DataType, type Schema, sameType, typeName, type Value } from "../schema/types.js";
import type { DuckDbLibrary, RawChunk, RawResult } from "./library.js";
import { readStrings } from "./strings.js";
import { duckTypeIds, isSimpleType, typeFromDuckDb } from "./types.js";

type FixedView = new (buffer: ArrayBuffer, offset: number, length: number) => FixedValues;

/** Types whose vector is our own column, element for element. */
const sameLayout: ReadonlyMap<number, FixedView> = new Map<number, FixedView>([
  [duckTypeIds.boolean, Uint8Array as unknown as FixedView],
  [duckTypeIds.tinyint, Int8Array as unknown as FixedView],
  [duckTypeIds.smallint, Int16Array as unknown as FixedView],
  [duckTypeIds.integer, Int32Array as unknown as FixedView],
  [duckTypeIds.bigint, BigInt64Array as unknown as FixedView],
  [duckTypeIds.utinyint, Uint8Array as unknown as FixedView],
  [duckTypeIds.usmallint, Uint16Array as unknown as FixedView],
  [duckTypeIds.uinteger, Uint32Array as unknown as FixedView],
  [duckTypeIds.ubigint, BigUint64Array as unknown as FixedView],
  [duckTypeIds.float, Float32Array as unknown as FixedView],
  [duckTypeIds.double, Float64Array as unknown as FixedView],
  [duckTypeIds.timestamp, BigInt64Array as unknown as FixedView],
  [duckTypeIds.timestampTz, BigInt64Array as unknown as FixedView],
  [duckTypeIds.date, Int32Array as unknown as FixedView],
]);

/** A result column: its name as the batch has it, our type and DuckDB's. */
export interface ResultColumn {
  readonly type: DataType;
  readonly duck: DuckDBType;
}

/** The columns of a result, and the schema that its batches will have (`wanted` gives names and nullability where it is known). */
export function resultColumns(
  library: DuckDbLibrary,
  result: RawResult,
  wanted: Schema | null,
): { columns: ResultColumn[]; schema: Schema } {
  const duck = Array.from({ length: library.raw.column_count(result) }, (_, i) => columnType(library, result, i));
  if (wanted !== null && wanted.length !== duck.length) {
    throw internalError(`a query gave ${duck.length} columns where ${wanted.length} were expected`);
  }
  for (const [i, field] of (wanted ?? []).entries()) {
    const found = typeFromDuckDb(duck[i] as DuckDBType);
    if (field.type.kind !== "null" && !sameType(found, field.type)) {
      throw internalError(`column ${field.name} of a query is ${typeName(found)} where ${typeName(field.type)} was expected`);
    }
  }
  const names = duck.map((_, i) => library.raw.column_name(result, i));
  const columns = duck.map((type, i): ResultColumn => ({ duck: type, type: wanted?.[i]?.type ?? typeFromDuckDb(type) }));
  const schema = columns.map(({ type }, i) => wanted?.[i] ?? { name: names[i] as string, type, nullable: true });
  return { columns, schema };
}

/** The type of a result column as the client describes it; the client itself is asked for nested and rare types only. */
function columnType(library: DuckDbLibrary, result: RawResult, index: number): DuckDBType {
  const { raw } = library;
  const typeId: number = raw.column_type(result, index);
  if (isSimpleType(typeId)) return { typeId } as unknown as DuckDBType;
  const logical = raw.column_logical_type(result, index);
  if (typeId !== duckTypeIds.decimal) return library.api.DuckDBLogicalType.create(logical).asType();
  return { typeId, width: raw.decimal_width(logical), scale: raw.decimal_scale(logical) } as unknown as DuckDBType;
}

/** A chunk as a batch that owns its memory. */
export function decodeChunk(library: DuckDbLibrary, chunk: RawChunk, columns: readonly ResultColumn[], schema: Schema): Batch {
  const length = library.raw.data_chunk_get_size(chunk);
  return {
    schema,
    length,
    columns: columns.map((column, i) => decodeColumn(library, chunk, i, length, column)),
    selection: null,
    origin: null,
  };
}

function decodeColumn(library: DuckDbLibrary, chunk: RawChunk, index: number, length: number, column: ResultColumn): Column {
  const vector = library.raw.data_chunk_get_vector(chunk, index);
  if (hasVectors(column)) return decodeVector(library, vector, length, column);
  return decodeByItem(library, chunk, index, column, validityOf(library, vector, length));
}

/** The columns of a struct's fields, or that of a list's items. */
function innerOf({ type, duck }: ResultColumn): readonly ResultColumn[] {
  if (type.kind === "list") return [{ type: type.item, duck: (duck as DuckDBListType).valueType }];
  if (type.kind !== "struct") return [];
  return type.fields.map((field, i) => ({ type: field.type, duck: required((duck as DuckDBStructType).entryTypes[i], "type") }));
}

/** Whether a column, and all that it holds, is read from its vector as a whole. */
function hasVectors(column: ResultColumn): boolean {
  const { type, duck } = column;
  const id: number = duck.typeId;
  if (type.kind === "list") return id === duckTypeIds.list && innerOf(column).every(hasVectors);
  if (type.kind === "struct") return id === duckTypeIds.struct && haveOwnNames(type.fields) && innerOf(column).every(hasVectors);
  return (
    type.kind === "null" || type.kind === "decimal" || sameLayout.has(id) || id === duckTypeIds.varchar || id === duckTypeIds.blob
  );
}

type RawVector = ReturnType<DuckDbLibrary["raw"]["data_chunk_get_vector"]>;

const validityOf = ({ raw }: DuckDbLibrary, vector: RawVector, length: number): Uint8Array | null =>
  unpackValidity(raw.vector_get_validity(vector, Math.ceil(length / 64) * 8), length);

function decodeVector(library: DuckDbLibrary, vector: RawVector, length: number, column: ResultColumn): Column {
  const { raw } = library;
  const { type, duck } = column;
  const valid = validityOf(library, vector, length);
  const id: number = duck.typeId;
  if (type.kind === "null")
    return { layout: "fixed", type, length, values: new Uint8Array(length), valid: new Uint8Array(length) };
  if (type.kind === "list") {
    const [item] = innerOf(column) as [ResultColumn];
    const items = decodeVector(library, raw.list_vector_get_child(vector), raw.list_vector_get_size(vector), item);
    return listColumn(type, { ...boundsOf(raw.vector_get_data(vector, length * 16), length, valid), items }, valid, length);
  }
  if (type.kind === "struct") {
    const fields = innerOf(column).map((field, i) =>
      nullWhere(decodeVector(library, raw.struct_vector_get_child(vector, i), length, field), valid),
    );
    return structColumn(type, fields, valid, length);
  }
  const View = sameLayout.get(id);
  if (View !== undefined) {
    const data = raw.vector_get_data(vector, length * widthOf(View));
    return { layout: "fixed", type, length, values: new View(data.buffer as ArrayBuffer, data.byteOffset, length), valid };
  }
  if (id === duckTypeIds.varchar || id === duckTypeIds.blob) {
    const cells = raw.vector_get_data(vector, length * 16);
    return { layout: "bytes", type, length, valid, ...readStrings(cells, length, valid, raw.get_data_from_pointer) };
  }
  if (type.kind === "decimal" && type.precision <= 18 && id === duckTypeIds.decimal) {
    return { layout: "fixed", type, length, values: smallDecimals(raw, vector, length, type.precision), valid };
  }
  const data = raw.vector_get_data(vector, length * 16);
  const values = new BigInt64Array(data.buffer as ArrayBuffer, data.byteOffset, length * 2);
  return { layout: "wide", type, length, values, valid };
}

/** Where the items of lists begin and end: a vector holds the first one and their number, of 64 bits each. */
function boundsOf(entries: Uint8Array, length: number, valid: Uint8Array | null): Pick<ListItems, "starts" | "ends"> {
  const words = new Int32Array(entries.buffer, entries.byteOffset, length * 4);
  const [starts, ends] = [new Int32Array(length), new Int32Array(length)];
  for (let row = 0; row < length; row++) {
    if (valid !== null && valid[row] === 0) continue;
    starts[row] = words[row * 4] as number;
    ends[row] = (words[row * 4] as number) + (words[row * 4 + 2] as number);
  }
  return { starts, ends };
}

const widthOf = (View: FixedView): number => (View as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;

function unpackValidity(bits: Uint8Array | null, length: number): Uint8Array | null {
  if (bits === null || bits === undefined) return null;
  const valid = new Uint8Array(length);
  let nulls = 0;
  for (let i = 0; i < length; i++) {
    const bit = ((bits[i >> 3] as number) >> (i & 7)) & 1;
    valid[i] = bit;
    nulls += 1 - bit;
  }
  return nulls === 0 ? null : valid;
}

/** DuckDB keeps a decimal in the narrowest integer that takes its precision; we keep 64 bits. */
function smallDecimals(raw: DuckDbLibrary["raw"], vector: RawVector, length: number, precision: number): BigInt64Array {
  const width = precision <= 4 ? 2 : precision <= 9 ? 4 : 8;
  const data = raw.vector_get_data(vector, length * width);
  const buffer = data.buffer as ArrayBuffer;
  if (width === 8) return new BigInt64Array(buffer, data.byteOffset, length);
  const narrow = width === 2 ? new Int16Array(buffer, data.byteOffset, length) : new Int32Array(buffer, data.byteOffset, length);
  const values = new BigInt64Array(length);
  for (let i = 0; i < length; i++) values[i] = BigInt(narrow[i] as number);
  return values;
}

const encoder = new TextEncoder();

/** Types without a raw layout of ours, value by value: other timestamps, those that become text, and nested ones of such. */
function decodeByItem(
  { api }: DuckDbLibrary,
  chunk: RawChunk,
  index: number,
  column: ResultColumn,
  valid: Uint8Array | null,
): Column {
  const { type } = column;
  const client = new api.DuckDBDataChunk(chunk);
  const vector = client.getColumnVector(index);
  const length = client.rowCount;
  const values = Array.from({ length }, (_, row) => toValue(vector.getItem(row), type));
  if (type.kind === "timestamp") {
    const micros = BigInt64Array.from(values, (value) => (value === null ? 0n : (value as bigint)));
    return { layout: "fixed", type, length, values: micros, valid };
  }
  if (type.kind === "decimal") {
    const words = new BigInt64Array(length * 2);
    for (const [row, value] of values.entries()) {
      words[row * 2] = BigInt.asIntN(64, (value ?? 0n) as bigint);
      words[row * 2 + 1] = ((value ?? 0n) as bigint) >> 64n;
    }
    return { layout: "wide", type, length, values: words, valid };
  }
  if (type.kind !== "utf8") return { layout: "object", type, length, values, valid };
  const parts = values.map((value) => encoder.encode(value === null ? "" : (value as string)));
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  let at = 0;
  for (const [row, part] of parts.entries()) {
    starts[row] = at;
    at += part.length;
    ends[row] = at;
  }
  const bytes = new Uint8Array(at);
  for (const [row, part] of parts.entries()) bytes.set(part, starts[row] as number);
  return { layout: "bytes", type, length, bytes, starts, ends, valid };
}

/** A value as the client gives it, in our value form. */
export function toValue(item: unknown, type: DataType): Value {
  if (item === null || item === undefined) return null;
  switch (type.kind) {
    case "list":
      return (item as { readonly items: readonly unknown[] }).items.map((value) => toValue(value, type.item));
    case "struct": {
      const entries = (item as { readonly entries: Readonly<Record<string, unknown>> }).entries;
      return Object.fromEntries(type.fields.map((field) => [field.name, toValue(entries[field.name], field.type)]));
    }
    case "date":
      return (item as { readonly days: number }).days;
    case "timestamp":
      return microseconds(item);
    case "decimal":
      return typeof item === "bigint" ? item : (item as { readonly value: bigint }).value;
    case "binary":
      return Uint8Array.from((item as { readonly bytes: Uint8Array }).bytes);
    case "utf8":
      return typeof item === "string" ? item : String(item);
    default:
      return item as Value;
  }
}

const infinity = 2n ** 63n - 1n;

/** Seconds, milliseconds and nanoseconds as microseconds, rounded down; DuckDB's infinities stay what they are. */
function microseconds(item: unknown): bigint {
  const at = item as { micros?: bigint; seconds?: bigint; millis?: bigint; nanos?: bigint };
  if (at.micros !== undefined) return at.micros;
  const ticks = required(at.seconds ?? at.millis ?? at.nanos, "timestamp ticks");
  if (ticks === infinity || ticks === -infinity) return ticks;
  if (at.seconds !== undefined) return ticks * 1_000_000n;
  if (at.millis !== undefined) return ticks * 1_000n;
  return ticks >= 0n ? ticks / 1_000n : -((-ticks + 999n) / 1_000n);
}
