import { forgetMagnitude } from "../../kernels/magnitude.js";

type Make<T> = new (buffer: ArrayBuffer, byteOffset: number, length: number) => T;

/** Sizes are multiples of this: row groups of about as many rows fit each other's memory. */
const step = 2 ** 16;
/** What a thread keeps between readers. */
const mostSpare = 2 ** 26;

let spare: ArrayBuffer[] = [];

/**
 * Memory for the columns of a row group, which the next one uses again: to touch fresh memory, and to have it collected, takes longer than to decode
 * into it. Its content is unspecified.
 */
export class ColumnRoom {
  #free = spare;
  #taken: ArrayBuffer[] = [];

  constructor() {
    spare = [];
  }

  /** An array of `length` elements, good until `reuse`. */
  array<T>(make: Make<T> & { readonly BYTES_PER_ELEMENT: number }, length: number): T {
    return new make(this.#take(length * make.BYTES_PER_ELEMENT), 0, length);
  }

  #take(bytes: number): ArrayBuffer {
    const size = Math.max(1, Math.ceil(bytes / step)) * step;
    const fits = ({ byteLength }: ArrayBuffer) => byteLength >= size && byteLength <= size * 2;
    const at = this.#free.findIndex(fits);
    const [found] = at < 0 ? [] : this.#free.splice(at, 1);
    const buffer = found ?? new ArrayBuffer(size);
    forgetMagnitude(buffer);
    this.#taken.push(buffer);
    return buffer;
  }

  /** Nobody uses the arrays so far any more. */
  reuse(): void {
    // What fitted nothing is let go.
    this.#free = this.#taken;
    this.#taken = [];
  }

  /** As `reuse`, for the next reader of the thread. */
  close(): void {
    let left = mostSpare;
    spare = [...this.#taken, ...this.#free].filter(({ byteLength }) => {
      left -= byteLength;
      return left >= 0;
    });
    this.#free = [];
    this.#taken = [];
  }
}

/** An array of its own where there is no room. */
export function columnArray<T>(
  room: ColumnRoom | null,
  make: Make<T> & { readonly BYTES_PER_ELEMENT: number; new (length: number): T },
  length: number,
): T {
  return room === null ? new make(length) : room.array(make, length);
}
