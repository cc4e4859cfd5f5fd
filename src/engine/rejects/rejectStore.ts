import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Column } from "../../batch/column.js";
import { sliceColumn } from "../../batch/gather.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { readBlocks } from "../../exchange/openPart.js";
import { ReadMemory } from "../../exchange/readMemory.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { TaskResult } from "../../task/protocol.js";
import { taskRejectSchema } from "../../task/rejectColumns.js";
import { indexPath, type RejectIndex, rejectFolder, rejectsPath, writeRejectIndex } from "./rejectIndex.js";
import { RejectParquet } from "./rejectParquet.js";
import { RawFiles } from "./rejectRaw.js";
import { rejectSums } from "./rejectSums.js";

/** The rejects of one partition, once it is settled. */
export interface PartitionRejects {
  readonly rejects: TaskResult["rejects"];
  /** Lines of the file before the partition. */
  readonly lines: number;
  readonly partition: number;
  /** null: rows of an earlier stage. */
  readonly source: ResolvedSource | null;
}

export type RejectIndexHead = Pick<RejectIndex, "job" | "planFingerprint" | "shape" | "byRows" | "inputs" | "outputs">;

const place = (name: string): number => taskRejectSchema.findIndex((field) => field.name === name);
const [byteAt, fileAt, rawAt] = [place("byte"), place("file"), place("raw")];

interface OpenFiles {
  readonly writer: RejectParquet;
  readonly raws: RawFiles;
}

/**
 * Holds the rejects of a run's settled partitions, in order, and makes of them what people and `replay` read: one Parquet file, and the raw
 * records of every text file. Workers write them as they occur, in blocks; here lines become those of the file.
 */
export class RejectStore {
  private parts: PartitionRejects[] = [];
  private index: RejectIndex | null = null;
  private openFiles: OpenFiles | null = null;
  private readonly appended = new Set<PartitionRejects>();
  /** Each block is written down before the next one is read. */
  private readonly memory = new ReadMemory();
  private sources: readonly ResolvedSource[] = [];
  private readonly filesOf = new Map<ResolvedSource, ReadonlyMap<string, SourceFile>>();

  constructor(
    private readonly runFolder: string,
    private readonly runId: string,
  ) {}

  add(part: PartitionRejects): void {
    if (part.rejects.count === 0) return;
    this.parts.push(part);
    this.append(part);
  }

  /** The plan's sources, which rejects name by number. To be told before the first reject. */
  begin(sources: readonly ResolvedSource[]): void {
    this.sources = sources;
  }

  /** Forgets all but what was rejected while rows of the program were taken in: those can be read only once. */
  startOver(kept: ReadonlySet<TaskResult["rejects"]>): void {
    for (const { rejects } of this.parts) {
      if (!kept.has(rejects) && rejects.file !== null) rmSync(rejects.file, { force: true });
    }
    this.parts = this.parts.filter(({ rejects }) => kept.has(rejects));
    this.dropOpen();
  }

  /** What was written is no beginning of anything: the parts are there to begin anew. */
  private dropOpen(): void {
    const open = this.openFiles;
    this.openFiles = null;
    this.appended.clear();
    try {
      open?.writer.abort();
    } finally {
      open?.raws.abort();
    }
  }

  /** Files that hold the rejects, once `finish` has made them. */
  get files(): readonly string[] {
    if (this.index === null) return [];
    return [rejectsPath(this.runFolder), ...this.index.raws.map((raw) => join(rejectFolder(this.runFolder), raw.path))];
  }

  /** Counts by file and by column. */
  counts(): Pick<RejectIndex, "count" | "byCode" | "byFile" | "byColumn"> {
    return rejectSums(this.parts.map(({ rejects }) => rejects));
  }

  /** Writes the rejects down for good; false when there are none to keep, or they are kept already. */
  finish(head: RejectIndexHead): boolean {
    const kept = this.parts.filter(({ rejects }) => rejects.file !== null);
    if (this.index !== null || kept.length === 0) return false;
    for (const part of kept) this.append(part);
    const { writer, raws } = this.open();
    const files = this.intact(() => {
      writer.finish();
      return raws.finish();
    });
    this.index = { version: 1, runId: this.runId, ...head, ...this.counts(), raws: files };
    writeRejectIndex(this.runFolder, this.index);
    return true;
  }

  /** Removes what an earlier process made of its rejects: they are gathered anew. */
  removeEarlier(): void {
    const raws = join(rejectFolder(this.runFolder), "raw");
    for (const path of [indexPath(this.runFolder), rejectsPath(this.runFolder), raws])
      rmSync(path, { recursive: true, force: true });
  }

  private open(): OpenFiles {
    this.openFiles ??= {
      writer: new RejectParquet(rejectsPath(this.runFolder), this.runId),
      raws: new RawFiles(rejectFolder(this.runFolder)),
    };
    return this.openFiles;
  }

  /** Once for every part, as soon as it is there: while the workers go on, nobody waits for it. */
  private append(part: PartitionRejects): void {
    const blocks = part.rejects.file;
    if (this.appended.has(part) || blocks === null) return;
    this.appended.add(part);
    this.intact(() => this.write(part, blocks));
  }

  /** A file that a write failed in the middle of must not be gone on with: what is asked for later is made from the parts. */
  private intact<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.dropOpen();
      throw error;
    }
  }

  private fileOf(source: ResolvedSource, path: string): SourceFile {
    const files = this.filesOf.get(source) ?? new Map(source.files.map((file) => [file.path, file]));
    this.filesOf.set(source, files);
    return required(files.get(path), "file of the source");
  }

  private write(part: PartitionRejects, blocks: string): void {
    const { writer, raws } = this.open();
    const { source, rejects, partition, lines } = part;
    const number = source === null ? -1 : this.sources.indexOf(source);
    const text = source?.spec.format === "csv" || source?.spec.format === "jsonl";
    for (const batch of readBlocks([blocks], this.memory)) {
      writer.write(batch, { source: number, partition, lines, texts: rejects.texts });
      if (!text || source === null) continue;
      const [byte, raw] = [required(batch.columns[byteAt], "byte"), required(batch.columns[rawAt], "raw")];
      for (const { file, from, to } of runsOfFiles(required(batch.columns[fileAt], "file"))) {
        const path = rejects.texts[file] ?? "";
        // A row that has lost its place has no raw record.
        if (path !== "")
          raws.add(number, source, this.fileOf(source, path), {
            byte: sliceColumn(byte, from, to),
            raw: sliceColumn(raw, from, to),
          });
      }
    }
    raws.flush();
  }
}

/** Which rows that follow each other stood in the same file, by its number. */
function runsOfFiles(column: Column): { readonly file: number; readonly from: number; readonly to: number }[] {
  if (column.layout !== "fixed") throw internalError("files of rejects are no numbers");
  const numbers = column.values as Int32Array;
  const runs: { file: number; from: number; to: number }[] = [];
  for (let from = 0, to = 0; from < numbers.length; from = to) {
    const file = numbers[from] as number;
    while (to < numbers.length && numbers[to] === file) to++;
    runs.push({ file, from, to });
  }
  return runs;
}

/** What the index says of a run beside its rejects. */
export function indexHead(
  run: Pick<RejectIndex, "job" | "planFingerprint" | "shape">,
  sources: readonly ResolvedSource[],
  sinks: readonly { readonly path: string; readonly format: string; readonly mode: string }[],
): RejectIndexHead {
  const inputs = sources.flatMap((source) => source.files.map(({ path, bytes, modifiedMs }) => ({ path, bytes, modifiedMs })));
  const outputs = sinks.map(({ path, format, mode }) => ({ path: resolve(path), format, mode }));
  return { ...run, byRows: sources.some(({ spec }) => spec.format === "rows"), inputs, outputs };
}
