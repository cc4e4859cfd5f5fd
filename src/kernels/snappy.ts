import { threadKernels } from "./wasm.js";

interface SnappyKernels {
  snappyBound(length: number): number;
  snappyCompress(from: number, length: number, to: number, table: number): number;
}

const tableBytes = 32_768;
/** Room kept between calls; larger inputs get theirs for one call. */
const keptBytes = 2 << 20;

interface Room {
  readonly from: number;
  readonly to: number;
  readonly table: number;
  readonly capacity: number;
}

let kept: Room | null = null;

function makeRoom(capacity: number): Room {
  const { memory, functions } = threadKernels();
  const bound = functions<SnappyKernels>().snappyBound(capacity);
  // The compressor loads whole words, so that it may look a few bytes past the input's end.
  return { from: memory.alloc(capacity + 16), to: memory.alloc(bound), table: memory.alloc(tableBytes), capacity };
}

function freeRoom(room: Room): void {
  const { memory } = threadKernels();
  memory.free(room.from);
  memory.free(room.to);
  memory.free(room.table);
}

/** Compresses the parts as one Snappy block (raw format). The result is a copy and depends on the bytes alone. */
export function snappyCompress(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const large = length > keptBytes;
  if (!large) kept ??= makeRoom(keptBytes);
  const room = large || kept === null ? makeRoom(length) : kept;
  const { memory, functions } = threadKernels();
  const view = memory.u8();
  let at = room.from;
  for (const part of parts) {
    view.set(part, at);
    at += part.length;
  }
  const written = functions<SnappyKernels>().snappyCompress(room.from, length, room.to, room.table) >>> 0;
  const result = memory.u8().slice(room.to, room.to + written);
  if (large) freeRoom(room);
  return result;
}
