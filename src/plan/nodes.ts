import type { AggregateExpr, Expr, FunctionRef, JsonValue, NamedExpr, SortKey } from "../expr/nodes.js";
import type { Schema } from "../schema/types.js";
import type { CheckSpec } from "./checkSpec.js";
import type { CsvOptions } from "./csvSpec.js";
import type { StreamInput, StreamTarget } from "./stream.js";

/** What to do with a record that cannot be read or computed. */
export type OnReject = "fail" | "skip" | "quarantine";

export interface RejectLimits {
  /** Rejects allowed in all. */
  readonly count?: number;
  /** Share of records allowed, 0 to 1, judged once `minRows` were read. */
  readonly rate?: number;
  readonly minRows?: number;
  readonly perFile?: number;
  readonly perColumn?: number;
}

export interface FileSource {
  /** Files, globs or folders as the user gave them. */
  readonly paths: readonly string[];
  /** Declared columns; absent: inferred when the plan is resolved. */
  readonly schema?: Schema;
  /** Columns in which null rejects the record. */
  readonly required?: readonly string[];
  readonly onReject: OnReject;
  readonly rejectLimits: RejectLimits;
}

/** Where rows come from, as plain data. */
export type SourceSpec =
  | ({ readonly format: "csv"; readonly csv: CsvOptions } & FileSource)
  | ({ readonly format: "jsonl" } & FileSource)
  | ({ readonly format: "parquet" } & FileSource)
  | ({ readonly format: "arrow" } & FileSource)
  /** What a DuckDB query gives; of a database file, which is only read, or of no file (null). */
  | {
      readonly format: "sql";
      readonly text: string;
      readonly database: string | null;
      readonly schema?: Schema;
      readonly onReject: OnReject;
      readonly rejectLimits: RejectLimits;
    }
  /** Rows handed over by the program; the rows themselves stand in `Plan.data` under `id`. */
  | {
      readonly format: "rows";
      readonly id: string;
      readonly schema?: Schema;
      readonly onReject: OnReject;
      readonly rejectLimits: RejectLimits;
    };

export type WriteMode = "error" | "overwrite" | "overwrite-partitions" | "append";

/** Where rows go, as plain data. `options` are the format's own, with every default filled in. */
export interface SinkSpec {
  readonly format: "parquet" | "csv" | "jsonl" | "arrow" | "duckdb";
  /** A file (when the name ends in the format's extension) or a folder; for duckdb the database file. */
  readonly path: string;
  readonly mode: WriteMode;
  readonly partitionBy: readonly string[];
  readonly options: { readonly [name: string]: JsonValue };
}

/** Rows counted from the row itself (0), both inclusive; null: the end of the partition. */
export interface WindowFrame {
  readonly from: number | null;
  readonly to: number | null;
}

export type JoinHow = "inner" | "left" | "right" | "full" | "semi" | "anti";

/** The plan as the user wrote it. Plain data; inputs are nested, and a shared prefix is the same object. */
export type LogicalNode =
  | { readonly kind: "scan"; readonly source: SourceSpec }
  | { readonly kind: "filter"; readonly input: LogicalNode; readonly predicate: Expr }
  | { readonly kind: "select"; readonly input: LogicalNode; readonly columns: readonly NamedExpr[] }
  | { readonly kind: "withColumns"; readonly input: LogicalNode; readonly columns: readonly NamedExpr[] }
  | { readonly kind: "rename"; readonly input: LogicalNode; readonly names: { readonly [from: string]: string } }
  | { readonly kind: "drop"; readonly input: LogicalNode; readonly names: readonly string[] }
  | { readonly kind: "map"; readonly input: LogicalNode; readonly fn: FunctionRef; readonly schema: Schema }
  | { readonly kind: "flatMap"; readonly input: LogicalNode; readonly fn: FunctionRef; readonly schema: Schema }
  | { readonly kind: "mapBatches"; readonly input: LogicalNode; readonly fn: FunctionRef; readonly schema: Schema }
  | {
      readonly kind: "join";
      readonly left: LogicalNode;
      readonly right: LogicalNode;
      /** Pairs of column names. A null key matches nothing. */
      readonly on: readonly { readonly left: string; readonly right: string }[];
      readonly how: JoinHow;
      /** Added to a right column whose name the left has too (keys of the same name appear once). */
      readonly suffix: string;
    }
  | {
      readonly kind: "aggregate";
      readonly input: LogicalNode;
      readonly keys: readonly NamedExpr[];
      readonly aggregates: readonly { readonly name: string; readonly expr: AggregateExpr }[];
    }
  | { readonly kind: "distinct"; readonly input: LogicalNode; readonly columns: readonly string[] | null }
  | { readonly kind: "sort"; readonly input: LogicalNode; readonly keys: readonly SortKey[] }
  | { readonly kind: "limit"; readonly input: LogicalNode; readonly count: number; readonly offset: number }
  /** Of rows that are equal in `columns`, the first or the last in this order, ties in input order. */
  | {
      readonly kind: "dedupe";
      readonly input: LogicalNode;
      readonly columns: readonly string[];
      readonly keep: "first" | "last";
      readonly orderBy: readonly SortKey[];
    }
  /** New columns, each from the rows around a row. */
  | {
      readonly kind: "window";
      readonly input: LogicalNode;
      readonly partitionBy: readonly string[];
      readonly orderBy: readonly SortKey[];
      readonly frame: WindowFrame | null;
      readonly columns: readonly { readonly name: string; readonly expr: AggregateExpr }[];
    }
  /** About this share of the rows, chosen by a hash of the columns' values (null: of all). */
  | {
      readonly kind: "sample";
      readonly input: LogicalNode;
      readonly fraction: number;
      readonly seed: number;
      readonly columns: readonly string[] | null;
    }
  | { readonly kind: "union"; readonly inputs: readonly LogicalNode[] }
  | ExpectNode
  /** Made for checks: the input's columns and a last one, int64, that says which row it is; see `CheckVerdict`. */
  | { readonly kind: "number"; readonly input: LogicalNode; readonly name: string }
  /** DuckDB SQL over named inputs; `input` is the dataset it was called on. */
  | {
      readonly kind: "sql";
      readonly inputs: readonly { readonly name: string; readonly node: LogicalNode }[];
      readonly text: string;
      /** Declared result; the query's columns are cast to it. */
      readonly schema?: Schema;
    }
  | { readonly kind: "sink"; readonly input: LogicalNode; readonly sink: SinkSpec };

export type SinkNode = Extract<LogicalNode, { kind: "sink" }>;

/** A whole plan: one or several sinks over possibly shared prefixes. */
export interface Plan {
  readonly outputs: readonly LogicalNode[];
  /** Rows for `rows` sources, by id; not part of the JSON form or the fingerprint. */
  readonly data: ReadonlyMap<string, Iterable<unknown> | AsyncIterable<unknown> | StreamInput>;
  /** Where the rows of the only output go, when that is a stream of the program. */
  readonly stream?: StreamTarget;
}

/** The inputs of a node; the one child table that all walking uses. */
export function inputsOf(node: LogicalNode): readonly LogicalNode[] {
  switch (node.kind) {
    case "scan":
      return [];
    case "join":
      return [node.left, node.right];
    case "union":
      return node.inputs;
    case "expect":
      return [node.input, ...node.references, ...(node.verdicts ?? [])];
    case "sql":
      return node.inputs.map((input) => input.node);
    default:
      return [node.input];
  }
}

/** Checks over the rows of a dataset, which pass on as they are (but for those that `quarantine` sets aside). */
export interface ExpectNode {
  readonly kind: "expect";
  readonly input: LogicalNode;
  readonly references: readonly LogicalNode[];
  readonly checks: readonly CheckSpec[];
  /** Made for checks of more than one row that set rows aside, one for each, in the order of `checks`: the numbers of the rows that fail. */
  readonly verdicts?: readonly LogicalNode[];
}
