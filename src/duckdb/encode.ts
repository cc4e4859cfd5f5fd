import type { DuckDBDataChunk, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { Batch, BytesColumn, Column, FixedColumn, WideColumn } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { assertNever } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { DataType, Schema, Value } from "../schema/types.js";
import type { DuckDbLibrary } from "./library.js";

type Raw = DuckDbLibrary["raw"];
type Vector = ReturnType<Raw["data_chunk_get_vector"]>;

/** Rows of one DuckDB chunk. */
export const chunkRows = 2048;

/** The client's type object for a type. */
export function clientType(api: DuckDbLibrary["api"], type: DataType): DuckDBType {
  switch (type.kind) {
    case "bool":
      return api.BOOLEAN;
    case "int8":
      return api.TINYINT;
    case "int16":
      return api.SMALLINT;
    case "int32":
    case "null":
      return api.INTEGER;
    case "int64":
      return api.BIGINT;
    case "uint8":
      return api.UTINYINT;
    case "uint16":
      return api.USMALLINT;
    case "uint32":
      return api.UINTEGER;
    case "uint64":
      return api.UBIGINT;
    case "float32":
      return api.FLOAT;
    case "float64":
      return api.DOUBLE;
    case "decimal":
      return api.DECIMAL(type.precision, type.scale);
    case "utf8":
      return api.VARCHAR;
    case "binary":
      return api.BLOB;
    case "date":
      return api.DATE;
    case "timestamp":
      return api.TIMESTAMP;
    case "list":
      return api.LIST(clientType(api, type.item));
    case "struct":
      return api.STRUCT(Object.fromEntries(type.fields.map((field) => [field.name, clientType(api, field.type)])));
    default:
      return assertNever(type, "type");
  }
}

/** The rows of a batch without selection as chunks, each given to `take` and not kept. */
export function encodeBatch(library: DuckDbLibrary, schema: Schema, batch: Batch, take: (chunk: DuckDBDataChunk) => void): void {
  if (batch.selection !== null) throw internalError("only a compact batch can be encoded");
  const clientTypes = schema.map((field) => clientType(library.api, field.type));
  for (let from = 0; from < batch.length; from += chunkRows) {
    const count = Math.min(chunkRows, batch.length - from);
    const chunk = library.api.DuckDBDataChunk.create(clientTypes, count);
    batch.columns.forEach((column, i) => {
      encodeColumn(library, chunk, i, column, from, count);
    });
    take(chunk);
  }
}

function encodeColumn(
  library: DuckDbLibrary,
  chunk: DuckDBDataChunk,
  index: number,
  column: Column,
  from: number,
  count: number,
): void {
  if (column.layout === "object") {
    encodeItems(library, chunk, index, column, from, count);
    return;
  }
  const { raw } = library;
  const vector = raw.data_chunk_get_vector(chunk.chunk, index);
  if (column.layout === "bytes") encodeBytes(raw, vector, column, from, count);
  else copyInto(raw, vector, column.layout === "wide" ? wideSlice(column, from, count) : fixedSlice(column, from, count));
  const valid = column.type.kind === "null" ? new Uint8Array(column.length) : column.valid;
  if (valid !== null) writeValidity(raw, vector, valid, from, count);
}

function copyInto(raw: Raw, vector: Vector, data: ArrayBufferView): void {
  raw.copy_data_to_vector(vector, 0, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

const wideSlice = (column: WideColumn, from: number, count: number) => column.values.subarray(from * 2, (from + count) * 2);

function fixedSlice(column: FixedColumn, from: number, count: number): ArrayBufferView {
  const { type } = column;
  const part = column.values.subarray(from, from + count);
  if (type.kind === "null") return new Int32Array(count);
  if (type.kind !== "decimal" || type.precision > 9) return part;
  const narrow = type.precision <= 4 ? new Int16Array(count) : new Int32Array(count);
  for (let i = 0; i < count; i++) narrow[i] = Number(part[i]);
  return narrow;
}

function encodeBytes(raw: Raw, vector: Vector, column: BytesColumn, from: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const row = from + i;
    if (column.valid !== null && column.valid[row] === 0) continue;
    raw.vector_assign_string_element_len(vector, i, column.bytes.subarray(column.starts[row], column.ends[row]));
  }
}

function writeValidity(raw: Raw, vector: Vector, valid: Uint8Array, from: number, count: number): void {
  const bits = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let i = 0; i < count; i++) if (valid[from + i] !== 0) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
  raw.vector_ensure_validity_writable(vector);
  raw.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength);
}

function encodeItems(
  { api }: DuckDbLibrary,
  chunk: DuckDBDataChunk,
  index: number,
  column: Column,
  from: number,
  count: number,
): void {
  const read = columnReader(column);
  const vector = chunk.getColumnVector(index);
  for (let i = 0; i < count; i++) vector.setItem(i, toClient(api, read(from + i), column.type));
  vector.flush();
}

/** A value in our form as the client takes it. */
function toClient(api: DuckDbLibrary["api"], value: Value, type: DataType): DuckDBValue {
  if (value === null) return null;
  switch (type.kind) {
    case "list":
      return api.listValue((value as readonly Value[]).map((item) => toClient(api, item, type.item)));
    case "struct": {
      const struct = value as { readonly [name: string]: Value };
      return api.structValue(
        Object.fromEntries(type.fields.map((field) => [field.name, toClient(api, struct[field.name] ?? null, field.type)])),
      );
    }
    case "date":
      return api.dateValue(value as number);
    case "timestamp":
      return api.timestampValue(value as bigint);
    case "decimal":
      return api.decimalValue(value as bigint, type.precision, type.scale);
    case "binary":
      return api.blobValue(value as Uint8Array);
    default:
      return value as DuckDBValue;
  }
}
