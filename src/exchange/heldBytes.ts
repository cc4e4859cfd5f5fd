import { internalError } from "../common/errors.js";
import type { HeldFile } from "../task/protocol.js";
import type { ReadMemory } from "./readMemory.js";

interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A block file in memory. What it gives are views on that memory, which nobody may write to. */
export class HeldBytes {
  readonly footer: Pick<HeldFile, "footer" | "numbers">;
  /** Where the last chunk ends. */
  readonly bytes: number;
  readonly #chunks: readonly Chunk[];

  /** `first`: the position of the first byte that is held. */
  constructor(file: HeldFile, first: number) {
    this.footer = file;
    let start = first;
    this.#chunks = file.chunks.map(({ memory, bytes }) => {
      const placed = { start, bytes: new Uint8Array(memory, 0, bytes) };
      start += bytes;
      return placed;
    });
    this.bytes = start;
  }

  close(): void {}

  /** Bytes of one chunk, where they lie; copied where what is read must be the caller's own. */
  read(memory: ReadMemory, slot: number, position: number, length: number): Uint8Array {
    if (length === 0) return memory.take(slot, 0);
    const found = this.#find(position, length);
    if (!memory.isOwn) return found;
    const copy = memory.take(slot, length);
    copy.set(found);
    return copy;
  }

  /** Puts ranges of bytes, each of one chunk, behind one another: `lengths[i]` bytes from `positions[i]` on, for the first `count`. */
  gather(target: Uint8Array, at: number, positions: Float64Array, lengths: Int32Array, count: number): void {
    let to = at;
    let [start, end, bytes] = [0, 0, target];
    for (let i = 0; i < count; i++) {
      const position = positions[i] as number;
      const length = lengths[i] as number;
      if (length === 0) continue;
      if (position < start || position + length > end) {
        const chunk = this.#chunkOf(position, length);
        ({ start, bytes } = chunk);
        end = start + bytes.length;
      }
      target.set(bytes.subarray(position - start, position - start + length), to);
      to += length;
    }
  }

  /** Fills `target` with bytes of one chunk. */
  readInto(target: Uint8Array, position: number): void {
    if (target.length > 0) target.set(this.#find(position, target.length));
  }

  #find(position: number, length: number): Uint8Array {
    const { start, bytes } = this.#chunkOf(position, length);
    return bytes.subarray(position - start, position - start + length);
  }

  #chunkOf(position: number, length: number): Chunk {
    for (const chunk of this.#chunks)
      if (position >= chunk.start && position + length <= chunk.start + chunk.bytes.length) return chunk;
    throw internalError("a part lies in one chunk");
  }
}
