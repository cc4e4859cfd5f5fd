import type { WrittenChunk, WrittenRowGroup } from "../../task/protocol.js";
import type { Leaf } from "./parquetLeaves.js";
import type { Compression } from "./parquetPages.js";
import { codecs, itemsName, storedType } from "./parquetSchema.js";
import { putVarint, putZigzag } from "./parquetThrift.js";
import { wireTypes } from "./thriftEnds.js";

// The Thrift structs `RowGroup` and `ColumnChunk` of the Parquet format, written as bytes at once: what `encodeThrift` makes of plain data costs many times
// as much, most of it while the program is still young.

const { i16, i32, i64, binary, list, struct } = wireTypes;
const encoder = new TextEncoder();
/** A field's head: how far its number is from the one before, and its type. */
const head = (ahead: number, type: number): number => (ahead << 4) | type;
const stop = 0;
/** Longer than any two numbers with what stands before them. */
const slack = 32;

let bytes = new Uint8Array(4096);
let length = 0;

function reserve(more: number): void {
  if (length + more <= bytes.length) return;
  const grown = new Uint8Array(2 * (length + more));
  grown.set(bytes.subarray(0, length));
  bytes = grown;
}

function int32(ahead: number, value: number): void {
  bytes[length++] = head(ahead, i32);
  length = putZigzag(bytes, length, value);
}

/** Of a whole number from 0 on. */
function int64(ahead: number, value: number): void {
  bytes[length++] = head(ahead, i64);
  let rest = value * 2;
  while (rest >= 128) {
    bytes[length++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  bytes[length++] = rest;
}

function text(value: Uint8Array): void {
  reserve(value.length + slack);
  length = putVarint(bytes, length, value.length);
  bytes.set(value, length);
  length += value.length;
}

function listHead(type: number, count: number): void {
  if (count < 15) {
    bytes[length++] = head(count, type);
    return;
  }
  bytes[length++] = head(15, type);
  length = putVarint(bytes, length, count);
}

const fromBase64 = (value: string): Uint8Array => Buffer.from(value, "base64");

function columnChunk(leaf: Leaf, chunk: WrittenChunk, rows: number, offset: number, codec: number): void {
  reserve(4 * slack);
  int64(2, 0);
  bytes[length++] = head(1, struct);
  int32(1, storedType(leaf.field.type).physical);
  bytes[length++] = head(1, list);
  listHead(i32, chunk.encodings.length);
  for (const encoding of chunk.encodings) length = putZigzag(bytes, length, encoding);
  bytes[length++] = head(1, list);
  listHead(binary, leaf.path.length + leaf.lists);
  for (const { name, type } of leaf.path) {
    text(encoder.encode(name));
    if (type.kind === "list") text(encoder.encode(itemsName));
  }
  reserve(8 * slack);
  int32(1, codec);
  int64(1, chunk.values ?? rows);
  int64(1, chunk.uncompressedBytes);
  int64(1, chunk.bytes);
  int64(2, offset + chunk.dictionaryPageBytes);
  const isCoded = chunk.dictionaryPageBytes > 0;
  if (isCoded) int64(2, offset);
  bytes[length++] = head(isCoded ? 1 : 3, struct);
  int64(3, chunk.nulls);
  if (chunk.bounds !== null) {
    bytes[length++] = head(2, binary);
    text(fromBase64(chunk.bounds.max));
    bytes[length++] = head(1, binary);
    text(fromBase64(chunk.bounds.min));
  }
  bytes[length++] = stop;
  bytes[length++] = stop;
  bytes[length++] = stop;
}

/** Where the row group behind one that begins at `offset` begins. */
export const groupEnd = ({ chunks }: WrittenRowGroup, offset: number): number =>
  chunks.reduce((at, chunk) => at + chunk.bytes, offset);

/** A row group whose chunks stand one after the other from `offset` on. `ordinal`: its number in the file; null for none. */
export function encodeRowGroup(
  leaves: readonly Leaf[],
  group: WrittenRowGroup,
  offset: number,
  compression: Compression,
  ordinal: number | null,
): Uint8Array {
  const { chunks, rows } = group;
  length = 0;
  bytes[length++] = head(1, list);
  listHead(struct, chunks.length);
  let at = offset;
  let uncompressed = 0;
  for (const [i, chunk] of chunks.entries()) {
    columnChunk(leaves[i] as Leaf, chunk, rows, at, codecs[compression]);
    at += chunk.bytes;
    uncompressed += chunk.uncompressedBytes;
  }
  reserve(4 * slack);
  int64(1, uncompressed);
  int64(1, rows);
  int64(2, offset);
  int64(1, at - offset);
  if (ordinal !== null) {
    bytes[length++] = head(1, i16);
    length = putZigzag(bytes, length, ordinal);
  }
  bytes[length++] = stop;
  return bytes.slice(0, length);
}
