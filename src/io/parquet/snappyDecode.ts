import { snappyUndo } from "../../kernels/snappy.js";

/** Larger pages, which are rare, would keep more of the kernels' memory than they are worth. */
const mostKernelBytes = 2 ** 24;

/**
 * Undoes Snappy's block format (google/snappy, format_description.txt) into `out`, whose length is what comes out. False where the bytes are
 * not that.
 */
export function snappyDecode(bytes: Uint8Array, out: Uint8Array): boolean {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || shift > 28) return false;
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (length !== out.length) return false;
  const isSmall = Math.max(length, bytes.length) <= mostKernelBytes;
  return isSmall ? snappyUndo(bytes.subarray(at), out) : undo(bytes, at, out) === length;
}

/**
 * As the kernel: undoes what follows the length from `from` on, and says how many bytes it was, or -1. Nothing stands behind the loop, so that what is
 * compiled inside the first one stays good.
 */
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
