import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ColumnReader, columnReader } from "../../batch/reader.js";
import { configError } from "../../common/errors.js";
import { folderOfRun, runIds, runNotFound } from "../../history/runFolders.js";
import { openReader, planPartitions, resolveSource } from "../../io/sources.js";
import type { Dataset } from "../../plan/dataset.js";
import { read } from "../../plan/read.js";
import type { RejectRecord } from "../../task/protocol.js";
import { rejectSchema } from "../../task/rejectColumns.js";
import { readRejectIndex, rejectFolder, type RejectIndex, rejectsPath } from "./rejectIndex.js";
import { replayedRecords } from "../replay/replayRecord.js";

/** One rejected record. `file` is as its source names it, empty where a row has no file; `line` counts in the whole file. */
export interface Reject extends RejectRecord {
  readonly runId: string;
  /** Number of the source in the plan, from 0; null for a row that an earlier stage made. */
  readonly source: number | null;
  readonly partition: number;
  /** `bytes`: `raw` is the record as it stands in the file; `json`: the row as a JSON object. */
  readonly rawKind: "bytes" | "json" | null;
  readonly raw: Uint8Array | null;
}

/** Whole rejected records of one source file, behind the bytes that the file begins with: it can be read like the file itself. */
export interface RawRejects {
  readonly file: string;
  readonly path: string;
  readonly records: number;
}

type Counts = Pick<RejectIndex, "count" | "byCode" | "byFile" | "byColumn">;

/**
 * The rejects of a run: an async iterable of typed records, and a dataset. Under `onReject: "skip"` they are counted, but not kept: there is
 * nothing to iterate then.
 */
export class RunRejects implements AsyncIterable<Reject> {
  readonly count: number;
  readonly byCode: Counts["byCode"];
  readonly byFile: Counts["byFile"];
  /** Rejects that name a column. */
  readonly byColumn: Counts["byColumn"];

  constructor(
    readonly runId: string,
    private readonly runFolder: string,
    counts: Counts,
  ) {
    this.count = counts.count;
    this.byCode = counts.byCode;
    this.byFile = counts.byFile;
    this.byColumn = counts.byColumn;
  }

  /** Whether the records themselves were kept. */
  get kept(): boolean {
    return existsSync(rejectsPath(this.runFolder));
  }

  /** The Parquet file of all records; null where none were kept. */
  get file(): string | null {
    return this.kept ? rejectsPath(this.runFolder) : null;
  }

  get rawFiles(): readonly RawRejects[] {
    const raws = readRejectIndex(this.runFolder)?.raws ?? [];
    return raws.map(({ file, path, records }) => ({ file, path: join(rejectFolder(this.runFolder), path), records }));
  }

  /** Records that replays have settled since. */
  get resolved(): number {
    return replayedRecords(this.runFolder).resolved;
  }

  /** The rejects as rows; see docs/REJECTS.md for the columns. */
  dataset(): Dataset {
    const { file } = this;
    if (file !== null) return read.parquet(file);
    const schema = Object.fromEntries(rejectSchema.map(({ name, type }) => [name, type.kind]));
    return read.rows([], { schema: schema as { readonly [name: string]: "utf8" } });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Reject> {
    const { file } = this;
    if (file === null) return;
    const source = await resolveSource({ format: "parquet", paths: [file], onReject: "fail", rejectLimits: {} });
    const scan = { source, schema: source.schema };
    for (const part of await planPartitions(source, 1)) {
      const reader = await openReader(scan, part, { batchRows: 8192, partition: 0, reject: () => undefined });
      try {
        for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
          const columns = new Map(batch.schema.map((field, i) => [field.name, batch.columns[i]]));
          const readers = new Map<string, ColumnReader>();
          for (const [name, column] of columns) if (column !== undefined) readers.set(name, columnReader(column));
          for (let row = 0; row < batch.length; row++) yield rejectAt(readers, row);
        }
      } finally {
        await reader.close();
      }
    }
  }
}

function rejectAt(readers: ReadonlyMap<string, ColumnReader>, row: number): Reject {
  const value = (name: string) => readers.get(name)?.(row) ?? null;
  const text = (name: string) => value(name) as string | null;
  const number = (name: string) => {
    const found = value(name);
    return found === null ? null : Number(found);
  };
  const raw = value("raw") as Uint8Array | null;
  return {
    runId: text("run_id") ?? "",
    source: number("source"),
    partition: number("partition") ?? 0,
    file: text("file") ?? "",
    line: number("line"),
    byte: number("byte"),
    length: number("length"),
    row: number("row"),
    stage: text("stage") ?? "",
    column: text("column"),
    code: text("code") ?? "",
    message: text("message") ?? "",
    functionName: text("function"),
    functionHash: text("function_hash"),
    attempt: number("attempt") ?? 1,
    rawKind: text("raw_kind") as Reject["rawKind"],
    raw: raw === null ? null : raw.slice(),
  };
}

export interface RejectsOf {
  /** Where runs keep their files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
  /** Default: the latest run that has rejects. */
  readonly runId?: string;
}

/** The folder of a run. @throws MillraceError Config/RUN_NOT_FOUND with the nearest ids */
export function runFolderOf(stateDir: string, runId: string): string {
  const runs = runIds(stateDir);
  if (runs.includes(runId)) return folderOfRun(stateDir, runId);
  throw runNotFound(stateDir, `there is no run ${JSON.stringify(runId)}`, runId, runs);
}

/** @throws MillraceError Config/RUN_NOT_FOUND */
export function openRejects(of: RejectsOf = {}): RunRejects {
  const stateDir = resolve(of.stateDir ?? ".millrace");
  const runId = of.runId ?? latestWithRejects(stateDir);
  const folder = runFolderOf(stateDir, runId);
  const index = readRejectIndex(folder) ?? { count: 0, byCode: {}, byFile: {}, byColumn: {} };
  return new RunRejects(runId, folder, index);
}

function latestWithRejects(stateDir: string): string {
  const found = runIds(stateDir)
    .reverse()
    .find((run) => existsSync(rejectsPath(folderOfRun(stateDir, run))));
  if (found !== undefined) return found;
  throw configError("RUN_NOT_FOUND", `no run in ${stateDir} has kept rejects`, {
    file: stateDir,
    hint: 'Rejects are kept of sources that are read with onReject: "quarantine"; name another folder with stateDir.',
  });
}
