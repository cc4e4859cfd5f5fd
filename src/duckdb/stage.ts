import type { Batch } from "../batch/column.js";
import { sliceBatch } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { BoundNode } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import { selectList } from "./builder.js";
import { dropTables, prepareQuery, type SqlQuery } from "./query.js";
import { quoteIdent } from "./quote.js";
import { isRefusal } from "./refusal.js";
import { nodeSql } from "./relation.js";
import { DuckDbSession } from "./session.js";
import { typeToSql } from "./types.js";
import { trimStatement } from "./userSql.js";

/** What an earlier stage wrote: files in partition order. */
export interface StageFiles {
  readonly files: readonly string[];
  readonly schema: Schema;
}

export type StageOutput =
  /** One Parquet file with the rows in their order. */
  | { readonly kind: "exchange"; readonly file: string }
  /** The rows as batches, in order; the next is not fetched before the promise is settled. */
  | { readonly kind: "batches"; readonly onBatch: (batch: Batch) => void | Promise<void> };

export interface StageResult {
  readonly rows: number;
  /** Milliseconds for the pre-passes, and in all. */
  readonly prepareMs: number;
  readonly totalMs: number;
  /** The query as it ran, for the report. */
  readonly sql: string;
}

/**
 * Runs a plan node as one DuckDB query. Rows come in the order that `nodeSql` defines, and an exchange file is byte for byte the same
 * for any number of threads, any memory limit and any timing.
 * @throws MillraceError as in `fromDuckDbError`, and whatever `onBatch` throws.
 */
export async function runDuckDbStage(
  session: DuckDbSession,
  node: BoundNode,
  inputs: ReadonlyMap<number, StageFiles>,
  output: StageOutput,
): Promise<StageResult> {
  const started = performance.now();
  const stageFiles = (stage: number) => required(inputs.get(stage), `files of stage ${stage}`).files;
  const progress = { rows: 0, prepareMs: 0 };
  let query = nodeSql(node, { stageFiles, quick: true });
  let sql: string;
  try {
    sql = await runQuery(session, query, node.schema, output, progress);
  } catch (error) {
    if (!query.mayRefuse || !isRefusal(error)) throw error;
    query = nodeSql(node, { stageFiles });
    sql = await runQuery(session, query, node.schema, output, progress);
  }
  // After a failure the tables stay until the session closes or the query is tried again, so that no second error hides the first.
  await dropTables(session, query);
  return { ...progress, totalMs: performance.now() - started, sql };
}

/** Runs a query and gives its text. Of a second attempt only the rows that the first did not deliver go out: both give the same. */
async function runQuery(
  session: DuckDbSession,
  query: SqlQuery,
  schema: Schema,
  output: StageOutput,
  progress: { rows: number; prepareMs: number },
): Promise<string> {
  const started = performance.now();
  const sql = await prepareQuery(session, query);
  progress.prepareMs += performance.now() - started;
  if (output.kind === "exchange") {
    progress.rows = await session.copyToParquet(sql, output.file, query.author);
    return sql;
  }
  let row = 0;
  for await (const batch of session.query(sql, schema, query.author)) {
    const known = Math.max(0, Math.min(batch.length, progress.rows - row));
    row += batch.length;
    if (known === batch.length) continue;
    progress.rows = row;
    await output.onBatch(known === 0 ? batch : sliceBatch(batch, known, batch.length));
  }
  return sql;
}

export interface SqlInput {
  readonly name: string;
  readonly schema: Schema;
}

/**
 * The columns that a user's SELECT gives over inputs of these schemas; nothing runs and no data is read.
 * @throws MillraceError Plan/SQL_INVALID with DuckDB's own words.
 */
export async function describeSql(text: string, inputs: readonly SqlInput[], session?: DuckDbSession): Promise<Schema> {
  const own = session ?? (await DuckDbSession.open({ memoryBytes: 2 ** 26, threads: 2, tempDirectory: null }));
  try {
    const tables = inputs.map(({ name, schema }) => `${quoteIdent(name)} AS (SELECT ${emptyColumns(schema)} WHERE FALSE)`);
    const definitions = tables.length === 0 ? "" : `WITH ${tables.join(", ")} `;
    return await own.describe(`${definitions}SELECT * FROM (\n${trimStatement(text)}\n)`);
  } finally {
    if (session === undefined) own.close();
  }
}

const emptyColumns = (schema: Schema): string =>
  selectList(schema.map((field) => ({ sql: `CAST(NULL AS ${typeToSql(field.type)})`, name: quoteIdent(field.name) })));
