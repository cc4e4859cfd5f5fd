import { internalError } from "../common/errors.js";
import type { HeldFile } from "../task/protocol.js";
import type { ReadMemory } from "./readMemory.js";

/** A block file in memory. What it gives are views on that memory, which nobody may write to. */
export class HeldBytes {
  readonly footer: string;
  /** Where the last chunk ends. */
  readonly bytes: number;
  readonly #chunks: readonly { readonly start: number; readonly bytes: Uint8Array }[];

  /** `first`: the position of the first byte that is held. */
  constructor({ footer, chunks }: HeldFile, first: number) {
    this.footer = footer;
    let start = first;
    this.#chunks = chunks.map(({ memory, bytes }) => {
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

  /** Fills `target` with bytes of one chunk. */
  readInto(target: Uint8Array, position: number): void {
    if (target.length > 0) target.set(this.#find(position, target.length));
  }

  #find(position: number, length: number): Uint8Array {
    for (const { start, bytes } of this.#chunks) {
      const from = position - start;
      if (from >= 0 && from + length <= bytes.length) return bytes.subarray(from, from + length);
    }
    throw internalError("a part lies in one chunk");
  }
}
