import { OutputFile, type OutputOptions } from "../io/sink/sinkOutput.js";
import type { FileWritten, HeldChunk, HeldFile } from "../task/protocol.js";

/** Block files that this thread may read from memory, by path. */
const held = new Map<string, HeldFile>();

/** From here on, who opens this file on this thread reads it from memory. */
export function holdFile(path: string, file: HeldFile): void {
  held.set(path, file);
}

/** A file that this thread holds; null for one on the disk. */
export const heldFile = (path: string): HeldFile | null => held.get(path) ?? null;

/** Lets go of files; those that are not held are left out. */
export function releaseFiles(paths: Iterable<string>): void {
  for (const path of paths) held.delete(path);
}

/** Those of the files that this thread holds, for a task on another one. */
export function heldAmong(paths: readonly string[]): (readonly [path: string, file: HeldFile])[] {
  return paths.flatMap((path) => {
    const file = held.get(path);
    return file === undefined ? [] : [[path, file] as const];
  });
}

/** The bytes of a file that memory holds. */
export const heldBytes = ({ chunks }: HeldFile): number => chunks.reduce((sum, { bytes }) => sum + bytes, 0);

const unitBytes = 4096;
/** The largest piece of memory that is asked for ahead of what comes. */
const mostAhead = 2 ** 24;
const units = (bytes: number): number => Math.ceil(bytes / unitBytes);

/** What all tasks of a run may hold together, counted in memory that its threads share. It decides where rows are kept, never what they are. */
export class HoldingBudget {
  readonly #left: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#left = new Int32Array(shared);
  }

  /** A new budget of so many bytes, to be given to every thread. */
  static of(bytes: number): SharedArrayBuffer {
    const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    new Int32Array(shared)[0] = Math.min(2 ** 31 - 1, Math.floor(bytes / unitBytes));
    return shared;
  }

  /** Whether that much was left, which now is taken. `held`: what was taken before for the same chunk. */
  take(bytes: number, held = 0): boolean {
    const wanted = units(held + bytes) - units(held);
    if (Atomics.sub(this.#left, 0, wanted) >= wanted) return true;
    Atomics.add(this.#left, 0, wanted);
    return false;
  }

  /** Gives back what was taken for one chunk. */
  give(bytes: number): void {
    Atomics.add(this.#left, 0, units(bytes));
  }

  /** Gives back what a file took. */
  giveFile({ chunks }: HeldFile): void {
    for (const { bytes } of chunks) this.give(bytes);
  }
}

/** A file in memory for as long as the budget allows; past that, everything so far goes to the disk, and so does what follows. */
export class HeldOutput {
  readonly path: string;
  readonly #budget: HoldingBudget;
  readonly #options: OutputOptions;
  readonly #head: Uint8Array;
  #chunks: HeldChunk[] = [];
  #bytes: number;
  #disk: OutputFile | null = null;

  /** `head`: what the file begins with on a disk; in memory it only counts. */
  constructor(path: string, head: Uint8Array, budget: HoldingBudget, options: OutputOptions) {
    this.path = path;
    this.#head = head;
    this.#bytes = head.length;
    this.#budget = budget;
    this.#options = options;
  }

  /** The file on the disk, where it is there. */
  get disk(): OutputFile | null {
    return this.#disk;
  }

  get bytes(): number {
    return this.#disk?.bytes ?? this.#bytes;
  }

  /** Appends a chunk. */
  write(parts: readonly Uint8Array[]): void {
    if (this.#disk !== null) {
      this.#disk.write(parts);
      return;
    }
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const { memory, bytes: used } = this.#room(bytes);
    if (!this.#budget.take(bytes, used)) {
      this.#spill().write(parts);
      return;
    }
    const all = new Uint8Array(memory, used, bytes);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    if (used > 0) this.#chunks.pop();
    this.#chunks.push({ memory, bytes: used + bytes });
    this.#bytes += bytes;
  }

  /** The last chunk, or the one that comes next: larger each time, since every chunk has to be told to who reads it, and what is not used costs nothing. */
  #room(bytes: number): HeldChunk {
    const last = this.#chunks.at(-1);
    if (last === undefined) return { memory: new SharedArrayBuffer(bytes), bytes: 0 };
    if (last.bytes + bytes <= last.memory.byteLength) return last;
    const ahead = Math.min(mostAhead, last.memory.byteLength * 4);
    return { memory: new SharedArrayBuffer(Math.max(bytes, ahead)), bytes: 0 };
  }

  /** What memory holds, with what says how it lies there. */
  finish(rows: number, footer: Pick<HeldFile, "footer" | "numbers">): FileWritten {
    return {
      path: this.path,
      rows,
      bytes: this.#bytes,
      partitionValues: [],
      checksum: "",
      held: { ...footer, chunks: this.#chunks },
    };
  }

  abort(): void {
    this.#disk?.abort();
    this.#giveBack();
  }

  #spill(): OutputFile {
    const disk = new OutputFile(this.path, this.#options);
    this.#disk = disk;
    disk.write([this.#head, ...this.#chunks.map(({ memory, bytes }) => new Uint8Array(memory, 0, bytes))]);
    this.#giveBack();
    return disk;
  }

  #giveBack(): void {
    for (const { bytes } of this.#chunks) this.#budget.give(bytes);
    this.#chunks = [];
  }
}
