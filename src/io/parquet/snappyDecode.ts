import type { KernelRoom } from "../../kernels/kernelRoom.js";
import type { SnappyKernels } from "../../kernels/snappy.js";

/**
 * Undoes Snappy's block format (google/snappy, format_description.txt). Returns the address of the `size` bytes that come out, or null where the bytes
 * are not that.
 */
export function snappyDecode(bytes: Uint8Array, size: number, room: KernelRoom): number | null {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || shift > 28) return null;
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (length !== size) return null;
  const from = room.put(bytes.subarray(at));
  const to = room.take(size);
  const undone = room.kernels.functions<SnappyKernels>().snappyElements(from, bytes.length - at, to, size);
  return undone === size ? to : null;
}
