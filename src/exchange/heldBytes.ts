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
    this.#chunks = chunks.map((chunk) => {
      const placed = { start, bytes: new Uint8Array(chunk) };
      start += chunk.byteLength;
      return placed;
    });
    this.bytes = start;
  }

  begin(): void {}

  close(): void {}

  /** Bytes of one chunk, where they lie; copied where what is read must be the caller's own. */
  read(memory: ReadMemory, slot: number, position: number, length: number): Uint8Array {
    if (length === 0) return memory.take(slot, 0);
    const chunk = this.#chunks.findLast(({ start }) => start <= position);
    const from = position - (chunk?.start ?? 0);
    if (chunk === undefined || from + length > chunk.bytes.length) throw internalError("a part lies in one chunk");
    const found = chunk.bytes.subarray(from, from + length);
    if (!memory.isOwn) return found;
    const copy = memory.take(slot, length);
    copy.set(found);
    return copy;
  }
}
