import type { DuckDBType } from "@duckdb/node-api";
import type { Batch, Column, FixedValues } from "../batch/column.js";
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
  const { raw } = library;
  const { type, duck } = column;
  const vector = raw.data_chunk_get_vector(chunk, index);
  const valid = unpackValidity(raw.vector_get_validity(vector, Math.ceil(length / 64) * 8), length);
  const id: number = duck.typeId;
  if (type.kind === "null")
    return { layout: "fixed", type, length, values: new Uint8Array(length), valid: new Uint8Array(length) };
  const View = sameLayout.get(id);
  if (View !== undefined) {
    const data = raw.vector_get_data(vector, length * widthOf(View));
    return { layout: "fixed", type, length, values: new View(data.buffer as ArrayBuffer, data.byteOffset, length), valid };
  }
  if (id === duckTypeIds.varchar || id === duckTypeIds.blob) {
    const cells = raw.vector_get_data(vector, length * 16);
    return { layout: "bytes", type, length, valid, ...readStrings(cells, length, valid, raw.get_data_from_pointer) };
  }
  if (id === duckTypeIds.hugeint || (type.kind === "decimal" && type.precision > 18)) {
    const data = raw.vector_get_data(vector, length * 16);
    return {
      layout: "wide",
      type,
      length,
      values: new BigInt64Array(data.buffer as ArrayBuffer, data.byteOffset, length * 2),
      valid,
    };
  }
  if (type.kind === "decimal" && id === duckTypeIds.decimal) {
    return { layout: "fixed", type, length, values: smallDecimals(raw, vector, length, type.precision), valid };
  }
  return decodeByItem(library, chunk, index, column, valid);
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
function smallDecimals(
  raw: DuckDbLibrary["raw"],
  vector: ReturnType<DuckDbLibrary["raw"]["data_chunk_get_vector"]>,
  length: number,
  precision: number,
): BigInt64Array {
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

/** Types without a raw layout of ours, value by value: nested ones, other timestamps, and those that become text. */
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
