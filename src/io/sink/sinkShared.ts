import { required } from "../../common/assert.js";
import { crc32 } from "../../runtime/safety.js";
import { FileTurn, sealOf, type SharedFile } from "../../task/fileTurn.js";
import { fileError } from "../fileErrors.js";
import { LentMemory } from "../lentMemory.js";
import { crc32After, joinedCrc32 } from "./sinkChecksum.js";
import {
  checksumText,
  type FileOutput,
  OutputFile,
  type OutputOptions,
  type OutputPart,
  type OutputSummary,
  type OutputTail,
  partsOf,
  withChecksums,
} from "./sinkOutput.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";

/** The place of an attempt in a file that tasks share. */
export interface SharedPlace {
  readonly file: SharedFile;
  readonly partition: number;
}

/** So much of a fragment is held while others have their turn. */
const threadRoom = new LentMemory(16 << 20);

/**
 * A fragment for which there may be room in the file that all tasks share. It is held in memory until it is this task's turn, and goes into a file of its
 * own where that comes too late, or where there is too much of it. Head and tail, which the shared file has once, stand in the latter alone.
 */
export class SharedOutput implements FileOutput {
  readonly path: string;
  readonly #options: OutputOptions;
  readonly #files: FileSystem;
  readonly #shared: string;
  readonly #turn: FileTurn;
  readonly #held: OutputPart[] = [];
  #room = threadRoom.borrow();
  #used = 0;
  /** Where the data begin in the shared file. */
  #start: number | null = null;
  #fd: number | null = null;
  #own: OutputFile | null = null;
  #head: Uint8Array = new Uint8Array(0);
  #tail: OutputTail | null = null;
  /** Of head and data. */
  #bytes = 0;
  #crc = 0;

  constructor(own: string, place: SharedPlace, options: OutputOptions) {
    this.path = own;
    this.#options = options;
    this.#files = options.files ?? nodeFileSystem;
    this.#shared = place.file.path;
    this.#turn = new FileTurn(place.file.turn, place.partition);
  }

  get bytes(): number {
    return this.#bytes;
  }

  writeHead(bytes: Uint8Array): void {
    this.#head = bytes.slice();
    this.#count([{ bytes, crc: crc32(bytes) }]);
  }

  write(chunks: readonly Uint8Array[]): void {
    this.writeParts(partsOf(chunks));
  }

  writeParts(given: readonly OutputPart[]): void {
    const parts = withChecksums(given);
    if (this.#own === null && this.#start === null && !this.#takeTurn() && !this.#hold(parts)) this.#openOwn();
    const position = this.#bytes;
    this.#count(parts);
    if (this.#own !== null) this.#own.writeParts(parts);
    else if (this.#start !== null) this.#writeShared(parts, position);
  }

  writeTail(tail: OutputTail): void {
    this.#decide();
    this.#tail = tail;
    this.#own?.writeTail(tail);
  }

  finish(): OutputSummary {
    this.#decide();
    if (this.#own !== null) return this.#own.finish();
    const stamp = this.#stamp(required(this.#fd, "shared file"));
    this.#close();
    const bytes = this.#bytes - this.#head.length;
    const within = {
      path: this.#shared,
      start: required(this.#start, "place in the shared file"),
      ...(this.#tail === null ? {} : { rowGroups: this.#tail.rowGroups }),
    };
    return { bytes, checksum: checksumText(crc32After(this.#crc, crc32(this.#head), bytes)), stamp, within };
  }

  abort(): void {
    this.#letGo();
    this.#own?.abort();
    const fd = this.#fd;
    if (fd === null) return;
    try {
      this.#turn.leave(this.#sealNow(fd));
    } finally {
      this.#close();
    }
  }

  #count(parts: readonly { readonly bytes: Uint8Array; readonly crc: number }[]): void {
    for (const { bytes, crc } of parts) {
      this.#crc = joinedCrc32(this.#crc, crc, bytes.length);
      this.#bytes += bytes.length;
    }
  }

  /** Nothing but the tail is to come. */
  #decide(): void {
    if (this.#own === null && this.#start === null && !this.#takeTurn()) this.#openOwn();
  }

  /** Keeps copies; false where there is no room for them. */
  #hold(parts: readonly OutputPart[]): boolean {
    const room = this.#room;
    const more = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (room === null || this.#used + more > room.byteLength) return false;
    for (const { bytes, crc } of parts) {
      const copy = new Uint8Array(room, this.#used, bytes.length);
      copy.set(bytes);
      this.#used += bytes.length;
      this.#held.push({ bytes: copy, crc });
    }
    return true;
  }

  /** A turn is not given back where something else has changed the file: the coordinator finds it taken for nothing and leaves the file alone. */
  #takeTurn(): boolean {
    const turn = this.#turn.take();
    if (turn === null) return false;
    const fd = this.#attempt("open", () => this.#files.open(this.#shared, "update"));
    this.#fd = fd;
    if (this.#sealNow(fd) !== turn.seal) {
      this.#close();
      return false;
    }
    this.#start = turn.offset;
    this.#writeShared(this.#held, this.#head.length);
    this.#letGo();
    return true;
  }

  /** `position`: in a file of its own. */
  #writeShared(parts: readonly OutputPart[], position: number): void {
    const chunks = parts.flatMap(({ bytes }) => (bytes.length === 0 ? [] : [bytes]));
    if (chunks.length === 0) return;
    const at = required(this.#start, "place in the shared file") + position - this.#head.length;
    this.#attempt("write", () => this.#files.write(required(this.#fd, "shared file"), chunks, at));
  }

  #openOwn(): void {
    const own = new OutputFile(this.path, this.#options);
    this.#own = own;
    own.writeHead(this.#head);
    own.writeParts(this.#held);
    this.#letGo();
  }

  #stamp(fd: number): string {
    return this.#attempt("look at", () => this.#files.stamp(fd));
  }

  #sealNow(fd: number): number {
    return sealOf(this.#stamp(fd));
  }

  #attempt<T>(doing: string, run: () => T): T {
    try {
      return run();
    } catch (thrown) {
      throw fileError(thrown, doing, this.#shared);
    }
  }

  #letGo(): void {
    this.#held.length = 0;
    if (this.#room !== null) threadRoom.giveBack();
    this.#room = null;
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#files.close(fd);
  }
}
