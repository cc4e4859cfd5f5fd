/** Reads bytes at an address that stands in `buffer` at `offset`; gives a copy. */
export type ReadPointer = (buffer: ArrayBuffer, offset: number, length: number) => Uint8Array;

export interface StringLayout {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Strings of up to this many bytes stand in the 16-byte cell itself. */
const inlineBytes = 12;
const cellBytes = 16;
/** Two strings less than a page apart leave no unmapped page between them, so one read may cover both. */
const gapLimit = 4000;

/**
 * The strings of a DuckDB vector (16-byte cells: length, then the bytes or a 4-byte prefix and an address) as one block with offsets.
 * A call into the binding costs more than a string: strings that lie near each other in memory, which is how DuckDB lays them, are
 * fetched by one call. `data` is a private copy of the cells and becomes part of the block.
 */
export function readStrings(data: Uint8Array, count: number, valid: Uint8Array | null, read: ReadPointer): StringLayout {
  // The binding hands out Node buffers; a batch holds plain bytes.
  const block = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const cells = new Int32Array(data.buffer, data.byteOffset, count * 4);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  const far = new Int32Array(count);
  let farCount = 0;
  for (let row = 0; row < count; row++) {
    if (valid !== null && valid[row] === 0) continue;
    const length = cells[row * 4] as number;
    if (length <= inlineBytes) {
      starts[row] = row * cellBytes + 4;
      ends[row] = row * cellBytes + 4 + length;
    } else far[farCount++] = row;
  }
  if (farCount === 0) return { bytes: block, starts, ends };
  return withFar(block, cells, far.subarray(0, farCount), { starts, ends }, read);
}

function withFar(
  data: Uint8Array,
  cells: Int32Array,
  rows: Int32Array,
  out: { readonly starts: Int32Array; readonly ends: Int32Array },
  read: ReadPointer,
): StringLayout {
  const words = new Uint32Array(cells.buffer, cells.byteOffset, cells.length);
  const address = (row: number) => (words[row * 4 + 2] as number) + (words[row * 4 + 3] as number) * 2 ** 32;
  const ordered = inAddressOrder(rows, address);
  const parts: Uint8Array[] = [data];
  let used = data.length;
  let at = 0;
  while (at < ordered.length) {
    const first = ordered[at] as number;
    const from = address(first);
    let to = from + (cells[first * 4] as number);
    let next = at + 1;
    for (; next < ordered.length; next++) {
      const row = ordered[next] as number;
      const start = address(row);
      if (start > to + gapLimit) break;
      to = Math.max(to, start + (cells[row * 4] as number));
    }
    parts.push(read(data.buffer as ArrayBuffer, data.byteOffset + first * cellBytes + 8, to - from));
    for (let i = at; i < next; i++) {
      const row = ordered[i] as number;
      const start = used + (address(row) - from);
      out.starts[row] = start;
      out.ends[row] = start + (cells[row * 4] as number);
    }
    used += to - from;
    at = next;
  }
  return { bytes: joined(parts, used), starts: out.starts, ends: out.ends };
}

/** Rows by ascending address; they mostly come that way already. */
function inAddressOrder(rows: Int32Array, address: (row: number) => number): Int32Array {
  for (let i = 1; i < rows.length; i++) {
    if (address(rows[i] as number) < address(rows[i - 1] as number)) {
      return rows.slice().sort((a, b) => address(a) - address(b));
    }
  }
  return rows;
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
