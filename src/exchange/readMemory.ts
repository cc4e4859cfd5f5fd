/** Parts of columns begin at multiples of this many bytes. */
const alignment = 8;

/** Buffers that are used again and again, each for one part of one column. */
export class ReadMemory {
  readonly #buffers: Uint8Array[] = [];

  /** `isOwn`: what is read must be put here, also where it could be looked at where it lies. */
  constructor(readonly isOwn = false) {}

  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  }

  take(slot: number, bytes: number): Uint8Array {
    let buffer = this.#buffers[slot];
    if (buffer === undefined || buffer.length < bytes) {
      buffer = new Uint8Array(Buffer.allocUnsafeSlow(Math.ceil((bytes * 1.25) / alignment) * alignment).buffer);
      this.#buffers[slot] = buffer;
    }
    return buffer.subarray(0, bytes);
  }
}

/** Memory of readers that have ended, for the next ones: fresh memory costs more than what is read into it. */
const idle: ReadMemory[] = [];
const mostIdle = 2;
const mostIdleBytes = 2 ** 24;

export const takeReadMemory = (): ReadMemory => idle.pop() ?? new ReadMemory();

/** Gives memory back that nothing refers to any more. */
export function giveReadMemory(memory: ReadMemory): void {
  if (idle.length < mostIdle && memory.bytes <= mostIdleBytes) idle.push(memory);
}
