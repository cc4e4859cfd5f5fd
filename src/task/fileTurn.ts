import { crc32 } from "../runtime/safety.js";

/**
 * Whose turn it is to write into a file that the tasks of a stage share, in memory that all threads see. A partition's turn comes when all before it
 * count, since then it is known where its bytes begin. One attempt of it can take the turn; the coordinator gives it on. With the turn goes the file's
 * seal: in what state the last who had it left the file, so that nobody writes into one that something else has changed since.
 */

/** Two 32-bit cells, then the offset as a double. */
const turnAt = 0;
const sealAt = 1;
const offsetAt = 8;
const bytes = 16;

/** What the turn tells of a file's stamp, see `FileSystem.stamp`: 32 bits of it. */
export const sealOf = (stamp: string): number => crc32(new TextEncoder().encode(stamp)) | 0;

export interface Turn {
  /** Where its bytes begin. */
  readonly offset: number;
  readonly seal: number;
}

/** Nobody's turn: nothing more goes into the file. */
const closed = -1;
const taken = -2;

/** A file that tasks write into one after the other. */
export interface SharedFile {
  readonly path: string;
  readonly turn: SharedArrayBuffer;
}

/** The coordinator's side. */
export class FileTurns {
  readonly memory = new SharedArrayBuffer(bytes);
  readonly #cells = new Int32Array(this.memory);
  readonly #offset = new Float64Array(this.memory, offsetAt, 1);

  constructor() {
    this.close();
  }

  give(partition: number, { offset, seal }: Turn): void {
    this.#offset[0] = offset;
    this.#cells[sealAt] = seal;
    Atomics.store(this.#cells, turnAt, partition);
  }

  /** Nobody may write from here on. Gives whether somebody might be doing so. */
  close(): boolean {
    return Atomics.exchange(this.#cells, turnAt, closed) === taken;
  }
}

/** The side of an attempt. */
export class FileTurn {
  readonly #cells: Int32Array;
  readonly #offset: Float64Array;

  constructor(
    turn: SharedArrayBuffer,
    private readonly partition: number,
  ) {
    this.#cells = new Int32Array(turn);
    this.#offset = new Float64Array(turn, offsetAt, 1);
  }

  /** This attempt, and no other, is to write; null while it is not its turn. */
  take(): Turn | null {
    const { partition } = this;
    if (Atomics.compareExchange(this.#cells, turnAt, partition, taken) !== partition) return null;
    return { offset: this.#offset[0] as number, seal: this.#cells[sealAt] as number };
  }

  /** What was written does not count, and this attempt writes no more: another may. */
  leave(seal: number): void {
    this.#cells[sealAt] = seal;
    Atomics.compareExchange(this.#cells, turnAt, taken, this.partition);
  }
}
