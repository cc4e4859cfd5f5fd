import { crc32 } from "node:zlib";
import { type FileSystem, fileError, nodeFileSystem } from "./sinkFileSystem.js";

/** What an `OutputFile` wrote. */
export interface OutputSummary {
  readonly bytes: number;
  /** crc32 of the whole file, 8 hex digits. */
  readonly checksum: string;
}

export interface OutputOptions {
  readonly files?: FileSystem;
  /** Whether `finish` waits until the bytes are on the disk; true unless said otherwise. */
  readonly fsync?: boolean;
}

/** A file that is written from front to back, with its length and checksum kept along the way. Errors are typed. */
export class OutputFile {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #fsync: boolean;
  #fd: number | null;
  #bytes = 0;
  #crc = 0;

  constructor(file: string, options: OutputOptions = {}) {
    this.path = file;
    this.#files = options.files ?? nodeFileSystem;
    this.#fsync = options.fsync ?? true;
    this.#fd = this.#files.open(file, "create");
  }

  /** Bytes written so far: the offset of the next one. */
  get bytes(): number {
    return this.#bytes;
  }

  write(chunks: readonly Uint8Array[]): void {
    const filled = chunks.filter((chunk) => chunk.length > 0);
    for (const chunk of filled) {
      this.#crc = crc32(chunk, this.#crc);
      this.#bytes += chunk.length;
    }
    this.#attempt("write", (fd) => this.#files.write(fd, filled));
  }

  finish(): OutputSummary {
    this.#attempt("sync", (fd) => {
      if (this.#fsync) this.#files.fsync(fd);
    });
    this.#close();
    return { bytes: this.#bytes, checksum: this.#crc.toString(16).padStart(8, "0") };
  }

  /** Closes and removes the file. */
  abort(): void {
    this.#close();
    this.#files.removeFile(this.path);
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#files.close(fd);
  }

  #attempt(doing: string, run: (fd: number) => void): void {
    try {
      if (this.#fd === null) throw new Error("the file is closed");
      run(this.#fd);
    } catch (thrown) {
      throw fileError(thrown, doing, this.path);
    }
  }
}
