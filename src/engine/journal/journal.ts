import { join } from "node:path";
import type { ErrorData } from "../../common/errors.js";
import type { JsonValue } from "../../expr/nodes.js";
import type { Staged, Target } from "../../io/commit/commit.js";
import { killPoint } from "../../io/killPoint.js";
import type { FileSystem } from "../../io/fileSystem.js";
import type { SinkSpec } from "../../plan/nodes.js";
import type { RunStatus, StageFlow } from "../../report/model.js";
import type { Schema } from "../../schema/types.js";
import type { FileWritten, TaskResult } from "../../task/protocol.js";
import type { CountedMetrics } from "../observe/countedMetrics.js";
import { JournalWriter, readJournalFile } from "./journalFile.js";
import type { TaskIdentity } from "./taskIdentity.js";

/** First record: what the run is, so that another process can go on with it. Each that does writes it again, as it finds things then. */
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
  /** Of the plan with names in place of its functions. */
  readonly planShape: string;
  /** Hash of every user function, by name. */
  readonly functions: { readonly [name: string]: string };
  readonly inputs: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  /** Absolute paths of the outputs. */
  readonly targets: readonly string[];
  readonly parameters: { readonly [name: string]: JsonValue };
  /** The file that the plan came from, where a command line ran it; absolute. */
  readonly planFile: string | null;
  readonly workingFolder: string;
  /** Settings that decide how the work is cut, and so the bytes of the outputs. */
  readonly shaping: Shaping;
}

export interface Shaping {
  readonly partitionBytes: number;
  readonly broadcastBytes: number;
  readonly optimizer: boolean;
}

/** An output of which every byte is staged. */
export type StagedOutput =
  | { readonly kind: "files"; readonly target: Target; readonly staged: Staged }
  /** A table of a database file. `rowsBefore`: its rows before this run added its own; null where there was no such table. */
  | {
      readonly kind: "table";
      readonly sink: SinkSpec;
      readonly schema: Schema;
      readonly fragments: readonly FileWritten[];
      readonly rowsBefore: number | null;
    };

/** What a report is made of, without what stands in the engine's own settings. */
export interface SavedReport {
  readonly metrics: CountedMetrics;
  readonly flow: readonly StageFlow[];
}

/** Size and crc32 of the file that holds a task's rejects; null where it has none. */
export type KeptRejects = { readonly bytes: number; readonly checksum: string } | null;

export type JournalRecord =
  | RunHeader
  /** A process begins to work on the run. */
  | { readonly kind: "owner"; readonly pid: number; readonly started: string | null; readonly startMs: number }
  /** `instead`: identity of the task that was planned, where its guess of a record border was wrong and this one took its place. */
  | {
      readonly kind: "task";
      readonly identity: TaskIdentity;
      readonly attempts: number;
      readonly result: TaskResult;
      readonly rejects: KeptRejects;
      readonly instead: string | null;
    }
  /** A stage that is one query. */
  | {
      readonly kind: "stage";
      readonly identity: TaskIdentity;
      readonly rows: number;
      readonly files: readonly FileWritten[];
    }
  /** Rows of the program were taken in, by the place of their source in the plan. */
  | {
      readonly kind: "ingest";
      readonly source: number;
      readonly files: readonly FileWritten[];
      readonly result: TaskResult;
      readonly rejects: KeptRejects;
    }
  /** A query failed for single rows: from here on they are rejected one by one. */
  | { readonly kind: "replanned" }
  /** Everything is staged, and what the report will say is known; nothing is visible yet. */
  | { readonly kind: "publishing"; readonly outputs: readonly StagedOutput[]; readonly report: SavedReport }
  | { readonly kind: "published"; readonly path: string }
  /** The run ended before its time, and can be gone on with. */
  | { readonly kind: "stopped"; readonly error: ErrorData }
  | { readonly kind: "finished"; readonly status: RunStatus; readonly error: ErrorData | null };

type RecordOf<K extends JournalRecord["kind"]> = Extract<JournalRecord, { readonly kind: K }>;
export type TaskRecord = RecordOf<"task">;
export type StageRecord = RecordOf<"stage">;
export type IngestRecord = RecordOf<"ingest">;
export type PublishingRecord = RecordOf<"publishing">;

/** What a journal says, by what one looks for in it. */
export interface RunMemory {
  /** The last one; `startMs` is that of the first. */
  readonly header: RunHeader;
  /** Processes that worked on the run. */
  readonly owners: number;
  /** The last record of each task, by the hash of its identity and of the one it stands in for. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  readonly stages: ReadonlyMap<string, StageRecord>;
  readonly ingests: ReadonlyMap<number, IngestRecord>;
  /** The last identity of each slot. */
  readonly slots: ReadonlyMap<string, TaskIdentity>;
  readonly replanned: boolean;
  readonly publishing: PublishingRecord | null;
  readonly published: ReadonlySet<string>;
  readonly stopped: ErrorData | null;
  readonly finished: RecordOf<"finished"> | null;
}

const journalPath = (runFolder: string): string => join(runFolder, "journal");

/** The journal of one run, open for writing. */
export class Journal {
  /** A journal whose name a crash may take away is none. */
  private named = false;
  /** Why the disk did not take the name. It is not asked twice. */
  private nameless: unknown = null;

  private constructor(
    private readonly files: FileSystem,
    private readonly folder: string,
    private readonly writer: JournalWriter,
  ) {
    // Not at once: a flush while the run begins holds up everything that it makes then.
    writer.whenFlushed(() => this.nameSoon());
  }

  /** @throws MillraceError External/FILE_IO, Resource/DISK_FULL */
  static begin(files: FileSystem, runFolder: string): Journal {
    return new Journal(files, runFolder, JournalWriter.create(files, journalPath(runFolder)));
  }

  /** Opens the journal of an earlier run to go on with it; null where there is none to go on with. @throws MillraceError Data/JOURNAL_DAMAGED */
  static resume(files: FileSystem, runFolder: string): { readonly journal: Journal; readonly memory: RunMemory } | null {
    const content = readJournalFile(files, journalPath(runFolder));
    const memory = content === null ? null : remember(content.records);
    if (content === null || memory === null) return null;
    const writer = JournalWriter.resume(files, journalPath(runFolder), content);
    return { journal: new Journal(files, runFolder, writer), memory };
  }

  /** Adds a record and waits until the disk has it. */
  write(record: JournalRecord): void {
    this.writer.append(record);
    killPoint("journal-write");
    this.writer.sync();
    if (this.nameless !== null) throw this.nameless;
    if (!this.named) this.files.syncFolder(this.folder);
    this.named = true;
    killPoint("journal-sync");
  }

  /**
   * Adds a record that the disk will have soon. A process that dies loses nothing by that; a machine that does loses the last records, whose
   * tasks are then done again.
   */
  note(record: JournalRecord): void {
    this.writer.append(record);
    killPoint("journal-write");
    this.writer.syncSoon();
  }

  /** Where this fails, the first record that is waited for tells. */
  private async nameSoon(): Promise<void> {
    if (this.named) return;
    try {
      await this.files.syncFolders([this.folder]);
      this.named = true;
    } catch (thrown) {
      this.nameless = thrown;
    }
  }

  async close(): Promise<void> {
    await this.writer.close();
  }
}

/** What the journal of a run says, without opening it for more; null where there is none. */
export function readMemory(files: FileSystem, runFolder: string): RunMemory | null {
  const content = readJournalFile(files, journalPath(runFolder));
  return content === null ? null : remember(content.records);
}

function remember(records: readonly unknown[]): RunMemory | null {
  const [first] = records as readonly JournalRecord[];
  if (first?.kind !== "run" || first.version !== 1) return null;
  const reader = new JournalReader(first);
  for (const record of records as readonly JournalRecord[]) reader.take(record);
  return reader;
}

class JournalReader implements RunMemory {
  header: RunHeader;
  owners = 0;
  readonly tasks = new Map<string, TaskRecord>();
  readonly stages = new Map<string, StageRecord>();
  readonly ingests = new Map<number, IngestRecord>();
  readonly slots = new Map<string, TaskIdentity>();
  replanned = false;
  publishing: PublishingRecord | null = null;
  readonly published = new Set<string>();
  stopped: ErrorData | null = null;
  finished: RunMemory["finished"] = null;

  constructor(private readonly first: RunHeader) {
    this.header = first;
  }

  take(record: JournalRecord): void {
    switch (record.kind) {
      case "run":
        this.header = { ...record, startMs: this.first.startMs };
        return;
      case "owner":
        // Whoever took the run up again has more to say.
        this.owners++;
        this.stopped = null;
        return;
      case "task":
        this.tasks.set(record.identity.hash, record);
        if (record.instead !== null) this.tasks.set(record.instead, record);
        this.slots.set(record.identity.slot, record.identity);
        return;
      case "stage":
        this.stages.set(record.identity.hash, record);
        this.slots.set(record.identity.slot, record.identity);
        return;
      case "ingest":
        this.ingests.set(record.source, record);
        return;
      case "replanned":
        this.replanned = true;
        this.tasks.clear();
        this.stages.clear();
        this.slots.clear();
        return;
      case "publishing":
        this.publishing = record;
        return;
      case "published":
        this.published.add(record.path);
        return;
      case "stopped":
        this.stopped = record.error;
        return;
      case "finished":
        this.finished = record;
        return;
      // A later version may know more kinds; what it adds must not be needed to read the rest.
      default:
    }
  }
}
