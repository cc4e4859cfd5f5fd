import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Batch, rowCount } from "../batch/column.js";
import { compactBatch } from "../batch/gather.js";
import { configError } from "../common/errors.js";
import { killPoint } from "../io/killPoint.js";
import type { WriteMode } from "../plan/nodes.js";
import { type Schema, sameType, typeName } from "../schema/types.js";
import { encodeBatch } from "./encode.js";
import { fromDuckDbError } from "./errors.js";
import { quoteIdent } from "./quote.js";
import { DuckDbSession } from "./session.js";
import { typeToSql } from "./types.js";

export interface TableTarget {
  /** The database file. */
  readonly path: string;
  readonly table: string;
  readonly mode: WriteMode;
  /** The run that writes: what it left of a database file that was in the making when it was cut off is made anew. */
  readonly runId?: string;
}

export interface TableOptions {
  readonly memoryBytes: number;
  readonly tempDirectory: string;
}

export interface TableWritten {
  readonly rows: number;
}

/**
 * Writes rows into a table of a DuckDB database file, in one transaction: readers see all of them or none. A file that does not exist
 * is made beside its place and renamed when it is complete.
 * Modes: `error` refuses a table that exists, `overwrite` replaces it, `append` adds to one of the same columns (or makes it).
 * @throws MillraceError Config/TARGET_EXISTS, Config/SCHEMA_MISMATCH, Config/UNSUPPORTED_MODE; a file that is in use is External.
 */
export async function writeDuckDbTable(
  target: TableTarget,
  schema: Schema,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  options: TableOptions,
): Promise<TableWritten> {
  if (target.mode === "overwrite-partitions") {
    throw configError("UNSUPPORTED_MODE", "a DuckDB table has no partitions: mode overwrite-partitions does not apply", {
      hint: "Use overwrite, append or error.",
    });
  }
  if (existsSync(target.path)) return inDatabase(target.path, target, schema, batches, options);
  await mkdir(dirname(target.path), { recursive: true });
  const staged = join(dirname(target.path), `.${basename(target.path)}.${target.runId ?? randomUUID()}.staged`);
  await removeDatabase(staged);
  try {
    const written = await inDatabase(staged, target, schema, batches, options);
    await flushFile(staged);
    killPoint("table-filled");
    await rename(staged, target.path);
    await flushFile(dirname(target.path));
    return written;
  } finally {
    await removeDatabase(staged);
  }
}

async function removeDatabase(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.wal`, { force: true });
}

/** Rows of a table; null where there is no such table, or no such file. @throws MillraceError External when the file is in use */
export async function countTableRows({ path, table }: Omit<TableTarget, "mode">, options: TableOptions): Promise<number | null> {
  if (!existsSync(path)) return null;
  const session = await DuckDbSession.open({ ...options, threads: 1, path });
  try {
    if (!(await tableExists(session, table))) return null;
    const [row] = await session.rows(`SELECT count(*) AS rows FROM main.${quoteIdent(table)}`);
    return Number(row?.rows ?? 0);
  } finally {
    session.close();
  }
}

async function flushFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function inDatabase(
  path: string,
  target: TableTarget,
  schema: Schema,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  options: TableOptions,
): Promise<TableWritten> {
  const session = await DuckDbSession.open({ ...options, threads: 2, path });
  try {
    await session.run("BEGIN TRANSACTION");
    await prepareTable(session, target, schema);
    const rows = await appendRows(session, target.table, schema, batches);
    await session.run("COMMIT");
    killPoint("table-committed");
    await session.run("CHECKPOINT");
    return { rows };
  } finally {
    session.close();
  }
}

async function prepareTable(session: DuckDbSession, { table, mode, path }: TableTarget, schema: Schema): Promise<void> {
  const name = `main.${quoteIdent(table)}`;
  const columns = schema.map((field) => `${quoteIdent(field.name)} ${typeToSql(field.type)}`).join(", ");
  if (mode === "overwrite") return session.run(`CREATE OR REPLACE TABLE ${name} (${columns})`);
  if (!(await tableExists(session, table))) return session.run(`CREATE TABLE ${name} (${columns})`);
  if (mode === "error") {
    throw configError("TARGET_EXISTS", `the table ${JSON.stringify(table)} exists already`, {
      file: path,
      hint: 'Choose mode "overwrite" or "append", or another table.',
    });
  }
  const found = await session.describe(`SELECT * FROM ${name}`, "engine");
  const text = (columns: Schema) => columns.map((field) => `${field.name} ${typeName(field.type)}`).join(", ");
  const same = found.length === schema.length && found.every((field, i) => matches(field, schema[i]));
  if (!same) {
    throw configError(
      "SCHEMA_MISMATCH",
      `the table ${JSON.stringify(table)} has (${text(found)}), the rows have (${text(schema)})`,
      {
        file: path,
        hint: "Select the table's columns in its order and with its types, or write another table.",
      },
    );
  }
}

const matches = (a: Schema[number], b: Schema[number] | undefined): boolean =>
  b !== undefined && a.name.toLowerCase() === b.name.toLowerCase() && (sameType(a.type, b.type) || b.type.kind === "null");

async function tableExists(session: DuckDbSession, table: string): Promise<boolean> {
  const rows = await session.rows(
    "SELECT lower(table_name) AS name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal AND NOT temporary",
  );
  return rows.some((row) => row.name === table.toLowerCase());
}

async function appendRows(
  session: DuckDbSession,
  table: string,
  schema: Schema,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
): Promise<number> {
  const { library, connection } = session.native;
  let rows = 0;
  try {
    const appender = await connection.createAppender(table, "main");
    for await (const batch of batches) {
      encodeBatch(library, schema, compactBatch(batch), (chunk) => appender.appendDataChunk(chunk));
      rows += rowCount(batch);
    }
    appender.closeSync();
  } catch (error) {
    throw fromDuckDbError(error, "engine");
  }
  return rows;
}
