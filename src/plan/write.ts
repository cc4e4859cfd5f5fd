import type { Writable } from "node:stream";
import { planError } from "../common/errors.js";
import { describe } from "./literal.js";
import type { LogicalNode, Plan, SinkSpec, WriteMode } from "./nodes.js";
import { fillOptions, options } from "./options.js";
import { streamTarget, type WriteStreamOptions } from "./stream.js";

/** Options of every sink. */
export interface WriteOptions<Name extends string> {
  /** What happens where something is already: "error" by default. */
  readonly mode?: WriteMode;
  /** Columns whose values become `key=value` folders. */
  readonly partitionBy?: Name | readonly Name[];
}

export interface WriteParquetOptions<Name extends string> extends WriteOptions<Name> {
  /** "snappy" by default. */
  readonly compression?: "uncompressed" | "snappy" | "gzip" | "zstd";
  /** Rows in a row group; 122880 by default. */
  readonly rowGroupRows?: number;
  /** Whether columns of few values are stored as a dictionary; true by default. */
  readonly dictionary?: boolean;
}

export interface WriteCsvOptions<Name extends string> extends WriteOptions<Name> {
  readonly header?: boolean;
  /** One ASCII character; "," by default. */
  readonly delimiter?: string;
  /** One ASCII character; '"' by default. */
  readonly quote?: string;
  /** How null is written; "" by default. */
  readonly nullValue?: string;
}

export interface WriteDuckdbOptions {
  /** Name of the table. */
  readonly table: string;
  readonly mode?: Exclude<WriteMode, "overwrite-partitions">;
}

const modes = ["error", "overwrite", "overwrite-partitions", "append"] as const;
const common = { mode: options.oneOf<WriteMode>("error", modes), partitionBy: options.texts([]) };
const formats = {
  parquet: {
    compression: options.oneOf("snappy", ["uncompressed", "snappy", "gzip", "zstd"]),
    rowGroupRows: options.whole(122_880, 1),
    dictionary: options.flag(true),
  },
  csv: {
    header: options.flag(true),
    delimiter: options.character(","),
    quote: options.character('"'),
    nullValue: options.text(""),
  },
  jsonl: {},
  arrow: {},
} as const;

/** The sinks of a dataset. Nothing is visible under the path before the whole run has succeeded. */
export class Writer<Name extends string> {
  readonly #node: LogicalNode;
  readonly #data: Plan["data"];

  constructor(node: LogicalNode, data: Plan["data"]) {
    this.#node = node;
    this.#data = data;
  }

  /** A file when the path ends in `.parquet`, a folder otherwise. */
  parquet(path: string, given?: WriteParquetOptions<Name>): Plan {
    return this.#files("parquet", path, given);
  }

  csv(path: string, given?: WriteCsvOptions<Name>): Plan {
    return this.#files("csv", path, given);
  }

  /** One JSON object per line. */
  jsonl(path: string, given?: WriteOptions<Name>): Plan {
    return this.#files("jsonl", path, given);
  }

  arrow(path: string, given?: WriteOptions<Name>): Plan {
    return this.#files("arrow", path, given);
  }

  /** A table of a DuckDB database file. */
  duckdb(path: string, given: WriteDuckdbOptions): Plan {
    const known = { table: options.text(""), mode: options.oneOf("error", ["error", "overwrite", "append"]) };
    const { table, mode } = fillOptions(given, known, "write.duckdb");
    if (table === "") {
      throw planError("MISSING_OPTION", 'write.duckdb: option "table" is missing', { hint: 'Write { table: "daily" }.' });
    }
    return this.#sink({ format: "duckdb", path: requirePath(path, "write.duckdb"), mode, partitionBy: [], options: { table } });
  }

  /**
   * CSV or JSON lines into a Node stream of the program, which is ended with the last row. A slow stream holds the run up. What a stream has taken cannot be
   * taken back: when the run fails it is destroyed with the error.
   */
  stream(writable: Writable, given: WriteStreamOptions): Plan {
    return { outputs: [this.#node], data: this.#data, stream: streamTarget(writable, given) };
  }

  #files(format: keyof typeof formats, path: string, given: unknown): Plan {
    const where = `write.${format}`;
    const { mode, partitionBy, ...own } = fillOptions(given, { ...common, ...formats[format] }, where);
    if (mode === "overwrite-partitions" && partitionBy.length === 0) {
      throw planError("INVALID_OPTION", `${where}: mode "overwrite-partitions" needs partitionBy`, {
        hint: 'Write { partitionBy: ["day"], mode: "overwrite-partitions" }, or mode "overwrite" to replace everything.',
      });
    }
    return this.#sink({ format, path: requirePath(path, where), mode, partitionBy, options: own });
  }

  #sink(sink: SinkSpec): Plan {
    return { outputs: [{ kind: "sink", input: this.#node, sink }], data: this.#data };
  }
}

function requirePath(path: unknown, where: string): string {
  if (typeof path === "string" && path !== "") return path;
  throw planError("INVALID_ARGUMENT", `${where}: expected a path, found ${describe(path)}`);
}
