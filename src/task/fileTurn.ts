/**
 * Whose turn it is to write into a file that the tasks of a stage share, in memory that all threads see. A partition's turn comes when all before it
 * count, since then it is known where its bytes begin. One attempt of it can take the turn; the coordinator gives it on.
 */

/** Two 32-bit cells, then the offset as a double. */
const turnAt = 0;
const offsetAt = 8;
const bytes = 16;

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

  /** The bytes of this partition begin at `offset`. */
  give(partition: number, offset: number): void {
    this.#offset[0] = offset;
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

  /** Where this attempt, and no other, is to write; null while it is not its turn. */
  take(): number | null {
    const { partition } = this;
    if (Atomics.compareExchange(this.#cells, turnAt, partition, taken) !== partition) return null;
    return this.#offset[0] as number;
  }

  /** What was written does not count, and this attempt writes no more: another may. */
  leave(): void {
    Atomics.compareExchange(this.#cells, turnAt, taken, this.partition);
  }
}
