import { promises as fs } from "node:fs";
import { basename, dirname } from "node:path";
import { configError, externalError, MillraceError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import type { BoundNode, ResolvedSource, SourceFile } from "../plan/bound.js";
import type { SourceSpec } from "../plan/nodes.js";
import { DuckDbSession, type SessionOptions } from "./session.js";
import { trimStatement } from "./userSql.js";

/** A query as a source, as the plan has it. */
export type SqlSpec = Extract<SourceSpec, { format: "sql" }>;

const small = { memoryBytes: 2 ** 26, threads: 2, tempDirectory: null };

/**
 * The columns that a query source gives, and the files that they come from: the database, and its log where it has one. Nothing runs.
 * @throws MillraceError Config/SOURCE_NOT_FOUND, External/SOURCE_UNREADABLE, External/DATABASE_LOCKED, Plan/SQL_INVALID
 */
export async function resolveSqlSource(spec: SqlSpec): Promise<ResolvedSource> {
  const files = spec.database === null ? [] : await databaseFiles(spec.database);
  const session = await openSource(spec, small);
  try {
    const schema = await session.describe(`SELECT * FROM (\n${trimStatement(spec.text)}\n)`);
    return { spec, files, schema, partitionColumns: [], rows: null };
  } catch (error) {
    throw withPlace(error, spec);
  } finally {
    session.close();
  }
}

/**
 * A session that reads the source's database, or one in memory. Others may read the file at the same time, but not write it.
 * @throws MillraceError External/SOURCE_UNREADABLE, External/DATABASE_LOCKED
 */
export async function openSource({ database }: SqlSpec, options: SessionOptions): Promise<DuckDbSession> {
  if (database === null) return DuckDbSession.open(options);
  try {
    return await DuckDbSession.open({ ...options, path: database, readOnly: true });
  } catch (error) {
    throw unreadable(database, error);
  }
}

/** The query as a plan node, whose order is that of `sql` steps. */
export const sourceNode = ({ spec, schema }: ResolvedSource): BoundNode => ({
  kind: "sql",
  inputs: [],
  text: spec.format === "sql" ? spec.text : "",
  schema,
});

async function databaseFiles(path: string): Promise<SourceFile[]> {
  const database = await fileAt(path);
  if (database === null) throw await notFound(path);
  const log = await fileAt(`${path}.wal`);
  return log === null ? [database] : [database, log];
}

async function fileAt(path: string): Promise<SourceFile | null> {
  const stats = await fs.stat(path).catch(() => null);
  return stats === null ? null : { path, bytes: stats.size, modifiedMs: stats.mtimeMs, partitionValues: [] };
}

async function notFound(path: string): Promise<MillraceError> {
  const names = await fs.readdir(dirname(path)).catch(() => null);
  const hint = names === null ? `The folder ${dirname(path)} does not exist either.` : didYouMean(basename(path), names);
  return configError("SOURCE_NOT_FOUND", `read.sql: the database ${path} does not exist`, { file: path, hint });
}

function unreadable(path: string, cause: unknown): MillraceError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/could not set lock|conflicting lock|being used by another process/i.test(message)) {
    return externalError("DATABASE_LOCKED", `read.sql: another process has the database ${path} open for writing: ${message}`, {
      file: path,
      cause,
      hint: "Close it there, or read a copy of the file.",
    });
  }
  return externalError("SOURCE_UNREADABLE", `read.sql: the database ${path} cannot be opened: ${message}`, {
    file: path,
    cause,
    hint: "It has to be a database file that this version of DuckDB can read. Parquet, CSV and JSON lines have sources of their own.",
  });
}

/** Which database a query was wrong about. */
function withPlace(error: unknown, { database }: SqlSpec): unknown {
  if (!(error instanceof MillraceError)) return error;
  const { category, code, message, hint } = error;
  const where = database === null ? "read.sql" : `read.sql of ${database}`;
  return new MillraceError(category, code, `${where}: ${message}`, {
    ...(database === null ? {} : { file: database }),
    ...(hint === undefined || hint === null ? {} : { hint }),
  });
}
