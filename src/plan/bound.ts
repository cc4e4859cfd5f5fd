import type { Bound, BoundAggregate, BoundNamed, BoundSortKey, FunctionRef } from "../expr/nodes.js";
import type { Schema } from "../schema/types.js";
import type { JoinHow, SinkSpec, SourceSpec, WindowFrame } from "./nodes.js";

/** A file that a source resolved to. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Values of `key=value` folders, as text in the order of `ResolvedSource.partitionColumns`; null for the Hive null name. */
  readonly partitionValues: readonly (string | null)[];
  /** Where its format knows them. */
  readonly rows?: number;
}

/** A source whose files were found and whose schema is known. */
export interface ResolvedSource {
  readonly spec: SourceSpec;
  readonly files: readonly SourceFile[];
  /** How many files were found, where by the values of their folders some need no reading and are not among `files`. */
  readonly found?: number;
  /** Every column the source can deliver: the file's own, then the folder's. */
  readonly schema: Schema;
  /** Names at the end of `schema` whose values come from `key=value` folders. */
  readonly partitionColumns: readonly string[];
  /** Rows in all files where the format knows it (Parquet, Arrow). */
  readonly rows: number | null;
}

/**
 * The bound plan: names resolved, types known, user-level sugar lowered to fewer kinds. Inputs are nested; a shared prefix is the same
 * object. Every node has `schema`, its output columns.
 */
export type BoundNode =
  /** `schema` is the part of the source's columns that is read, in the source's order. */
  | { readonly kind: "scan"; readonly source: ResolvedSource; readonly schema: Schema }
  | { readonly kind: "filter"; readonly input: BoundNode; readonly predicate: Bound; readonly schema: Schema }
  | { readonly kind: "project"; readonly input: BoundNode; readonly columns: readonly BoundNamed[]; readonly schema: Schema }
  | {
      readonly kind: "map" | "flatMap" | "mapBatches";
      readonly input: BoundNode;
      readonly fn: FunctionRef;
      readonly schema: Schema;
    }
  | {
      readonly kind: "join";
      readonly left: BoundNode;
      readonly right: BoundNode;
      /** Pairs of column indexes of equal type. */
      readonly on: readonly { readonly left: number; readonly right: number }[];
      readonly how: JoinHow;
      /** Made by the planner: both sides have one row for each of the same groups, whose keys may be null; the order is that of the left ones. */
      readonly groups?: true;
      /** Where each output column comes from; `coalesce` is a key column of a right or full join. */
      readonly output: readonly JoinOutput[];
      readonly schema: Schema;
    }
  | {
      readonly kind: "aggregate";
      readonly input: BoundNode;
      readonly keys: readonly BoundNamed[];
      readonly aggregates: readonly BoundAggregate[];
      readonly schema: Schema;
    }
  /**
   * `columns`: indexes that decide equality; the first row in input order is kept, or what `keep` says: the first or last by columns, ties in
   * input order.
   */
  | {
      readonly kind: "distinct";
      readonly input: BoundNode;
      readonly columns: readonly number[];
      readonly keep?: { readonly which: "first" | "last"; readonly order: readonly BoundSortKey[] };
      readonly schema: Schema;
    }
  /** The input's columns, then those of `calls`. Keys and arguments are columns; rows keep their order. */
  | {
      readonly kind: "window";
      readonly input: BoundNode;
      readonly partition: readonly number[];
      readonly order: readonly BoundSortKey[];
      readonly frame: WindowFrame | null;
      readonly calls: readonly WindowCall[];
      readonly schema: Schema;
    }
  /** `columns`: indexes whose values decide. */
  | {
      readonly kind: "sample";
      readonly input: BoundNode;
      readonly fraction: number;
      readonly seed: number;
      readonly columns: readonly number[];
      readonly schema: Schema;
    }
  | { readonly kind: "sort"; readonly input: BoundNode; readonly keys: readonly BoundSortKey[]; readonly schema: Schema }
  | {
      readonly kind: "limit";
      readonly input: BoundNode;
      readonly count: number;
      readonly offset: number;
      readonly schema: Schema;
    }
  /** Checks: rows pass on, but for those that a check sets aside. `verdicts`: one int64 column, the numbers of rows that fail. */
  | {
      readonly kind: "expect";
      readonly input: BoundNode;
      readonly checks: readonly BoundCheck[];
      readonly verdicts: readonly BoundNode[];
      readonly schema: Schema;
    }
  /**
   * The input's columns and the number of each row: 2^32 times its partition plus how many rows of that came before it. The `expect` over the same
   * input counts in the same way.
   */
  | { readonly kind: "number"; readonly input: BoundNode; readonly schema: Schema }
  /** Made by the planner: the input's rows go through an exchange, so that several passes can read them. */
  | { readonly kind: "stored"; readonly input: BoundNode; readonly schema: Schema }
  | { readonly kind: "union"; readonly inputs: readonly BoundNode[]; readonly schema: Schema }
  | {
      readonly kind: "sql";
      readonly inputs: readonly { readonly name: string; readonly node: BoundNode }[];
      readonly text: string;
      readonly schema: Schema;
    }
  /** Made by the planner: the rows that an earlier stage wrote. */
  | { readonly kind: "stageInput"; readonly stage: number; readonly schema: Schema }
  /**
   * Made by the planner: merges partial aggregates. The input holds the keys, then every aggregate's state columns in the order of its
   * definition's `partial.states`; the output is that of the aggregate it stands for. `inputSchema` types the arguments of `aggregates`.
   */
  | {
      readonly kind: "mergeAggregate";
      readonly input: BoundNode;
      readonly keyCount: number;
      readonly aggregates: readonly BoundAggregate[];
      readonly schema: Schema;
    }
  | { readonly kind: "sink"; readonly input: BoundNode; readonly sink: SinkSpec; readonly schema: Schema };

/** A call of a window function; every argument is a column. */
export type WindowCall = BoundAggregate;

/** A check that judges each row. */
export interface BoundCheck {
  readonly id: number;
  readonly name: string;
  /** A row fails where it is false; null where a verdict decides. */
  readonly condition: Bound | null;
  /** Which of the node's verdicts lists the rows that fail; null where the condition decides. */
  readonly verdict: number | null;
  /** Indexes of the columns it is about. */
  readonly columns: readonly number[];
  /** Whether rows with a null among these columns are not counted. */
  readonly ofValues: boolean;
  /** Whether rows that fail are rejected. */
  readonly rejects: boolean;
}

export type JoinOutput =
  | { readonly side: "left" | "right"; readonly index: number }
  | { readonly side: "coalesce"; readonly left: number; readonly right: number };

export function boundInputs(node: BoundNode): readonly BoundNode[] {
  switch (node.kind) {
    case "scan":
    case "stageInput":
      return [];
    case "join":
      return [node.left, node.right];
    case "union":
      return node.inputs;
    case "sql":
      return node.inputs.map((input) => input.node);
    case "expect":
      return [node.input, ...node.verdicts];
    default:
      return [node.input];
  }
}
