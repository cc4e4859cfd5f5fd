import { withRoom } from "./kernelRoom.js";

/** Kernels that undo encodings of Parquet; see assembly/parquet/parquetDelta.ts. */
interface DeltaKernels {
  deltaIntegers32(from: number, length: number, count: number, to: number): number;
  deltaIntegers64(from: number, length: number, count: number, to: number): number;
  sumOfLengths(lengths: number, count: number, most: number): number;
  joinTexts(prefixes: number, suffixes: number, count: number, from: number, fixed: number, to: number): number;
  joinStreams(from: number, count: number, size: number, to: number): void;
}

/** Pages that would need more are rare, and would keep more of the kernels' memory than they are worth. */
const mostBytes = 2 ** 26;

/** `count` integers of 4 or 8 bytes by their differences (DELTA_BINARY_PACKED), as they stand in memory; null where the bytes are not that. */
export function undoDeltas(bytes: Uint8Array, count: number, size: 4 | 8): Uint8Array | null {
  const length = count * size;
  if (Math.max(bytes.length, length) > mostBytes) return null;
  return withRoom((room) => {
    const [from, to] = [room.put(bytes), room.take(length)];
    const { deltaIntegers32, deltaIntegers64 } = room.kernels.functions<DeltaKernels>();
    const undo = size === 4 ? deltaIntegers32 : deltaIntegers64;
    return undo(from, bytes.length, count, to) < 0 ? null : room.view(to, length).slice();
  });
}

/**
 * `count` byte strings behind all their lengths (DELTA_LENGTH_BYTE_ARRAY) or, with `prefixes`, without what they share with the one before
 * (DELTA_BYTE_ARRAY): one after the other, each behind its length, or with `fixed` all of that length. null where the bytes are not that.
 */
export function undoTexts(bytes: Uint8Array, count: number, prefixes: boolean, fixed: number): Uint8Array | null {
  if (bytes.length + count * 4 > mostBytes) return null;
  return withRoom((room) => {
    const from = room.put(bytes);
    const { deltaIntegers32, sumOfLengths, joinTexts } = room.kernels.functions<DeltaKernels>();
    let at = 0;
    const lengths = (): { readonly at: number; readonly sum: number } | null => {
      const to = room.take(count * 4);
      const used = deltaIntegers32(from + at, bytes.length - at, count, to);
      const sum = used < 0 ? -1 : sumOfLengths(to, count, mostBytes);
      at += used;
      return sum < 0 ? null : { at: to, sum };
    };
    const shared = prefixes ? lengths() : { at: 0, sum: 0 };
    const own = shared === null ? null : lengths();
    if (shared === null || own === null || own.sum > bytes.length - at) return null;
    const to = room.take(shared.sum + own.sum + count * 4);
    const length = joinTexts(shared.at, own.at, count, from + at, fixed, to);
    return length < 0 ? null : room.view(to, length).slice();
  });
}

/** `count` values of `size` bytes whose bytes stand in streams, one of each value's first bytes, and so on (BYTE_STREAM_SPLIT). */
export function undoStreams(bytes: Uint8Array, count: number, size: number): Uint8Array | null {
  const length = count * size;
  if (bytes.length !== length || length > mostBytes) return null;
  return withRoom((room) => {
    const [from, to] = [room.put(bytes), room.take(length)];
    room.kernels.functions<DeltaKernels>().joinStreams(from, count, size, to);
    return room.view(to, length).slice();
  });
}
