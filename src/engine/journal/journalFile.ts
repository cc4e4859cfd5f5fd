import { crc32 } from "node:zlib";
import type * as MessagePack from "msgpackr";
import { dataError } from "../../common/errors.js";
import { requireLibrary } from "../../common/library.js";
import { fileError } from "../../io/fileErrors.js";
import type { FileSystem } from "../../io/fileSystem.js";

/**
 * A file of records that only grows. Layout: the magic bytes, then for each record its length and the crc32 of its bytes (unsigned 32-bit,
 * little endian), then the bytes, which are MessagePack. What stands after the last whole record is a write that a crash cut short.
 */
const magic = new TextEncoder().encode("MILLJNL1");
const headBytes = 8;
/** No record comes near this; a length past it is damage. */
const mostBytes = 1 << 28;
/** How long a record that nobody waits for may lie before it is sent to the disk. */
const gatherMs = 250;

// Plain maps rather than msgpackr's own record extension: each record can be read without those before it.
const options = { useRecords: false, int64AsType: "number" } as const;
let loaded: MessagePack.Packr | null = null;

/** Loaded at its first use: many runs keep no journal. */
function packr(): MessagePack.Packr {
  if (loaded === null) {
    const { Packr } = requireLibrary("msgpackr") as typeof MessagePack;
    loaded = new Packr(options);
  }
  return loaded;
}

export interface JournalContent {
  readonly records: readonly unknown[];
  /** All of the file. */
  readonly bytes: Uint8Array;
  /** Where the last whole record ends. */
  readonly validBytes: number;
  /** What follows that: 0 unless a write was cut short. */
  readonly tornBytes: number;
}

/**
 * Reads every whole record. Reading stops at the first that is not whole or whose checksum is wrong: nothing after it can be trusted.
 * @throws MillraceError Data/JOURNAL_DAMAGED when the file does not begin as a journal does
 */
export function readJournalFile(files: FileSystem, path: string): JournalContent | null {
  const found = files.stat(path);
  if (found === null || found.kind !== "file") return null;
  const bytes = new Uint8Array(found.bytes);
  const fd = files.open(path, "read");
  try {
    return parseJournal(bytes.subarray(0, readAll(files, fd, bytes, path)), path);
  } finally {
    files.close(fd);
  }
}

function readAll(files: FileSystem, fd: number, into: Uint8Array, path: string): number {
  try {
    return files.read(fd, into, 0);
  } catch (thrown) {
    throw fileError(thrown, "read the journal", path);
  }
}

function parseJournal(bytes: Uint8Array, path: string): JournalContent {
  const begin = bytes.subarray(0, magic.length);
  if (begin.some((byte, at) => byte !== magic[at])) {
    throw dataError("JOURNAL_DAMAGED", `${path} does not begin as a journal does`, {
      file: path,
      byte: 0,
      hint: "This run cannot be resumed; run the job again.",
    });
  }
  // A crash may come between the file's creation and its first bytes.
  if (begin.length < magic.length) return { records: [], bytes, validBytes: 0, tornBytes: bytes.length };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: unknown[] = [];
  let at = magic.length;
  while (at + headBytes <= bytes.length) {
    const length = view.getUint32(at, true);
    const end = at + headBytes + length;
    if (length > mostBytes || end > bytes.length) break;
    const payload = bytes.subarray(at + headBytes, end);
    if (crc32(payload) !== view.getUint32(at + 4, true)) break;
    records.push(packr().unpack(payload));
    at = end;
  }
  return { records, bytes, validBytes: at, tornBytes: bytes.length - at };
}

/** A journal that is open for more records. */
export class JournalWriter {
  private constructor(
    private readonly files: FileSystem,
    private readonly path: string,
    private readonly fd: number,
    private end: number,
  ) {}

  /** A flush that is under way, and whether records came since it began. */
  private flushing: Promise<void> | null = null;
  private dirty = false;
  /** The first flush that failed. No later one is believed: the system may have given up what that one was to write. */
  private failure: unknown = null;
  /** Ends the wait before a flush. */
  private hurry: () => void = () => undefined;
  private closing = false;
  /** Done once, behind the first flush in the background. */
  private afterFlush: (() => Promise<void>) | null = null;

  /** Begins a journal. @throws MillraceError External/FILE_IO, Resource/DISK_FULL, Config/TARGET_NOT_WRITABLE */
  static create(files: FileSystem, path: string): JournalWriter {
    const writer = new JournalWriter(files, path, files.open(path, "create"), 0);
    return writer.begun(() => writer.write([magic]));
  }

  /**
   * Goes on with a journal after its last whole record; a torn tail is cut off. What was read is written again, byte for byte: where the disk once
   * refused a part of it, the system may show that part and count it as written, and no later flush would send it.
   */
  static resume(files: FileSystem, path: string, content: JournalContent): JournalWriter {
    const fd = files.open(path, "update");
    const writer = new JournalWriter(files, path, fd, 0);
    return writer.begun(() => {
      writer.attempt(() => files.truncate(fd, content.validBytes));
      writer.write(content.validBytes === 0 ? [magic] : [content.bytes.subarray(0, content.validBytes)]);
    });
  }

  /** A journal that cannot be begun does not stay open. */
  private begun(begin: () => void): this {
    try {
      begin();
      return this;
    } catch (thrown) {
      this.files.close(this.fd);
      throw thrown;
    }
  }

  /** Adds a record; it is on the disk for good once `sync` has returned. */
  append(record: unknown): void {
    const payload = packr().pack(record);
    const head = new Uint8Array(headBytes);
    const view = new DataView(head.buffer);
    view.setUint32(0, payload.length, true);
    view.setUint32(4, crc32(payload), true);
    this.write([head, payload]);
  }

  sync(): void {
    this.dirty = false;
    this.attempt(() => {
      try {
        this.files.fsync(this.fd);
      } catch (thrown) {
        this.failure = thrown;
        throw thrown;
      }
    });
  }

  /** Has the disk take what was added, while the caller goes on; records that come within a quarter of a second, or meanwhile, share a flush. */
  syncSoon(): void {
    this.dirty = true;
    this.flushing ??= this.flush().finally(() => {
      this.flushing = null;
    });
  }

  /** What is to be done once, when the disk has the first records that nobody waits for. */
  whenFlushed(run: () => Promise<void>): void {
    this.afterFlush = run;
  }

  private async flush(): Promise<void> {
    while (this.dirty && this.failure === null) {
      await this.gather();
      // Somebody may have waited for all of it.
      if (!this.dirty) return;
      this.dirty = false;
      try {
        await this.files.startSync(this.fd);
      } catch (thrown) {
        this.failure ??= thrown;
      }
      const once = this.afterFlush;
      this.afterFlush = null;
      await once?.();
    }
  }

  /** Every flush has the file system write its own journal, and others wait for that: few of them cost less than one for every record. */
  private async gather(): Promise<void> {
    if (this.closing) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, gatherMs);
      this.hurry = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  /** Waits for a flush that is under way: its number must not become that of another file. */
  async close(): Promise<void> {
    this.closing = true;
    this.hurry();
    await this.flushing;
    this.files.close(this.fd);
  }

  private write(chunks: readonly Uint8Array[]): void {
    this.attempt(() => this.files.write(this.fd, chunks, this.end));
    for (const chunk of chunks) this.end += chunk.length;
  }

  private attempt(run: () => void): void {
    try {
      // A flush in the background that failed is told by the next call.
      if (this.failure !== null) throw this.failure;
      run();
    } catch (thrown) {
      throw fileError(thrown, "write the journal", this.path);
    }
  }
}
