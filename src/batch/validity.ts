/** Words whose bytes can be added up before one of them overflows. */
const most = 255;

/** How many rows have a value: the ones in a column's `valid`. Four rows at a time, each in a byte of a sum of its own. */
export function countValid(valid: Uint8Array): number {
  let count = 0;
  let at = 0;
  const first = (4 - (valid.byteOffset & 3)) & 3;
  const whole = Math.max(0, (valid.length - first) >> 2);
  for (; at < first && at < valid.length; at++) count += valid[at] as number;
  const words = whole === 0 ? new Int32Array() : new Int32Array(valid.buffer, valid.byteOffset + first, whole);
  for (let word = 0; word < words.length; ) {
    const end = Math.min(words.length, word + most);
    let sum = 0;
    for (; word < end; word++) sum = (sum + (words[word] as number)) | 0;
    count += (sum & 255) + ((sum >>> 8) & 255) + ((sum >>> 16) & 255) + (sum >>> 24);
  }
  for (at += 4 * whole; at < valid.length; at++) count += valid[at] as number;
  return count;
}
