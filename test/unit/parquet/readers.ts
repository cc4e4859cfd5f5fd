import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { parquetReadObjects } from "hyparquet";
import { readParquet } from "parquet-wasm";
import { columnReader } from "../../../src/batch/reader.js";
import { decodeIpc } from "../../../src/batch/ipc.js";
import type { Schema, Value } from "../../../src/schema/types.js";

/** Rows as DuckDB's JSON form of each value: text, so that nothing passes through a double. */
export async function duckRows(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJson() as Record<string, unknown>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Every value cast to text by DuckDB itself. */
export const duckTexts = (file: string, schema: Schema): Promise<Record<string, unknown>[]> => {
  const columns = schema.map((field) => {
    const name = `"${field.name.replaceAll('"', '""')}"`;
    const shown = field.type.kind === "binary" ? `lower(hex(${name}))` : `${name}::VARCHAR`;
    return `${shown} AS ${name}`;
  });
  return duckRows(`SELECT ${columns.join(", ")} FROM read_parquet('${file}')`);
};

export async function wasmRows(file: string): Promise<Value[][]> {
  const table = readParquet(readFileSync(file));
  const { batches } = decodeIpc(table.intoIPCStream());
  return batches.flatMap((batch) => {
    const readers = batch.columns.map(columnReader);
    return Array.from({ length: batch.length }, (_, row) => readers.map((read) => read(row)));
  });
}

export async function hyparquetRows(file: string): Promise<Record<string, unknown>[]> {
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const options = { file: { byteLength: buffer.byteLength, slice: (a: number, b?: number) => buffer.slice(a, b) }, utf8: false };
  return (await parquetReadObjects(options)) as Record<string, unknown>[];
}
