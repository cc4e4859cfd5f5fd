import { OutputFile, type OutputOptions } from "../io/sinkOutput.js";
import type { FileWritten, HeldFile } from "../task/protocol.js";

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
export const heldBytes = ({ chunks }: HeldFile): number => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);

const unitBytes = 4096;
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

  /** Whether that much was left, which now is taken. */
  take(bytes: number): boolean {
    const wanted = units(bytes);
    if (Atomics.sub(this.#left, 0, wanted) >= wanted) return true;
    Atomics.add(this.#left, 0, wanted);
    return false;
  }

  /** Gives back what was taken with one `take`. */
  give(bytes: number): void {
    Atomics.add(this.#left, 0, units(bytes));
  }

  /** Gives back what a file took. */
  giveFile({ chunks }: HeldFile): void {
    for (const chunk of chunks) this.give(chunk.byteLength);
  }
}

/** A file in memory for as long as the budget allows; past that, everything so far goes to the disk, and so does what follows. */
export class HeldOutput {
  readonly path: string;
  readonly #budget: HoldingBudget;
  readonly #options: OutputOptions;
  readonly #head: Uint8Array;
  #chunks: SharedArrayBuffer[] = [];
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
    if (!this.#budget.take(bytes)) {
      this.#spill().write(parts);
      return;
    }
    const chunk = new SharedArrayBuffer(bytes);
    const all = new Uint8Array(chunk);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    this.#chunks.push(chunk);
    this.#bytes += bytes;
  }

  /** What memory holds, with what says how it lies there. */
  finish(rows: number, footer: string): FileWritten {
    return {
      path: this.path,
      rows,
      bytes: this.#bytes,
      partitionValues: [],
      checksum: "",
      held: { footer, chunks: this.#chunks },
    };
  }

  abort(): void {
    this.#disk?.abort();
    this.#giveBack();
  }

  #spill(): OutputFile {
    const disk = new OutputFile(this.path, this.#options);
    this.#disk = disk;
    disk.write([this.#head, ...this.#chunks.map((chunk) => new Uint8Array(chunk))]);
    this.#giveBack();
    return disk;
  }

  #giveBack(): void {
    for (const chunk of this.#chunks) this.#budget.give(chunk.byteLength);
    this.#chunks = [];
  }
}
