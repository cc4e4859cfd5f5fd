import { type Kernels, threadKernels } from "./wasm.js";

/** The compressor's kernels; see assembly/parquet/snappy.ts. */
export interface SnappyKernels {
  snappyBound(length: number): number;
  snappyLength(length: number, to: number): number;
  snappyBlocks(from: number, length: number, to: number, table: number): number;
  snappyElements(from: number, length: number, to: number, room: number): number;
}

/** Scratch space that the compressor asks for. */
export const snappyTableBytes = 32_768;
/** What the kernels may read behind their input, or write behind their output. */
const readAhead = 16;

/** Bytes in the kernels' memory. */
export interface Stretch {
  readonly at: number;
  readonly length: number;
}

/** Room for the result of `snappyStretches` over `length` bytes in so many parts. */
export const snappyRoom = (kernels: Kernels, length: number, parts: number): number =>
  kernels.functions<SnappyKernels>().snappyBound(length) + parts * 64;

/** Compresses the parts, which lie in the kernels' memory, as one Snappy block (raw format) to the address `to`; returns its length. */
export function snappyStretches(kernels: Kernels, parts: readonly Stretch[], to: number, table: number): number {
  const { snappyLength, snappyBlocks } = kernels.functions<SnappyKernels>();
  let at =
    to +
    snappyLength(
      parts.reduce((sum, part) => sum + part.length, 0),
      to,
    );
  for (const part of parts) at += snappyBlocks(part.at, part.length, at, table);
  return at - to;
}

/** Compresses the parts as one Snappy block (raw format). The result is a copy and depends on the bytes alone. */
export function snappyCompress(parts: readonly Uint8Array[]): Uint8Array {
  const kernels = threadKernels();
  const { memory } = kernels;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const from = memory.alloc(length + readAhead);
  const to = memory.alloc(snappyRoom(kernels, length, 1));
  const table = memory.alloc(snappyTableBytes);
  try {
    let at = from;
    for (const part of parts) {
      memory.u8().set(part, at);
      at += part.length;
    }
    const written = snappyStretches(kernels, [{ at: from, length }], to, table);
    return memory.u8().slice(to, to + written);
  } finally {
    memory.free(table);
    memory.free(to);
    memory.free(from);
  }
}
