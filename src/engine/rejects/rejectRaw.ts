import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { BytesColumn, Column } from "../../batch/column.js";
import { internalError } from "../../common/errors.js";
import { readCsvHead } from "../../io/csv/csvHead.js";
import { Transcoder } from "../../io/text/encoding.js";
import { transcodeHead } from "../../io/text/encodingSource.js";
import { fileError } from "../../io/fileErrors.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { readHeadBytes } from "../../io/text/textBytes.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { RawFileEntry } from "./rejectIndex.js";

const linefeed = 10;
/** What is held of one file before it is written. */
const mostHeldBytes = 4 << 20;
const shortRecord = 256;

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
    const { bytes, whole } = readHeadBytes(file, Math.max(length, dataStart * 4));
    const text = transcodeHead(bytes, encoding, whole);
    if (text.length < dataStart && !whole) continue;
    const head = text.slice(0, dataStart);
    const lineEnd = Uint8Array.of(dialect.newline);
    if (encoding === "utf8") return { bytes: head, lineEnd: [...lineEnd] };
    const transcoder = new Transcoder(encoding);
    return { bytes: transcoder.encode(head), lineEnd: [...transcoder.encode(lineEnd)] };
  }
}

// Loops over many records are functions of their own: those are compiled in no time, while a job of a second pays for each large one.

/** Whether each number is greater than the one before, and the first than `before`. */
function isAscending(numbers: Float64Array, before: number): boolean {
  let last = before;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    if (number <= last) return false;
    last = number;
  }
  return true;
}

function putBefore(ends: Int32Array, byte: number, bytes: Uint8Array): void {
  for (let i = 0; i < ends.length; i++) bytes[(ends[i] as number) - 1] = byte;
}

function shift(numbers: Int32Array, by: number, out: Float64Array, at: number): void {
  for (let i = 0; i < numbers.length; i++) out[at + i] = (numbers[i] as number) + by;
}

/** A list of numbers that grows. */
class Numbers {
  length = 0;
  values = new Float64Array(1024);

  push(value: number): void {
    if (this.length === this.values.length) this.reserve(1);
    this.values[this.length++] = value;
  }

  pushAll(values: Float64Array): void {
    this.reserve(values.length);
    this.values.set(values, this.length);
    this.length += values.length;
  }

  pushShifted(values: Int32Array, by: number): void {
    this.reserve(values.length);
    shift(values, by, this.values, this.length);
    this.length += values.length;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.values.length) return;
    const bigger = new Float64Array(Math.max(this.length + more, this.length * 2));
    bigger.set(this.values.subarray(0, this.length));
    this.values = bigger;
  }
}

/** Records by their first bytes, which mostly come in ascending order: a set of them all is made only when one does not. */
class SeenRecords {
  private readonly ascending = new Numbers();
  private last = -1;
  private all: Set<number> | null = null;

  get size(): number {
    return this.all?.size ?? this.ascending.length;
  }

  /** Takes places of which each is behind the one before and all behind those that are here; false, and nothing is taken, where they are not. */
  addAscending(bytes: Float64Array): boolean {
    if (this.all !== null || !isAscending(bytes, this.last)) return false;
    this.last = bytes[bytes.length - 1] ?? this.last;
    this.ascending.pushAll(bytes);
    return true;
  }

  /** False where it was there already. */
  add(byte: number): boolean {
    if (this.all === null && byte > this.last) {
      this.ascending.push(byte);
      this.last = byte;
      return true;
    }
    this.all ??= new Set(this.ascending.values.subarray(0, this.ascending.length));
    const before = this.all.size;
    this.all.add(byte);
    return this.all.size > before;
  }
}

/** Records that wait to be written, each with its line end, one behind the other: no object for each. */
class HeldRecords {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;
  /** The first byte of each record in its file, and where it ends here. */
  private places = new Numbers();
  private ends = new Numbers();
  private last = -1;
  private isAscending = true;

  constructor(private readonly lineEnd: readonly number[]) {}

  get size(): number {
    return this.length;
  }

  add(place: number, source: Uint8Array, from: number, to: number): void {
    const { lineEnd } = this;
    const end = this.length + to - from + lineEnd.length;
    if (end > this.bytes.length) this.grow(end);
    const { bytes } = this;
    let at = this.length;
    // Most records are short: a view of each costs more than its bytes.
    if (to - from > shortRecord) {
      bytes.set(source.subarray(from, to), at);
      at += to - from;
    } else {
      for (let i = from; i < to; i++) bytes[at++] = source[i] as number;
    }
    for (let i = 0; i < lineEnd.length; i++) bytes[at++] = lineEnd[i] as number;
    if (place <= this.last) this.isAscending = false;
    this.last = place;
    this.places.push(place);
    this.ends.push(at);
    this.length = at;
  }

  /** Takes records that stand one behind the other, each with its line end, in ascending order. `ends`: where each ends in `bytes`. */
  addAll(places: Float64Array, bytes: Uint8Array, ends: Int32Array): void {
    const { length } = this;
    if (length + bytes.length > this.bytes.length) this.grow(length + bytes.length);
    this.bytes.set(bytes, length);
    this.length += bytes.length;
    this.ends.pushShifted(ends, length);
    this.places.pushAll(places);
    if ((places[0] ?? 0) <= this.last) this.isAscending = false;
    this.last = places[places.length - 1] ?? this.last;
  }

  /** What is held, in the order of the places; nothing is held then. The bytes are good until the next `add`. */
  take(): Uint8Array {
    const held = this.isAscending ? this.bytes.subarray(0, this.length) : this.sorted();
    this.places.length = 0;
    this.ends.length = 0;
    this.length = 0;
    this.last = -1;
    this.isAscending = true;
    return held;
  }

  private sorted(): Uint8Array {
    const { length, values: places } = this.places;
    const ends = this.ends.values;
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const i of Array.from({ length }, (_, n) => n).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0))) {
      const [from, to] = [i === 0 ? 0 : (ends[i - 1] ?? 0), ends[i] ?? 0];
      out.set(this.bytes.subarray(from, to), at);
      at += to - from;
    }
    return out;
  }

  private grow(needed: number): void {
    const bigger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }
}

interface RawFile {
  readonly entry: Omit<RawFileEntry, "records">;
  readonly full: string;
  /** First bytes of the records that are in the file already: several branches of a plan may reject the same record. */
  readonly seen: SeenRecords;
  readonly held: HeldRecords;
  /** Bytes that the file has. */
  written: number;
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
    if (columns.byte.layout !== "fixed") throw internalError("places of records are no numbers");
    const bytes = columns.byte.values as Float64Array;
    if (!takeWhole(target, bytes, raw)) for (let row = 0; row < raw.length; row++) take(target, bytes[row] ?? -1, raw, row);
    if (target.held.size >= mostHeldBytes) flush(target);
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
    nodeFileSystem.makeFolder(join(this.folder, "raw"));
    withFile(full, "create", "write", (fd) => nodeFileSystem.write(fd, [head.bytes], 0));
    const { lineEnd } = head;
    const headBytes = head.bytes.length;
    const entry = { source, format, file: file.path, path: `raw/${name}`, headBytes, lineEnd };
    const made: RawFile = { entry, full, seen: new SeenRecords(), held: new HeldRecords(lineEnd), written: headBytes };
    this.files.set(key, made);
    return made;
  }
}

/** Takes a block as it stands, where the byte behind each record has room for the line end and every record is new; false where that is not so. */
function takeWhole({ entry, seen, held }: RawFile, places: Float64Array, { bytes, starts, ends, valid }: BytesColumn): boolean {
  const [lineEnd = linefeed] = entry.lineEnd;
  if (entry.lineEnd.length !== 1 || valid !== null || starts[0] !== 0 || !seen.addAscending(places)) return false;
  putBefore(ends, lineEnd, bytes);
  held.addAll(places, bytes.subarray(0, ends[ends.length - 1] ?? 0), ends);
  return true;
}

function take(target: RawFile, byte: number, raw: BytesColumn, row: number): void {
  if (byte < 0 || raw.valid?.[row] === 0) return;
  if (!target.seen.add(byte)) return;
  target.held.add(byte, raw.bytes, raw.starts[row] ?? 0, (raw.ends[row] ?? 0) - 1);
  if (target.held.size >= mostHeldBytes) flush(target);
}

function flush(file: RawFile): void {
  if (file.held.size === 0) return;
  const bytes = file.held.take();
  withFile(file.full, "update", "write", (fd) => nodeFileSystem.write(fd, [bytes], file.written));
  file.written += bytes.length;
}

const sync = (file: string): void => withFile(file, "read", "sync", (fd) => nodeFileSystem.fsync(fd));

/** Does something with a file whose failure names it. `doing` reads like "write". */
function withFile(file: string, how: "create" | "update" | "read", doing: string, work: (fd: number) => void): void {
  const fd = nodeFileSystem.open(file, how);
  try {
    work(fd);
  } catch (cause) {
    throw fileError(cause, doing, file);
  } finally {
    nodeFileSystem.close(fd);
  }
}
