/** Bytes that hold each of some 64-bit integers: 1 and 2 without a sign, 4 with one. */
export type NarrowWidth = 1 | 2 | 4;

/** 64-bit integers in as few bytes as the farthest of them needs; null where those are 8. `words`: the values, low half first. */
export function narrowed(words: Int32Array): { readonly width: NarrowWidth; readonly values: Uint8Array } | null {
  const { length } = words;
  let seen = 0;
  for (let i = 0; i < length; i += 2) {
    const low = words[i] as number;
    if (words[i + 1] !== low >> 31) return null;
    seen |= low;
  }
  // A negative value has the highest bit. Loops of their own: one over any kind of array is several times slower.
  if (seen >>> 8 === 0) {
    const values = new Uint8Array(length / 2);
    for (let i = 0; i < values.length; i++) values[i] = words[i * 2] as number;
    return { width: 1, values };
  }
  if (seen >>> 16 === 0) {
    const values = new Uint16Array(length / 2);
    for (let i = 0; i < values.length; i++) values[i] = words[i * 2] as number;
    return { width: 2, values: new Uint8Array(values.buffer) };
  }
  const values = new Int32Array(length / 2);
  for (let i = 0; i < values.length; i++) values[i] = words[i * 2] as number;
  return { width: 4, values: new Uint8Array(values.buffer) };
}

/** The opposite of `narrowed`; `target` gets the words. */
export function widened(bytes: Uint8Array, width: NarrowWidth, target: Int32Array): void {
  const rows = target.length / 2;
  if (width === 4) {
    const values = new Int32Array(bytes.buffer, bytes.byteOffset, rows);
    for (let i = 0; i < rows; i++) {
      const value = values[i] as number;
      target[i * 2] = value;
      target[i * 2 + 1] = value >> 31;
    }
    return;
  }
  target.fill(0);
  if (width === 1) {
    for (let i = 0; i < rows; i++) target[i * 2] = bytes[i] as number;
    return;
  }
  const values = new Uint16Array(bytes.buffer, bytes.byteOffset, rows);
  for (let i = 0; i < rows; i++) target[i * 2] = values[i] as number;
}
