import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { required } from "../../common/assert.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import { rejectFolder, type RejectIndex, type RawFileEntry } from "../rejects/rejectIndex.js";
import type { Reject } from "../rejects/runRejects.js";

/** A reject with its number among those of its run. */
export interface Candidate {
  readonly number: number;
  readonly reject: Reject;
}

/** Which record a reject is of: several branches of a plan may reject the same one. */
export function recordKey({ source, file, byte, row, stage, code, raw }: Reject): string {
  if (byte !== null) return `${source} ${file} at ${byte}`;
  if (row !== null) return `${source} ${file} row ${row}`;
  return `${stage} ${code} ${raw === null ? "" : Buffer.from(raw).toString("base64")}`;
}

/** Codes whose records read differently among others, since a quote may pair with one of theirs: each is read from a file of its own. */
const byThemselves = new Set(["CSV_UNCLOSED_QUOTE", "CSV_STRAY_QUOTE", "CSV_DOUBTFUL"]);

interface InputFile {
  readonly path: string;
  readonly source: number;
  readonly original: string;
  /** First bytes of its records, ascending, and whose they are. */
  readonly starts: number[];
  readonly keys: string[];
  bytes: number;
}

/** The rejected records once more as text files, each behind the bytes that the file it comes from begins with. */
export class ReplayInput {
  private readonly files: InputFile[] = [];
  private readonly shared = new Map<string, InputFile>();
  private readonly known = new Set<string>();
  private readonly heads = new Map<string, Uint8Array>();
  private readonly folder: string;

  constructor(
    private readonly runFolder: string,
    private readonly index: RejectIndex,
    replayFolder: string,
  ) {
    this.folder = join(replayFolder, "replay-input");
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
  }

  /** Writes the records of one kind of source file after the other; each record once. */
  add(candidates: readonly Candidate[]): void {
    const byFile = new Map<InputFile, { readonly raw: Uint8Array; readonly key: string }[]>();
    for (const { reject } of candidates) {
      const key = recordKey(reject);
      if (this.known.has(key) || reject.raw === null || reject.source === null) continue;
      this.known.add(key);
      const file = byThemselves.has(reject.code)
        ? this.make(reject.source, reject.file)
        : this.sharedFile(reject.source, reject.file);
      const records = byFile.get(file) ?? [];
      records.push({ raw: reject.raw, key });
      byFile.set(file, records);
    }
    for (const [file, records] of byFile) this.write(file, records);
  }

  /** The source with the records in place of its files. Folder columns keep the values of the file that a record comes from. */
  sourceFor(source: ResolvedSource, number: number): ResolvedSource {
    const files = this.files
      .filter((file) => file.source === number)
      .map((file): SourceFile => {
        const { path } = file;
        const { size, mtimeMs } = statSync(path);
        const original = source.files.find((one) => one.path === file.original);
        const partitionValues = original?.partitionValues ?? source.partitionColumns.map(() => null);
        return { path, bytes: size, modifiedMs: mtimeMs, partitionValues };
      });
    const { spec } = source;
    if (spec.format === "rows" || spec.format === "sql") return source;
    return { ...source, spec: { ...spec, onReject: "quarantine", rejectLimits: {} }, files };
  }

  /** The record that a reject of the replay belongs to; null when it is of none. */
  keyOf(reject: Reject): string | null {
    const file = this.files.find((one) => one.path === reject.file);
    if (file === undefined || reject.byte === null) return null;
    let [low, high] = [0, file.starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((file.starts[middle] as number) <= reject.byte) low = middle + 1;
      else high = middle;
    }
    return file.keys[low - 1] ?? null;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private sharedFile(source: number, original: string): InputFile {
    const key = `${source} ${original}`;
    const file = this.shared.get(key) ?? this.make(source, original);
    this.shared.set(key, file);
    return file;
  }

  private make(source: number, original: string): InputFile {
    const path = join(this.folder, `${String(this.files.length).padStart(6, "0")}.raw`);
    const head = this.head(this.entry(source, original));
    const fd = openSync(path, "w");
    writeSync(fd, head);
    closeSync(fd);
    const file: InputFile = { path, source, original, starts: [], keys: [], bytes: head.length };
    this.files.push(file);
    return file;
  }

  private entry(source: number, file: string): RawFileEntry {
    const found = this.index.raws.find((raw) => raw.source === source && raw.file === file);
    return required(found, `raw records of ${file}`);
  }

  private head(entry: RawFileEntry): Uint8Array {
    const known = this.heads.get(entry.path);
    if (known !== undefined) return known;
    const head = new Uint8Array(entry.headBytes);
    const fd = openSync(join(rejectFolder(this.runFolder), entry.path), "r");
    try {
      readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
    this.heads.set(entry.path, head);
    return head;
  }

  private write(file: InputFile, records: readonly { readonly raw: Uint8Array; readonly key: string }[]): void {
    const end = Uint8Array.from(this.entry(file.source, file.original).lineEnd);
    const fd = openSync(file.path, "a");
    try {
      for (const { raw, key } of records) {
        file.starts.push(file.bytes);
        file.keys.push(key);
        file.bytes += raw.length + end.length;
      }
      writeSync(fd, Buffer.concat(records.flatMap(({ raw }) => [raw, end])));
    } finally {
      closeSync(fd);
    }
  }
}
