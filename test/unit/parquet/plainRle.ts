/** Four bytes are looked at for each value. */
const mostBits = 24;

/**
 * As the kernels, value by value: reads `count` values of `bits` bits each from [at, end) of Parquet's hybrid of runs and bit-packed groups (apache/parquet-format, Encodings.md).
 * False where the bytes are not that, or end before.
 */
export function decodeHybrid(bytes: Uint8Array, at: number, end: number, bits: number, count: number, out: Int32Array): boolean {
  if (bits > mostBits) return false;
  if (bits === 0) {
    out.fill(0, 0, count);
    return true;
  }
  const valueBytes = (bits + 7) >> 3;
  const mask = 2 ** bits - 1;
  let from = at;
  let done = 0;
  while (done < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = from < end ? bytes[from++] : undefined;
      if (byte === undefined || shift > 28) return false;
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    const size = Math.floor(header / 2);
    if ((header & 1) === 0) {
      if (size === 0 || from + valueBytes > end) return false;
      let value = 0;
      for (let i = 0; i < valueBytes; i++) value |= (bytes[from++] as number) << (8 * i);
      const next = Math.min(count, done + size);
      out.fill(value, done, next);
      done = next;
      continue;
    }
    const next = Math.min(count, done + size * 8);
    // The last group may be cut off behind the last value.
    if (from + Math.ceil(((next - done) * bits) / 8) > end) return false;
    unpack(bytes, from, bits, mask, out, done, next);
    from += size * bits;
    done = next;
  }
  return true;
}

function unpack(bytes: Uint8Array, from: number, bits: number, mask: number, out: Int32Array, first: number, next: number): void {
  // Four bytes are looked at for each value: where they would lie past the end, fewer.
  const safe = bytes.length - 4;
  let bit = from * 8;
  for (let i = first; i < next; i++, bit += bits) {
    const p = Math.floor(bit / 8);
    let word = (bytes[p] as number) | ((p <= safe ? (bytes[p + 1] as number) : byteAt(bytes, p + 1)) << 8);
    if (bits > 1) word |= (p <= safe ? (bytes[p + 2] as number) : byteAt(bytes, p + 2)) << 16;
    if (bits > 9) word |= (p <= safe ? (bytes[p + 3] as number) : byteAt(bytes, p + 3)) << 24;
    out[i] = (word >>> (bit % 8)) & mask;
  }
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
