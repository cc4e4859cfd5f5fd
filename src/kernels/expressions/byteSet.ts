/** Texts to look slices up among: a hash table with open addressing, never more than half full. */
export class ByteSet {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #starts: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(texts: readonly Uint8Array[]) {
    let size = 8;
    while (size < 2 * texts.length) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size).fill(-1);
    this.#starts = new Int32Array(texts.length + 1);
    this.#bytes = new Uint8Array(texts.reduce((sum, text) => sum + text.length, 0));
    let at = 0;
    for (const [i, text] of texts.entries()) {
      this.#bytes.set(text, at);
      let slot = hashOf(text, 0, text.length) & this.#mask;
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = i;
      at += text.length;
      this.#starts[i + 1] = at;
    }
  }

  /** Whether the bytes [start, end) are one of the texts. */
  has(bytes: Uint8Array, start: number, end: number): boolean {
    let slot = hashOf(bytes, start, end) & this.#mask;
    for (let i = this.#slots[slot] as number; i >= 0; i = this.#slots[slot] as number) {
      if (this.#is(i, bytes, start, end)) return true;
      slot = (slot + 1) & this.#mask;
    }
    return false;
  }

  #is(i: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes;
    let at = this.#starts[i] as number;
    if ((this.#starts[i + 1] as number) - at !== end - start) return false;
    for (let from = start; from < end; from++, at++) if (own[at] !== bytes[from]) return false;
    return true;
  }
}

/** FNV-1a, with the high bits mixed in: the table's index is the low ones. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** Whether a slice is one of a set's texts. */
export const sliceInSet = (bytes: Uint8Array, start: number, end: number, set: ByteSet): boolean => set.has(bytes, start, end);
