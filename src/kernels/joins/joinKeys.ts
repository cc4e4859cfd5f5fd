import type { BytesColumn, Column, FixedColumn, FixedValues, WideColumn } from "../../batch/column.js";
import { copyBytes } from "../../batch/text.js";
import { internalError, resourceError } from "../../common/errors.js";

/**
 * Key values as bytes, such that two rows have equal keys if and only if their bytes are equal: NaN is NaN and -0 is 0. A row with a null
 * in any key column is not `valid`; what its bytes are is unspecified.
 */
export interface KeySpans {
  readonly bytes: Uint8Array;
  /** Where the keys are, or how many bytes each has where they follow each other. */
  readonly place: { readonly starts: Int32Array; readonly ends: Int32Array } | { readonly width: number };
  readonly valid: Uint8Array | null;
  /** Live rows alone, one after the other; otherwise all physical rows. */
  readonly dense: boolean;
}

/** The keys of a batch's rows. A single column is taken as it is; several are put together row by row. */
export function keySpans(columns: readonly Column[], selection: Int32Array | null, length: number): KeySpans {
  const [only] = columns;
  if (only === undefined) throw internalError("a join needs key columns");
  if (columns.length > 1) return joinedSpans(columns, selection, length);
  if (only.layout === "object") throw internalError("lists and structs are no join keys");
  if (only.layout === "bytes") {
    const { bytes, starts, ends, valid } = only;
    return { bytes, place: { starts, ends }, valid, dense: false };
  }
  return { bytes: fixedBytes(only), place: { width: widthOf(only) }, valid: only.valid, dense: false };
}

const widthOf = (column: FixedColumn | WideColumn): number => (column.layout === "wide" ? 16 : column.values.BYTES_PER_ELEMENT);

/** The values' own bytes; of floats, with one form of zero and of NaN. */
function fixedBytes(column: FixedColumn | WideColumn): Uint8Array {
  const values =
    column.values instanceof Float64Array || column.values instanceof Float32Array ? plainFloats(column.values) : column.values;
  return new Uint8Array(values.buffer, values.byteOffset, column.length * widthOf(column));
}

function plainFloats<T extends Float64Array | Float32Array>(values: T): FixedValues {
  const plain = values.slice();
  for (let i = 0; i < plain.length; i++) {
    const value = plain[i] as number;
    if (value === 0) plain[i] = 0;
    else if (Number.isNaN(value)) plain[i] = Number.NaN;
  }
  return plain;
}

interface Part {
  readonly source: Uint8Array;
  /** 0 for texts, whose length goes in front of them. */
  readonly width: number;
  readonly text: BytesColumn | null;
  readonly valid: Uint8Array | null;
}

function partOf(column: Column): Part {
  if (column.layout === "object") throw internalError("lists and structs are no join keys");
  if (column.layout === "bytes") return { source: column.bytes, width: 0, text: column, valid: column.valid };
  return { source: fixedBytes(column), width: widthOf(column), text: null, valid: column.valid };
}

/** Rows of several key columns as one span each. */
function joinedSpans(columns: readonly Column[], selection: Int32Array | null, length: number): KeySpans {
  const live = selection === null ? length : selection.length;
  const parts = columns.map(partOf);
  const valid = joinedValid(parts, selection, live);
  const offsets = joinedOffsets(parts, valid, selection, live);
  const bytes = new Uint8Array(offsets[live] as number);
  const at = offsets.slice(0, live);
  for (const part of parts) writePart(part, valid, selection, bytes, at);
  return { bytes, place: { starts: offsets.subarray(0, live), ends: offsets.subarray(1) }, valid, dense: true };
}

function joinedValid(parts: readonly Part[], selection: Int32Array | null, live: number): Uint8Array | null {
  const nullable = parts.flatMap((part) => (part.valid === null ? [] : [part.valid]));
  if (nullable.length === 0) return null;
  const valid = new Uint8Array(live).fill(1);
  for (const source of nullable) {
    for (let j = 0; j < live; j++) if (source[selection === null ? j : (selection[j] as number)] === 0) valid[j] = 0;
  }
  return valid;
}

function joinedOffsets(parts: readonly Part[], valid: Uint8Array | null, selection: Int32Array | null, live: number): Int32Array {
  const offsets = new Int32Array(live + 1);
  const fixed = parts.reduce((sum, part) => sum + (part.text === null ? part.width : 4), 0);
  const texts = parts.flatMap((part) => (part.text === null ? [] : [part.text]));
  let at = 0;
  for (let j = 0; j < live; j++) {
    if (valid === null || valid[j] !== 0) {
      const row = selection === null ? j : (selection[j] as number);
      at += fixed;
      for (const text of texts) at += (text.ends[row] as number) - (text.starts[row] as number);
      if (at > 0x7fff_ffff) throw keysTooLarge();
    }
    offsets[j + 1] = at;
  }
  return offsets;
}

/** Appends one column to the rows' spans; `at` is where each one's next byte goes. */
function writePart(part: Part, valid: Uint8Array | null, selection: Int32Array | null, bytes: Uint8Array, at: Int32Array): void {
  const { source, width, text } = part;
  for (let j = 0; j < at.length; j++) {
    if (valid !== null && valid[j] === 0) continue;
    const row = selection === null ? j : (selection[j] as number);
    let to = at[j] as number;
    let start = row * width;
    let end = start + width;
    if (text !== null) {
      start = text.starts[row] as number;
      end = text.ends[row] as number;
      const size = end - start;
      for (let k = 0; k < 4; k++) bytes[to++] = size >>> (8 * k);
    }
    copyBytes(source, start, end, bytes, to);
    at[j] = to + end - start;
  }
}

/** Keys one after the other in memory of their own, of all rows. */
export function packedKeys(keys: KeySpans, rows: number): { readonly bytes: Uint8Array; readonly offsets: Int32Array } {
  const { place, bytes, valid } = keys;
  const offsets = new Int32Array(rows + 1);
  if ("width" in place) {
    for (let i = 0; i <= rows; i++) offsets[i] = i * place.width;
    if (rows * place.width > 0x7fff_ffff) throw keysTooLarge();
    return { bytes: bytes.subarray(0, rows * place.width), offsets };
  }
  const { starts, ends } = place;
  if (isPacked(starts, ends, rows)) {
    const first = starts[0] ?? 0;
    for (let i = 0; i < rows; i++) offsets[i + 1] = (ends[i] as number) - first;
    return { bytes: bytes.subarray(first, ends[rows - 1] ?? first), offsets };
  }
  let total = 0;
  for (let i = 0; i < rows; i++) {
    if (valid === null || valid[i] !== 0) total += (ends[i] as number) - (starts[i] as number);
    if (total > 0x7fff_ffff) throw keysTooLarge();
    offsets[i + 1] = total;
  }
  const packed = new Uint8Array(total);
  for (let i = 0; i < rows; i++) {
    const at = offsets[i] as number;
    const size = (offsets[i + 1] as number) - at;
    if (size === 0) continue;
    const start = starts[i] as number;
    copyBytes(bytes, start, start + size, packed, at);
  }
  return { bytes: packed, offsets };
}

/** Whether each key begins where the one before it ends. */
function isPacked(starts: Int32Array, ends: Int32Array, rows: number): boolean {
  for (let i = 1; i < rows; i++) if (starts[i] !== ends[i - 1]) return false;
  return rows === 0 || (starts[0] as number) <= (ends[0] as number);
}

const keysTooLarge = () =>
  resourceError("BROADCAST_TOO_LARGE", "the keys of a join hold more than 2 GiB", {
    hint: "Set broadcastBytes to 0, so that the join runs in DuckDB.",
  });
