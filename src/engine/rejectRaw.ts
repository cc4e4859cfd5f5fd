import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { BytesColumn, Column } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { readCsvHead } from "../io/csvHead.js";
import { Transcoder } from "../io/encoding.js";
import { transcodeHead } from "../io/encodingSource.js";
import { readHeadBytes } from "../io/textBytes.js";
import type { ResolvedSource, SourceFile } from "../plan/bound.js";
import type { RawFileEntry } from "./rejectIndex.js";

const linefeed = 10;
/** What is held of one file before it is written. */
const mostHeldBytes = 4 << 20;

/** The bytes that a text file begins with, before its first record, and those that end its lines, both as they stand in the file. */
export function headOf(
  source: ResolvedSource,
  file: SourceFile,
): { readonly bytes: Uint8Array; readonly lineEnd: readonly number[] } {
  const { spec } = source;
  if (spec.format !== "csv") return { bytes: new Uint8Array(0), lineEnd: [linefeed] };
  const { dataStart, dialect, encoding } = readCsvHead(file, spec.csv);
  // A compressed file tells its length only once it is unpacked: more is read until the head is whole.
  for (let length = 65_536; ; length *= 8) {
    const { bytes, whole } = readHeadBytes(file.path, Math.max(length, dataStart * 4));
    const text = transcodeHead(bytes, encoding, whole);
    if (text.length < dataStart && !whole) continue;
    const head = text.slice(0, dataStart);
    const lineEnd = Uint8Array.of(dialect.newline);
    if (encoding === "utf8") return { bytes: head, lineEnd: [...lineEnd] };
    const transcoder = new Transcoder(encoding);
    return { bytes: transcoder.encode(head), lineEnd: [...transcoder.encode(lineEnd)] };
  }
}

/** A record as a range of the block that it was read with. */
interface HeldRecord {
  readonly byte: number;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

interface RawFile {
  readonly entry: Omit<RawFileEntry, "records">;
  readonly full: string;
  /** First bytes of the records that are in the file already: several branches of a plan may reject the same record. */
  readonly seen: Set<number>;
  held: HeldRecord[];
  heldBytes: number;
}

/** Gathers rejected records by the file that they stood in, each once, in the order of partitions and then of their places. */
export class RawFiles {
  private readonly files = new Map<string, RawFile>();

  constructor(private readonly folder: string) {}

  /** Takes the rejects of a part of one text file. Columns in the order of `taskRejectSchema`. */
  add(number: number, source: ResolvedSource, file: SourceFile, columns: { byte: Column; raw: Column }): void {
    const raw = columns.raw;
    if (raw.layout !== "bytes") throw internalError("raw bytes are no byte column");
    const target = this.open(number, source, file);
    const bytes = columns.byte.layout === "fixed" ? (columns.byte.values as Float64Array) : [];
    for (let row = 0; row < raw.length; row++) this.take(target, bytes[row] ?? -1, raw, row);
  }

  private take(target: RawFile, byte: number, raw: BytesColumn, row: number): void {
    if (byte < 0 || raw.valid?.[row] === 0) return;
    if (target.seen.has(byte)) return;
    target.seen.add(byte);
    const [from, to] = [raw.starts[row] ?? 0, raw.ends[row] ?? 0];
    target.held.push({ byte, bytes: raw.bytes, from, to });
    target.heldBytes += to - from;
    if (target.heldBytes >= mostHeldBytes) flush(target);
  }

  /** Writes what is held; nothing of a partition stays in memory. */
  flush(): void {
    for (const file of this.files.values()) flush(file);
  }

  abort(): void {
    rmSync(join(this.folder, "raw"), { recursive: true, force: true });
  }

  finish(): RawFileEntry[] {
    this.flush();
    return [...this.files.values()].map(({ entry, full, seen }) => {
      sync(full);
      return { ...entry, records: seen.size };
    });
  }

  private open(source: number, resolved: ResolvedSource, file: SourceFile): RawFile {
    const key = `${source} ${file.path}`;
    const known = this.files.get(key);
    if (known !== undefined) return known;
    const { format } = resolved.spec;
    if (format !== "csv" && format !== "jsonl") throw internalError(`${format} has no raw records`);
    const head = headOf(resolved, file);
    const name = `${String(this.files.size).padStart(4, "0")}-${basename(file.path).slice(-120)}.raw`;
    const full = join(this.folder, "raw", name);
    mkdirSync(join(this.folder, "raw"), { recursive: true });
    writeFileSync(full, head.bytes);
    const { lineEnd } = head;
    const entry = { source, format, file: file.path, path: `raw/${name}`, headBytes: head.bytes.length, lineEnd };
    const made: RawFile = { entry, full, seen: new Set(), held: [], heldBytes: 0 };
    this.files.set(key, made);
    return made;
  }
}

function flush(file: RawFile): void {
  if (file.held.length === 0) return;
  const { lineEnd } = file.entry;
  const out = new Uint8Array(file.heldBytes + file.held.length * lineEnd.length);
  let at = 0;
  for (const { bytes, from, to } of file.held.sort((a, b) => a.byte - b.byte)) {
    out.set(bytes.subarray(from, to), at);
    out.set(lineEnd, at + to - from);
    at += to - from + lineEnd.length;
  }
  appendFileSync(file.full, out);
  file.held = [];
  file.heldBytes = 0;
}

function sync(file: string): void {
  const fd = openSync(file, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
