import type { WantedRows } from "../optimize/firstRows.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import type { SinkSpec } from "../plan/nodes.js";
import type { Schema } from "../schema/types.js";
import type { BesideHow, Step } from "../task/protocol.js";

/** Who computes a node, and why; `explain` prints the reason. */
export interface Placement {
  readonly where: "worker" | "duckdb";
  readonly reason: string;
  /** For joins in workers: both sides in buckets, instead of the right side as a whole. */
  readonly buckets?: true;
  /** For sorts in DuckDB over rows of workers: nobody reads more than this many rows. */
  readonly top?: number;
  /** For windows in workers: which rows of each partition a filter wants; null for all. */
  readonly first?: WantedRows | null;
}

/** The rows that a stage leaves for later ones: Parquet files in the run's scratch folder, in partition order. */
export interface Exchange {
  readonly id: number;
  readonly schema: Schema;
}

/** What every task of a broadcast join reads as its right side: an exchange, or a source of which nothing is left out. */
export type PlannedBuild =
  | { readonly kind: "exchange"; readonly exchange: number; readonly schema: Schema; readonly reason: string }
  | { readonly kind: "source"; readonly source: ResolvedSource; readonly schema: Schema; readonly reason: string };

/** A step of a worker stage; paths are filled in for every task attempt. */
export interface PlannedStep {
  readonly step: Step;
  /** For `exchange` steps: which exchange it writes. */
  readonly exchange: number | null;
  /** For `sink` steps: which output of the plan it writes. */
  readonly output: number | null;
  /** For `join` steps: the right side. */
  readonly build: PlannedBuild | null;
  /** For `expect` steps: the exchanges with its verdicts. */
  readonly verdicts?: readonly number[];
  /** Its rows are met a second time: what it rejects and what it checks is told by another stage. */
  readonly again?: true;
}

/** Reads one source (or exchange) in partitions and runs row-wise steps over them. */
export interface WorkerStage {
  readonly kind: "worker";
  readonly id: number;
  readonly name: string;
  readonly reason: string;
  readonly input:
    | { readonly kind: "source"; readonly source: ResolvedSource; readonly schema: Schema }
    /**
     * `more`: exchanges whose rows come behind. `layout`: block files instead of Parquet, and how they are read; see `BlockLayout`. `beside`: other files
     * that belong to those of "keyed" or "placed".
     */
    | {
        readonly kind: "exchange";
        readonly exchange: number;
        readonly more?: readonly number[];
        readonly schema: Schema;
        readonly layout?: "buckets" | "runs" | "keyed" | "placed";
        readonly beside?: { readonly exchange: number; readonly how: BesideHow };
      };
  readonly steps: readonly PlannedStep[];
  /** The source is read a second time, for a verdict: its records are counted by another stage. */
  readonly again?: true;
}

/** The exchanges whose rows a stage goes through, in the order of their rows. */
export const exchangesRead = ({ input }: Pick<WorkerStage, "input">): readonly number[] =>
  input.kind === "exchange" ? [input.exchange, ...(input.more ?? [])] : [];

/** One query over exchanges and native sources. */
export interface DuckDbStage {
  readonly kind: "duckdb";
  readonly id: number;
  readonly name: string;
  readonly reason: string;
  readonly node: BoundNode;
  /** Exchanges that the query reads. */
  readonly inputs: readonly number[];
  readonly target:
    | { readonly kind: "exchange"; readonly exchange: number }
    | { readonly kind: "sink"; readonly output: number; readonly sink: SinkSpec }
    | { readonly kind: "rows"; readonly output: number };
}

/** Takes rows that the program hands over, or that a query gives, and writes them as an exchange. */
export interface IngestStage {
  readonly kind: "ingest";
  readonly id: number;
  readonly name: string;
  readonly reason: string;
  /** Equal for stages that take in the same rows. */
  readonly dataId: string;
  readonly source: ResolvedSource;
  readonly exchange: number;
}

export type Stage = WorkerStage | DuckDbStage | IngestStage;

/** What each output of the plan becomes. */
export type PlannedOutput =
  | { readonly kind: "sink"; readonly sink: SinkSpec; readonly schema: Schema }
  /** Rows for `collect` and `stream`: from an exchange, or straight from the DuckDB stage that says so. */
  | {
      readonly kind: "rows";
      readonly schema: Schema;
      readonly exchange: number | null;
      /** The exchange's files are blocks instead of Parquet. */
      readonly blocks?: true;
    };

/** Stages in an order in which they can run: each one's inputs are made by stages before it. */
export interface PhysicalPlan {
  readonly stages: readonly Stage[];
  readonly exchanges: readonly Exchange[];
  readonly outputs: readonly PlannedOutput[];
}
