/** Row groups with more bytes are rare, and would keep more memory than they are worth. */
const mostKept = 2 ** 24;

let kept = new Uint8Array(0);

/** Room for the chunks of a row group, good until the next call in this thread: to touch fresh memory takes longer than to read into it. */
export function chunkRoom(bytes: number): Uint8Array {
  if (bytes > mostKept) return new Uint8Array(bytes);
  if (bytes > kept.length) kept = new Uint8Array(Math.min(mostKept, Math.ceil(bytes * 1.25)));
  return kept.subarray(0, bytes);
}
