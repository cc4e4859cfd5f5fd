import { join } from "node:path";
import type { ErrorData } from "../common/errors.js";
import type { JsonValue } from "../expr/nodes.js";
import type { FileSystem } from "../io/sinkFileSystem.js";
import type { OutputMetrics, RunStatus, StageMetrics } from "../report/model.js";
import type { FileWritten, TaskResult } from "../task/protocol.js";
import { JournalWriter, readJournalFile } from "./journalFile.js";
import type { TaskIdentity } from "./taskIdentity.js";

/** First record: what the run is, so that another process can go on with it. */
export interface RunHeader {
  readonly kind: "run";
  readonly version: 1;
  readonly runId: string;
  readonly job: string;
  /** Versions of this package and of Node. */
  readonly product: string;
  readonly node: string;
  readonly startMs: number;
  readonly planFingerprint: string;
  /** Hash of every user function, by name. */
  readonly functions: { readonly [name: string]: string };
  readonly inputs: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  /** Paths of the outputs. */
  readonly targets: readonly string[];
  readonly parameters: { readonly [name: string]: JsonValue };
  /** The file that the plan came from, where a command line ran it. */
  readonly planFile: string | null;
  readonly partitionBytes: number;
}

export type JournalRecord =
  | RunHeader
  /** A process begins to work on the run. */
  | { readonly kind: "owner"; readonly pid: number; readonly startMs: number }
  | {
      readonly kind: "task";
      readonly identity: TaskIdentity;
      readonly attempts: number;
      readonly result: TaskResult;
    }
  /** A stage that is not made of tasks. */
  | {
      readonly kind: "stage";
      readonly identity: string;
      readonly metrics: StageMetrics;
      readonly files: readonly FileWritten[];
    }
  /** Everything is staged and about to be published. */
  | { readonly kind: "publishing"; readonly outputs: readonly OutputMetrics[] }
  | { readonly kind: "published"; readonly path: string }
  | { readonly kind: "finished"; readonly status: RunStatus; readonly error: ErrorData | null };

export type TaskRecord = Extract<JournalRecord, { readonly kind: "task" }>;
export type StageRecord = Extract<JournalRecord, { readonly kind: "stage" }>;

/** What a journal says, by what one looks for in it. */
export interface RunMemory {
  readonly header: RunHeader;
  /** The last record of each task, by the hash of its identity. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  /** The last record of each slot: which task of the plan it was. */
  readonly slots: ReadonlyMap<string, TaskRecord>;
  readonly stages: ReadonlyMap<string, StageRecord>;
  readonly publishing: readonly OutputMetrics[] | null;
  readonly published: ReadonlySet<string>;
  readonly finished: Extract<JournalRecord, { readonly kind: "finished" }> | null;
}

const journalPath = (runFolder: string): string => join(runFolder, "journal");

/** The journal of one run, open for writing. */
export class Journal {
  private constructor(private readonly writer: JournalWriter) {}

  /** @throws MillraceError External/FILE_IO, Resource/DISK_FULL */
  static begin(files: FileSystem, runFolder: string, header: RunHeader): Journal {
    const journal = new Journal(JournalWriter.create(files, journalPath(runFolder)));
    journal.write(header);
    // A journal whose name a crash may take away is none.
    files.syncFolder(runFolder);
    return journal;
  }

  /** Opens the journal of an earlier run to go on with it; null where there is none to go on with. @throws MillraceError Data/JOURNAL_DAMAGED */
  static resume(files: FileSystem, runFolder: string): { readonly journal: Journal; readonly memory: RunMemory } | null {
    const content = readJournalFile(files, journalPath(runFolder));
    const memory = content === null ? null : remember(content.records);
    if (content === null || memory === null) return null;
    return { journal: new Journal(JournalWriter.resume(files, journalPath(runFolder), content)), memory };
  }

  /** Adds a record and waits until the disk has it. */
  write(record: JournalRecord): void {
    this.writer.append(record);
    this.writer.sync();
  }

  close(): void {
    this.writer.close();
  }
}

/** What the journal of a run says, without opening it for more; null where there is none. */
export function readMemory(files: FileSystem, runFolder: string): RunMemory | null {
  const content = readJournalFile(files, journalPath(runFolder));
  return content === null ? null : remember(content.records);
}

function remember(records: readonly unknown[]): RunMemory | null {
  const [header, ...rest] = records as readonly JournalRecord[];
  if (header?.kind !== "run") return null;
  const tasks = new Map<string, TaskRecord>();
  const slots = new Map<string, TaskRecord>();
  const stages = new Map<string, StageRecord>();
  const published = new Set<string>();
  let publishing: RunMemory["publishing"] = null;
  let finished: RunMemory["finished"] = null;
  for (const record of rest) {
    if (record.kind === "task") {
      tasks.set(record.identity.hash, record);
      slots.set(record.identity.slot, record);
    } else if (record.kind === "stage") stages.set(record.identity, record);
    else if (record.kind === "publishing") publishing = record.outputs;
    else if (record.kind === "published") published.add(record.path);
    else if (record.kind === "finished") finished = record;
    // Whoever took the run up again has more to say.
    else if (record.kind === "owner") finished = null;
  }
  return { header, tasks, slots, stages, publishing, published, finished };
}
