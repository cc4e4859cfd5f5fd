import { withRoom } from "../../../src/kernels/kernelRoom.js";
import { snappyDecode } from "../../../src/io/parquet/snappyDecode.js";

/** What comes out of a Snappy block whose length is `size`; null where it is not that. */
export const unpacked = (bytes: Uint8Array, size: number): Uint8Array | null =>
  withRoom((room) => {
    const at = snappyDecode(bytes, size, room);
    return at === null ? null : room.view(at, size).slice();
  });

/** As the kernel, byte by byte: undoes what follows the length from `from` on, and says how many bytes it was, or -1. */
export function undo(bytes: Uint8Array, from: number, out: Uint8Array): number {
  const { length } = out;
  let at = from;
  let to = 0;
  while (at < bytes.length) {
    const tag = bytes[at++] as number;
    if ((tag & 3) === 0) {
      let size = tag >> 2;
      if (size >= 60) {
        const width = size - 59;
        if (at + width > bytes.length) return -1;
        size = 0;
        for (let i = 0; i < width; i++) size += (bytes[at++] as number) * 2 ** (8 * i);
      }
      size++;
      if (at + size > bytes.length || to + size > length) return -1;
      if (size > 32) out.set(bytes.subarray(at, at + size), to);
      else for (let i = 0; i < size; i++) out[to + i] = bytes[at + i] as number;
      at += size;
      to += size;
      continue;
    }
    const kind = tag & 3;
    let size = (tag >> 2) + 1;
    let back: number;
    if (kind === 1) {
      size = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | (bytes[at] as number);
      at += 1;
    } else if (kind === 2) {
      back = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
      at += 2;
    } else {
      back =
        ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)) +
        (bytes[at + 3] as number) * 2 ** 24;
      at += 4;
    }
    if (at > bytes.length || back === 0 || back > to || to + size > length) return -1;
    // What is copied may be what was just written.
    for (let i = 0; i < size; i++, to++) out[to] = out[to - back] as number;
  }
  return to;
}
