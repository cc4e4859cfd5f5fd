import type { Column } from "../../batch/column.js";
import { sliceColumn } from "../../batch/gather.js";
import { decodeIpc } from "../../batch/ipc.js";
import { required } from "../../common/assert.js";
import type { ColumnRoom } from "./parquetColumnRoom.js";
import { type Chunk, decodeColumn } from "./parquetDecode.js";
import { magic, type RowGroup, shiftRowGroup } from "./parquetFooter.js";
import { type FileColumn, footerOf } from "./parquetReadSchema.js";
import { numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";
import { parquetWasm } from "./parquetWasm.js";

/** The chunks of a column, and their bytes. */
export interface ColumnChunks {
  readonly column: FileColumn;
  readonly chunks: readonly ThriftStruct[];
  readonly bytes: readonly Uint8Array[];
}

/** Rows of columns. */
export interface DecodedRows {
  readonly columns: readonly Column[];
  readonly length: number;
}

/**
 * The columns of a row group of `rows` rows, in parts of any lengths. What our own decoder leaves goes through parquet-wasm.
 * @param memory room for columns; null for memory of their own
 * @throws whatever parquet-wasm throws
 */
export function decodeRowGroup(
  columns: readonly ColumnChunks[],
  rows: number,
  batchRows: number,
  file: string,
  memory: ColumnRoom | null,
): DecodedRows[] {
  const own = columns.map((column) => decodedColumn(column, rows, memory));
  const left = columns.filter((_, i) => own[i] === null);
  const parts = left.length === 0 ? [{ columns: [], length: rows }] : decodeOthers(left, rows, batchRows, file);
  let from = 0;
  return parts.map(({ columns: others, length }) => {
    const joined = joinedColumns(own, others, from, length);
    from += length;
    return { columns: joined, length };
  });
}

/** Decodes columns as a small file of their pages alone. */
function decodeOthers(columns: readonly ColumnChunks[], rows: number, batchRows: number, file: string): readonly DecodedRows[] {
  const moved: ThriftStruct[] = [];
  let at = magic.length;
  for (const { chunks, bytes } of columns) {
    for (const [i, chunk] of chunks.entries()) {
      moved.push(shiftChunk(chunk, at - pagesOf(chunk).from));
      at += required(bytes[i], "bytes of a chunk").length;
    }
  }
  const own = columns.map(({ column }) => column);
  const small = Buffer.concat([magic, ...columns.flatMap(({ bytes }) => bytes), footerOf(own, [rowGroupOf(moved, rows, at)])]);
  const table = parquetWasm().readParquet(small, { batchSize: Math.max(1, Math.min(rows, batchRows)) });
  return decodeIpc(table.intoIPCStream(), file).batches;
}

/** The column, if it is of the common kinds. */
function decodedColumn({ column, chunks, bytes }: ColumnChunks, rows: number, memory: ColumnRoom | null): Column | null {
  try {
    const own = chunks.map((chunk, i): Chunk => ({ bytes: bytes[i] as Uint8Array, meta: structField(chunk, 3) ?? new Map() }));
    return decodeColumn(own, column, rows, memory);
  } catch {
    // A page whose head cannot be read: the decoder that comes next says so in its own words.
    return null;
  }
}

/** The rows `from..` of the columns that are there, and in place of those that are not the `others`. */
function joinedColumns(own: readonly (Column | null)[], others: readonly Column[], from: number, length: number): Column[] {
  let next = 0;
  return own.map((column) =>
    column === null ? required(others[next++], "decoded column") : sliceColumn(column, from, from + length),
  );
}

/** The bytes of a column chunk: from its dictionary, or its first page. */
export function pagesOf(chunk: ThriftStruct): { readonly from: number; readonly to: number } {
  const meta = structField(chunk, 3) ?? new Map();
  const data = numberField(meta, 9) ?? 0;
  const dictionary = numberField(meta, 11) ?? 0;
  const from = dictionary > 0 ? Math.min(dictionary, data) : data;
  return { from, to: from + (numberField(meta, 7) ?? 0) };
}

/** A chunk at its new place; indexes and filters stay behind. */
function shiftChunk(chunk: ThriftStruct, by: number): ThriftStruct {
  const meta = new Map(structField(chunk, 3) ?? new Map());
  for (const id of [8, 10, 14, 15]) meta.delete(id);
  const { meta: shifted } = shiftRowGroup(
    new Map([[1, { kind: "list", values: [{ kind: "struct", fields: new Map([[3, { kind: "struct", fields: meta }]]) }] }]]),
    by,
  );
  return required(shifted.kind === "struct" ? structsField(shifted.fields, 1)[0] : null, "chunk");
}

function rowGroupOf(chunks: readonly ThriftStruct[], rows: number, bytes: number): RowGroup {
  const columns = chunks.map((chunk) => {
    const fields = new Map(chunk);
    fields.set(2, { kind: "i64", value: 0n });
    return { kind: "struct" as const, fields: new Map([...fields].sort(([a], [b]) => a - b)) };
  });
  const fields = new Map([
    [1, { kind: "list" as const, values: columns }],
    [2, { kind: "i64" as const, value: BigInt(bytes) }],
    [3, { kind: "i64" as const, value: BigInt(rows) }],
  ] as const);
  return { rows, meta: { kind: "struct", fields } };
}
