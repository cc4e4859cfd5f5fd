import { mkdir } from "node:fs/promises";
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from "@duckdb/node-api";
import type { Batch } from "../batch/column.js";
import { MillraceError, planError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { decodeChunk, resultColumns } from "./decode.js";
import { fromDuckDbError, type SqlAuthor } from "./errors.js";
import { floatSumMacros } from "./floatSum.js";
import { type DuckDbLibrary, loadDuckDb } from "./library.js";
import { quoteText } from "./quote.js";
import { typeFromDuckDb } from "./types.js";

export interface SessionOptions {
  /** What DuckDB may hold in memory before it spills. */
  readonly memoryBytes: number;
  /** At least two are used: the layout of files that DuckDB writes differs between one thread and several. */
  readonly threads: number;
  /** Where it spills to. Made if it is missing, and used by this session alone; null for work that is known to be small. */
  readonly tempDirectory: string | null;
  /** The database file; in memory when left out. */
  readonly path?: string;
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

  private constructor(
    private readonly library: DuckDbLibrary,
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
  ) {}

  static async open(options: SessionOptions): Promise<DuckDbSession> {
    const library = await loadDuckDb();
    if (options.tempDirectory !== null) await mkdir(options.tempDirectory, { recursive: true });
    try {
      const instance = await library.api.DuckDBInstance.create(options.path ?? ":memory:", {
        threads: String(Math.max(2, Math.floor(options.threads))),
        memory_limit: `${Math.max(leastMemory, Math.floor(options.memoryBytes))}B`,
        temp_directory: options.tempDirectory ?? "",
        preserve_insertion_order: "true",
        autoinstall_known_extensions: "false",
        autoload_known_extensions: "false",
        allow_community_extensions: "false",
      });
      const session = new DuckDbSession(library, instance, await instance.connect());
      await session.run("SET TimeZone = 'UTC'");
      for (const macro of floatSumMacros) await session.run(macro);
      return session;
    } catch (error) {
      throw fromDuckDbError(error, "engine");
    }
  }

  /** Runs a statement whose rows do not matter. */
  async run(sql: string, author: SqlAuthor = "engine"): Promise<void> {
    await this.guard(author, () => this.connection.run(sql));
  }

  /** The rows of a small result, as plain values by name (128-bit integers as bigint). */
  async rows(sql: string, author: SqlAuthor = "engine"): Promise<Record<string, unknown>[]> {
    return this.guard(author, async () => (await this.connection.run(sql)).getRowObjects());
  }

  /**
   * Streams a query's rows; DuckDB computes ahead by a bounded buffer only. `schema` names and types the columns (they must be of the
   * types the query gives); without it they are taken from the query. Every batch owns its memory.
   */
  async *query(sql: string, schema: Schema | null = null, author: SqlAuthor = "engine"): AsyncGenerator<Batch, void, undefined> {
    const result: DuckDBResult = await this.guard(author, () => this.connection.stream(sql));
    const shape = resultColumns(result, schema);
    for (;;) {
      const chunk = await this.guard(author, () => result.fetchChunk());
      if (chunk === null || chunk.rowCount === 0) return;
      yield decodeChunk(this.library, chunk, shape.columns, shape.schema);
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
    const result = await this.guard(author, () => this.connection.run(`COPY (\n${sql}\n) TO ${quoteText(file)} (${settings})`));
    return result.rowsChanged;
  }

  /**
   * The columns that one SELECT gives, without running it.
   * @throws MillraceError Plan/SQL_INVALID with DuckDB's words, also for several statements at once or one that gives no rows.
   */
  async describe(sql: string, author: SqlAuthor = "user"): Promise<Schema> {
    return this.guard(author, async () => {
      const statements = await this.connection.extractStatements(sql);
      if (statements.count !== 1) throw planError("SQL_INVALID", `expected one SELECT statement, found ${statements.count}`);
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
    if (!this.#closed) this.connection.interrupt();
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** Frees the instance. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.closeSync();
    this.instance.closeSync();
  }

  /** The client itself, for the other files of this folder. */
  get native(): { readonly library: DuckDbLibrary; readonly connection: DuckDBConnection } {
    return { library: this.library, connection: this.connection };
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
