import type { DuckDBConnection } from "@duckdb/node-api";
import type { Batch } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { MillraceError, planError } from "../common/errors.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { Schema } from "../schema/types.js";
import { decodeChunk, resultColumns } from "./decode.js";
import { fromDuckDbError, type SqlAuthor } from "./errors.js";
import { floatSumMacros } from "./floatSum.js";
import { type DuckDbLibrary, loadDuckDb, type RawConnection, type RawDatabase, type RawResult } from "./library.js";
import { quoteText } from "./quote.js";
import { typeFromDuckDb } from "./types.js";

export interface SessionOptions {
  /** What DuckDB may hold in memory before it spills. */
  readonly memoryBytes: number;
  /** At least two are used: the layout of files that DuckDB writes differs between one thread and several. */
  readonly threads: number;
  /** Where it spills to. Made by DuckDB when it does, and used by this session alone; null for work that is known to be small. */
  readonly tempDirectory: string | null;
  /** What it may spill there, in bytes; left out or null: most of what the disk has. */
  readonly maxTempBytes?: number | null;
  /** The database file; in memory when left out. */
  readonly path?: string;
  /** The database file is only read; others may read it at the same time. */
  readonly readOnly?: boolean;
}

export interface CopyOptions {
  readonly compression: "uncompressed" | "snappy" | "zstd";
  readonly rowGroupRows: number;
}

const exchangeCopy: CopyOptions = { compression: "snappy", rowGroupRows: 122_880 };

/** DuckDB's smallest useful memory limit: below it even a small sort fails instead of spilling. */
const leastMemory = 64 * 2 ** 20;

/**
 * One DuckDB instance with its own limits and its own temp directory. UTC, insertion order kept, no extension is ever fetched.
 * One statement at a time. Every error is a MillraceError (see `fromDuckDbError`).
 */
export class DuckDbSession {
  #closed = false;
  #interrupted = false;
  #floatSums = false;
  #client: DuckDBConnection | null = null;
  #whenBusy: (() => void) | null = null;

  private constructor(
    private readonly library: DuckDbLibrary,
    private readonly database: RawDatabase,
    private readonly connection: RawConnection,
  ) {}

  static async open(options: SessionOptions): Promise<DuckDbSession> {
    const library = loadDuckDb();
    const { raw } = library;
    try {
      const config = raw.create_config();
      for (const [name, value] of Object.entries(settingsOf(options))) raw.set_config(config, name, value);
      const database = await raw.open(options.path ?? ":memory:", config);
      const session = new DuckDbSession(library, database, await raw.connect(database));
      await session.run("SET TimeZone = 'UTC'");
      // Given with the others when the database is opened, DuckDB tells of it but does not keep to it.
      const { maxTempBytes = null } = options;
      if (maxTempBytes !== null) {
        await session.run(`SET max_temp_directory_size = '${Math.max(0, Math.floor(maxTempBytes))}B'`);
      }
      if (forceSpill && options.tempDirectory !== null) await session.run("SET debug_force_external = true");
      return session;
    } catch (error) {
      throw fromDuckDbError(error, "engine");
    }
  }

  /** Defines what sums of doubles are computed with, once. */
  async defineFloatSums(): Promise<void> {
    if (this.#floatSums) return;
    this.#floatSums = true;
    await this.guard("engine", () => this.library.raw.query(this.connection, floatSumMacros.join(";\n")));
  }

  /** Runs a statement whose rows do not matter. */
  async run(sql: string, author: SqlAuthor = "engine"): Promise<void> {
    await this.guard(author, () => this.busy(this.library.raw.query(this.connection, sql)));
  }

  /** Calls back once, when DuckDB is given the next statement and this thread has nothing to do but wait for it. */
  whenBusy(callback: () => void): void {
    this.#whenBusy = callback;
  }

  private busy<T>(working: Promise<T>): Promise<T> {
    this.#whenBusy?.();
    this.#whenBusy = null;
    return working;
  }

  /** The rows of a small result, as plain values by name (128-bit integers as bigint). */
  async rows(sql: string, author: SqlAuthor = "engine"): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = [];
    for await (const batch of this.query(sql, null, author)) {
      const readers = batch.columns.map(columnReader);
      for (let row = 0; row < batch.length; row++) {
        rows.push(Object.fromEntries(batch.schema.map((field, i) => [field.name, readers[i]?.(row)])));
      }
    }
    return rows;
  }

  /**
   * Streams a query's rows; DuckDB computes ahead by a bounded buffer only. `schema` names and types the columns (they must be of the
   * types the query gives); without it they are taken from the query. Every batch owns its memory.
   */
  async *query(sql: string, schema: Schema | null = null, author: SqlAuthor = "engine"): AsyncGenerator<Batch, void, undefined> {
    const { raw } = this.library;
    const result = await this.guard(author, () => this.stream(sql));
    const shape = resultColumns(this.library, result, schema);
    for (;;) {
      const chunk = await this.guard(author, () => raw.fetch_chunk(result));
      if (chunk === null || raw.data_chunk_get_size(chunk) === 0) return;
      yield decodeChunk(this.library, chunk, shape.columns, shape.schema);
    }
  }

  private async stream(sql: string): Promise<RawResult> {
    const { raw } = this.library;
    const prepared = await raw.prepare(this.connection, sql);
    try {
      return await this.busy(raw.execute_prepared_streaming(prepared));
    } finally {
      raw.destroy_prepare_sync(prepared);
    }
  }

  /** Writes a query's rows, in their order, into one Parquet file, and gives their number. */
  async copyToParquet(
    sql: string,
    file: string,
    author: SqlAuthor = "engine",
    options: CopyOptions = exchangeCopy,
  ): Promise<number> {
    const settings = `FORMAT parquet, COMPRESSION ${options.compression}, ROW_GROUP_SIZE ${options.rowGroupRows}`;
    const { raw } = this.library;
    const copy = `COPY (\n${sql}\n) TO ${quoteText(file)} (${settings})`;
    return raw.rows_changed(await this.guard(author, () => this.busy(raw.query(this.connection, copy))));
  }

  /**
   * The columns that one SELECT gives, without running it.
   * @throws MillraceError Plan/SQL_INVALID with DuckDB's words, also for several statements at once or one that gives no rows.
   */
  async describe(sql: string, author: SqlAuthor = "user"): Promise<Schema> {
    return this.guard(author, async () => {
      const statements = await this.client.extractStatements(sql);
      if (statements.count !== 1) {
        throw planError("SQL_INVALID", `expected one SELECT statement, found ${statements.count}`, {
          hint: "A PIVOT must name its values, or its columns depend on the data: pivot input on store in ('a', 'b') using sum(quantity).",
        });
      }
      const prepared = await statements.prepare(0);
      try {
        if (prepared.statementType !== this.library.api.StatementType.SELECT) {
          throw planError("SQL_INVALID", "expected a SELECT statement, found another kind of statement");
        }
        if (prepared.parameterCount > 0)
          throw planError("SQL_INVALID", "the statement has parameters, which nothing would fill in");
        return Array.from({ length: prepared.columnCount }, (_, i) => ({
          name: prepared.columnName(i),
          type: typeFromDuckDb(prepared.columnType(i)),
          nullable: true,
        }));
      } finally {
        prepared.destroySync();
      }
    });
  }

  /** Stops what is running; it fails with Cancelled/CANCELLED, and so does everything after. */
  interrupt(): void {
    this.#interrupted = true;
    if (!this.#closed) this.library.raw.interrupt(this.connection);
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Frees the instance. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.library.raw.disconnect_sync(this.connection);
    this.library.raw.close_sync(this.database);
  }

  /** The library and its client, for the other files of this folder. */
  get native(): { readonly library: DuckDbLibrary; readonly connection: DuckDBConnection } {
    return { library: this.library, connection: this.client };
  }

  private get client(): DuckDBConnection {
    this.#client ??= new this.library.api.DuckDBConnection(this.connection);
    return this.#client;
  }

  private async guard<T>(author: SqlAuthor, action: () => Promise<T>): Promise<T> {
    if (this.#interrupted) throw new MillraceError("Cancelled", "CANCELLED", "the query was interrupted");
    try {
      return await action();
    } catch (error) {
      throw fromDuckDbError(error, author);
    }
  }
}

const settingsOf = (options: SessionOptions): Readonly<Record<string, string>> => ({
  threads: String(Math.max(2, Math.floor(options.threads))),
  memory_limit: `${Math.max(leastMemory, Math.floor(options.memoryBytes))}B`,
  temp_directory: options.tempDirectory ?? "",
  ...(options.readOnly === true ? { access_mode: "read_only" } : {}),
  preserve_insertion_order: "true",
  // Up to 1.5.6 the first takes rows away from below a LIMIT or DISTINCT on one side of a join, depending on timing (duckdb/duckdb#22963, #21757).
  // The second fails where row numbers of a file order the rows and its first column is the key, and what it keeps for a key cannot be spilled.
  disabled_optimizers: "join_filter_pushdown,top_n_window_elimination",
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
  allow_community_extensions: "false",
});
