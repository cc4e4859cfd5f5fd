import { checksums, crc32 } from "../../runtime/safety.js";
import { fileError, fragmentDamaged } from "../fileErrors.js";
import type { PlaceWithin, WrittenRowGroup } from "../../task/protocol.js";
import { joinedCrc32, PageChecksums } from "./sinkChecksum.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";

/** What an `OutputFile` wrote. */
export interface OutputSummary {
  readonly bytes: number;
  /** crc32 of the whole file, 8 hex digits. */
  readonly checksum: string;
  /** The file's state at its end, see `FileSystem.stamp`; only where `stamped` was asked for. */
  readonly stamp?: string;
  /** Where the bytes stand instead of a file of their own. */
  readonly within?: PlaceWithin;
}

/** Bytes to write, with their crc32 where it is known already. */
export interface OutputPart {
  readonly bytes: Uint8Array;
  readonly crc: number | null;
}

export const partsOf = (chunks: readonly Uint8Array[]): readonly OutputPart[] => chunks.map((bytes) => ({ bytes, crc: null }));

/** The parts with the checksums that are not known yet. */
export const withChecksums = (parts: readonly OutputPart[]): readonly { readonly bytes: Uint8Array; readonly crc: number }[] =>
  parts.map(({ bytes, crc }) => ({ bytes, crc: crc ?? crc32(bytes) }));

/** Where a text writer's bytes go. */
export interface OutputTarget {
  /** Takes what every file of the format and schema begins with. First of all. */
  writeHead(bytes: Uint8Array): void;
  write(chunks: readonly Uint8Array[]): void;
  finish(): OutputSummary;
  abort(): void;
}

/** Where the bytes of a writer go that keeps account of offsets. */
export interface FileOutput extends OutputTarget {
  readonly path: string;
  /** Bytes written so far: the offset of the next one. */
  readonly bytes: number;
  /** Takes checksums that were computed before instead of going over the bytes again. */
  writeParts(parts: readonly OutputPart[]): void;
  /** Takes what stands behind all rows. */
  writeTail(tail: OutputTail): void;
}

/** What stands behind all rows: its bytes, where they begin with the file's first one, and what to make such of wherever they begin. */
export interface OutputTail {
  bytes(): Uint8Array;
  readonly rowGroups: readonly WrittenRowGroup[];
}

export const checksumText = (crc: number): string => crc.toString(16).padStart(8, "0");

export interface OutputOptions {
  readonly files?: FileSystem;
  /** Whether `finish` waits until the bytes are on the disk; true unless said otherwise. */
  readonly fsync?: boolean;
  /** Whether `finish` tells the file's stamp. */
  readonly stamped?: boolean;
  /** Keeps the crc32 of every so many bytes, for `pageChecksums`. A power of two. */
  readonly pageBytes?: number;
}

interface Copy {
  readonly from: string;
  readonly start: number;
  readonly end: number;
  readonly position: number;
  readonly crc: number;
  readonly stamp: string | null;
}

/** A file that is written from front to back, with its length and checksum kept along the way. Errors are typed. */
export class OutputFile implements FileOutput {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #fsync: boolean;
  readonly #stamped: boolean;
  readonly #pages: PageChecksums | null;
  #fd: number | null;
  readonly #copies: Copy[] = [];
  #bytes = 0;
  #crc = 0;

  constructor(file: string, options: OutputOptions = {}) {
    this.path = file;
    this.#files = options.files ?? nodeFileSystem;
    this.#fsync = options.fsync ?? true;
    this.#stamped = options.stamped ?? false;
    this.#pages = options.pageBytes === undefined || !checksums ? null : new PageChecksums(options.pageBytes);
    this.#fd = this.#files.open(file, "create");
  }

  /** The crc32 of every page written so far, the last of which may not be full; of a file with `pageBytes` that nothing is appended to. */
  get pageChecksums(): readonly number[] {
    return this.#pages?.all ?? [];
  }

  /** Bytes written so far: the offset of the next one. */
  get bytes(): number {
    return this.#bytes;
  }

  writeHead(bytes: Uint8Array): void {
    this.write([bytes]);
  }

  writeTail(tail: OutputTail): void {
    this.write([tail.bytes()]);
  }

  write(chunks: readonly Uint8Array[]): void {
    this.writeParts(partsOf(chunks));
  }

  /** Writes bytes, and takes checksums that were computed before instead of going over the bytes again. */
  writeParts(parts: readonly OutputPart[]): void {
    const filled = parts.filter(({ bytes }) => bytes.length > 0);
    const position = this.#bytes;
    for (const { bytes, crc } of filled) {
      if (this.#pages !== null) this.#pages.add(bytes);
      else this.#crc = crc === null ? crc32(bytes, this.#crc) : joinedCrc32(this.#crc, crc, bytes.length);
      this.#bytes += bytes.length;
    }
    this.#attempt("write", (fd) =>
      this.#files.write(
        fd,
        filled.map(({ bytes }) => bytes),
        position,
      ),
    );
  }

  /**
   * Takes the bytes `start..end` of another file, whose crc32 is known, as the next ones. They are copied by `settle`, and compared with the crc32 unless the
   * file still has this stamp.
   */
  append(from: string, start: number, end: number, crc: number, stamp: string | null = null): void {
    const position = this.#bytes;
    this.adopt(end - start, crc);
    this.#copies.push({ from, start, end, position, crc, stamp });
  }

  /** Takes bytes as the next ones that somebody else has written there. */
  adopt(bytes: number, crc: number): void {
    this.#crc = joinedCrc32(this.#crc, crc, bytes);
    this.#bytes += bytes;
  }

  /** Cuts off what somebody else has written behind the last byte. */
  cut(): void {
    this.#attempt("cut", (fd) => this.#files.truncate(fd, this.#bytes));
  }

  /** The file's state, see `FileSystem.stamp`. */
  get stamp(): string {
    return this.#attempt("look at", (fd) => this.#files.stamp(fd));
  }

  /** Whether `settle` has something to do. */
  get owes(): boolean {
    return this.#copies.length > 0;
  }

  /** Copies what was appended. Before `finish`. */
  async settle(): Promise<void> {
    const copies = this.#copies.splice(0);
    const fd = this.#fd;
    if (fd === null) return;
    try {
      for (const { from, start, end, position, crc, stamp } of copies) {
        const found = await this.#files.copy(from, start, end, fd, position, stamp);
        if (found !== null && found !== crc) throw fragmentDamaged(from, "its bytes have another checksum");
      }
    } catch (thrown) {
      throw fileError(thrown, "write", this.path);
    }
  }

  /** Sends what was written so far to the disk, so that `finish` finds little to wait for. */
  async startSync(): Promise<void> {
    if (this.#fsync && this.#fd !== null) await this.#files.startSync(this.#fd);
  }

  finish(): OutputSummary {
    try {
      this.#attempt("sync", (fd) => {
        if (this.#fsync) this.#files.fsync(fd);
      });
      return { ...this.#summary(), ...(this.#stamped ? { stamp: this.stamp } : {}) };
    } finally {
      this.close();
    }
  }

  /** As `finish`, while the thread goes on. */
  async finishSoon(): Promise<OutputSummary> {
    try {
      await this.startSync();
    } catch (thrown) {
      throw fileError(thrown, "sync", this.path);
    } finally {
      this.close();
    }
    return this.#summary();
  }

  #summary(): OutputSummary {
    return { bytes: this.#bytes, checksum: checksumText(this.#pages?.total ?? this.#crc) };
  }

  /** Closes and removes the file. */
  abort(): void {
    this.close();
    this.#files.removeFile(this.path);
  }

  /** Leaves the file as it is. */
  close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#files.close(fd);
  }

  #attempt<T>(doing: string, run: (fd: number) => T): T {
    try {
      if (this.#fd === null) throw new Error("the file is closed");
      return run(this.#fd);
    } catch (thrown) {
      throw fileError(thrown, doing, this.path);
    }
  }
}
