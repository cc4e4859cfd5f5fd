import { nodeFileSystem } from "../../io/fileSystem.js";
import { thisProcess } from "../../io/commit/commitOwner.js";
import { killPoint } from "../../io/killPoint.js";
import type { ResumeMetrics } from "../../report/model.js";
import type { FileWritten, TaskResult } from "../../task/protocol.js";
import { fileChecksum, whatIsWrong } from "./fileCheck.js";
import {
  type IngestRecord,
  Journal,
  type JournalRecord,
  type RunHeader,
  type RunMemory,
  type StageRecord,
  type TaskRecord,
} from "./journal.js";
import { type TaskIdentity, whyChanged } from "./taskIdentity.js";

/** Tells of a task or query that is done although an earlier process had done it. */
export type OnRedone = (identity: TaskIdentity, reason: string) => void;

/**
 * The journal of a run at work: what earlier processes did that still counts, and a place for what this one does. A record counts when its
 * identity is that of the work at hand, and every file that it names is there with its size and checksum.
 */
export class RunJournal {
  private reusedTasks = 0;
  private reusedStages = 0;
  private readonly redone: { readonly task: string; readonly reason: string }[] = [];
  private forgotten = false;
  private closed = false;
  private noted = false;

  constructor(
    private readonly journal: Journal,
    /** null for a run that nobody began before. */
    readonly memory: RunMemory | null,
    private readonly onRedone: OnRedone,
  ) {}

  /** Says what the run is and who works on it; gives the number of results that earlier processes left. */
  begin(header: RunHeader): number {
    this.journal.note(header);
    this.journal.note({ kind: "owner", ...thisProcess(), startMs: header.startMs });
    killPoint("run-begun");
    return this.memory === null ? 0 : this.memory.tasks.size + this.memory.stages.size;
  }

  /** What an earlier process made of this very task; null when it is to be done. */
  async task(identity: TaskIdentity): Promise<TaskRecord | null> {
    const record = this.known?.tasks.get(identity.hash);
    if (record === undefined) return this.notKnown(identity);
    const wrong = (await whatIsWrong(filesOf(record.result))) ?? (await rejectsWrong(record));
    if (wrong !== null) return this.doAgain(identity, wrong);
    this.reusedTasks++;
    return record;
  }

  async stage(identity: TaskIdentity): Promise<StageRecord | null> {
    const record = this.known?.stages.get(identity.hash);
    if (record === undefined) return this.notKnown(identity);
    const wrong = await whatIsWrong(record.files);
    if (wrong !== null) return this.doAgain(identity, wrong);
    this.reusedStages++;
    return record;
  }

  /** Rows of the program that an earlier process took in, all of them. */
  async ingest(source: number): Promise<IngestRecord | null> {
    const record = this.memory?.ingests.get(source);
    if (record === undefined) return null;
    const wrong = (await whatIsWrong(record.files)) ?? (await rejectsWrong(record));
    if (wrong === null) this.reusedStages++;
    return wrong === null ? record : null;
  }

  taskDone(identity: TaskIdentity, attempts: number, result: TaskResult, instead: TaskIdentity | null): void {
    killPoint("task-done");
    this.note({ kind: "task", identity, attempts, result, rejects: result.rejects.written, instead: instead?.hash ?? null });
  }

  stageDone(identity: TaskIdentity, rows: number, files: readonly FileWritten[]): void {
    killPoint("task-done");
    this.note({ kind: "stage", identity, rows, files });
  }

  ingestDone(source: number, files: readonly FileWritten[], result: TaskResult): void {
    killPoint("task-done");
    this.note({ kind: "ingest", source, files, result, rejects: result.rejects.written });
  }

  /** Whether anything is there that a later process could take over. */
  get isWorthKeeping(): boolean {
    return this.noted || (this.memory !== null && this.memory.tasks.size + this.memory.stages.size > 0);
  }

  /** One more output stands at its place. Not waited for: whoever goes on without this record finds that out from the target. */
  published(path: string): void {
    this.note({ kind: "published", path });
  }

  write(record: JournalRecord): void {
    this.journal.write(record);
  }

  /** What ends after its run did is not kept. */
  private note(record: JournalRecord): void {
    if (this.closed) return;
    this.noted = true;
    this.journal.note(record);
  }

  /** The plan is cut anew: what was done of the old one does not count. */
  replanned(): void {
    this.forgotten = true;
    this.journal.write({ kind: "replanned" });
  }

  /** For the report; null for a run that nobody began before. */
  get metrics(): ResumeMetrics | null {
    if (this.memory === null) return null;
    const { reusedTasks, reusedStages, redone } = this;
    return { earlierProcesses: this.memory.owners, reusedTasks, reusedStages, redone };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.journal.close();
  }

  private get known(): RunMemory | null {
    return this.forgotten ? null : this.memory;
  }

  /** Work that is another than it was is told of; what an earlier process did not come to is not. */
  private notKnown(identity: TaskIdentity): null {
    const { known } = this;
    const reason = known === null ? null : whyChanged(identity, known.header, known.slots.get(identity.slot) ?? null);
    return reason === null ? null : this.doAgain(identity, reason);
  }

  private doAgain(identity: TaskIdentity, reason: string): null {
    this.redone.push({ task: identity.slot, reason });
    this.onRedone(identity, reason);
    return null;
  }
}

const filesOf = (result: TaskResult): FileWritten[] => result.steps.flatMap((step) => [...step.files]);

async function rejectsWrong({ result, rejects }: TaskRecord | IngestRecord): Promise<string | null> {
  const path = result.rejects.file;
  if (path === null) return null;
  const { bytes, checksum } = rejects ?? { bytes: 0, checksum: "" };
  return whatIsWrong([{ path, bytes, checksum, rows: 0, partitionValues: [] }]);
}

/** Opens the journal of a run, which may be one that an earlier process began. @throws MillraceError Data/JOURNAL_DAMAGED */
export function openJournal(runFolder: string, onRedone: OnRedone): RunJournal {
  const earlier = Journal.resume(nodeFileSystem, runFolder);
  if (earlier !== null) return new RunJournal(earlier.journal, earlier.memory, onRedone);
  const journal = Journal.begin(nodeFileSystem, runFolder);
  killPoint("journal-begun");
  return new RunJournal(journal, null, onRedone);
}

/** A file of a query, with what it takes to know it again. */
export async function withChecksum(file: FileWritten): Promise<FileWritten> {
  return { ...file, ...(await fileChecksum(file.path)) };
}
