import type { Batch } from "../batch/column.js";
import type { MillraceError } from "../common/errors.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { Plan } from "../plan/nodes.js";
import type { WorkerPool } from "../pool/pool.js";
import { keepsJournals } from "../runtime/safety.js";
import type { Schema } from "../schema/types.js";
import type { Deadline } from "./deadline.js";
import type { RunEventBody } from "./observe/events.js";
import type { EngineSettings } from "./options.js";
import type { RunOptions } from "./runs/run.js";

/**
 * Takes the rows of an output that has no sink: its columns first, then batches, each good until the promise that it gives is settled; none is made
 * before.
 */
export interface RowsConsumer {
  /** Whether a second `begin` may take back what was given; otherwise the run must not need one. */
  readonly restarts: boolean;
  begin(schema: Schema): void;
  batch(batch: Batch): void | Promise<void>;
  /** All rows were given, and nothing was found that fails the run. */
  end?(): Promise<void>;
  /** The run fails. */
  fail?(error: MillraceError): void;
}

/** Which run a call of `engine.run` is about. */
export interface Resumption {
  /** The run to go on with; null: a new one. */
  readonly runId: string | null;
  /** The caller named the run: it is the same, whatever the rows are that the program hands over again. */
  readonly named: boolean;
  /** A run of the same job that has only its publishing to be completed, which comes first. */
  readonly finishFirst: string | null;
}

export interface Execution {
  readonly runId: string;
  readonly plan: Plan;
  readonly settings: EngineSettings;
  readonly pool: WorkerPool;
  readonly options: RunOptions;
  readonly emit: (event: RunEventBody) => void;
  /** Told when a stage's work is handed out: from now on this thread mostly waits. */
  readonly waiting: () => void;
  readonly onRows: RowsConsumer | null;
  /** Asks for a stop at the next border of a task. */
  readonly stop?: AbortSignal;
  readonly resumption?: Resumption;
  readonly deadline?: Deadline | null;
  /** What a replay does differently. */
  readonly replay?: ReplayHooks;
}

export interface ReplayHooks {
  /** The source to read in place of one of the plan, which are numbered from 0. */
  readonly source: (source: ResolvedSource, number: number) => ResolvedSource;
  /** Called when everything is computed; false: nothing is published. */
  readonly beforePublish: () => Promise<boolean>;
}

/** Rows that go to the program, and replays, are asked for again as a whole. */
export const keepsJournal = ({ onRows, replay }: Execution): boolean => keepsJournals && onRows === null && replay === undefined;
