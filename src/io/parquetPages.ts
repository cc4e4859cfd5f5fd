import { crc32, gzipSync } from "node:zlib";
import * as zlib from "node:zlib";
import { assertNever } from "../common/assert.js";
import { configError, internalError } from "../common/errors.js";
import { snappyCompress } from "../kernels/snappy.js";
import type { ColumnData, PlainValues } from "./parquetColumn.js";
import { buildDictionary } from "./parquetDictionary.js";
import { decimalBytes, isOptional } from "./parquetSchema.js";
import { bigEndian, type MinMax, minMax } from "./parquetStatistics.js";
import { encodeThrift, i32, struct, type ThriftValue } from "./parquetThrift.js";

export const compressions = ["uncompressed", "snappy", "gzip", "zstd"] as const;
export type Compression = (typeof compressions)[number];

/** Numbers of `CompressionCodec` in the format. */
export const codecNumber: { readonly [C in Compression]: number } = { uncompressed: 0, snappy: 1, gzip: 2, zstd: 6 };

export const encodings = { plain: 0, rle: 3, rleDictionary: 8 } as const;
const pageTypes = { data: 0, dictionary: 2 } as const;
const pageBytes = 1 << 20;

export interface PageOptions {
  readonly compression: Compression;
  /** Try a dictionary for columns of few values. */
  readonly dictionary: boolean;
  readonly pageChecksum: boolean;
}

/** The bytes of a column chunk and what the footer says about it. */
export interface EncodedChunk {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly uncompressedBytes: number;
  /** Bytes of the dictionary page at the chunk's beginning; 0 where there is none. */
  readonly dictionaryPageBytes: number;
  readonly encodings: readonly number[];
  readonly nulls: number;
  readonly bounds: MinMax | null;
}

type Zstd = (bytes: Uint8Array) => Uint8Array;

/** @throws MillraceError Config/UNSUPPORTED_COMPRESSION where this Node has no zstd */
export function checkCompression(compression: Compression): void {
  if (compression === "zstd" && zstdOfNode() === undefined) {
    throw configError("UNSUPPORTED_COMPRESSION", `zstd needs Node 22.15 or newer; this is ${process.version}`, {
      hint: 'Write with compression "snappy" or "gzip".',
    });
  }
}

const zstdOfNode = (): Zstd | undefined => (zlib as unknown as { zstdCompressSync?: Zstd }).zstdCompressSync;

function compress(parts: readonly Uint8Array[], compression: Compression): readonly Uint8Array[] {
  switch (compression) {
    case "uncompressed":
      return parts;
    case "snappy":
      return [snappyCompress(parts)];
    case "gzip":
      return [gzipSync(Buffer.concat(parts))];
    case "zstd": {
      const zstd = zstdOfNode();
      if (zstd === undefined) throw internalError("zstd was not checked for");
      return [zstd(Buffer.concat(parts))];
    }
    default:
      return assertNever(compression, "compression");
  }
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

/** Puts pages one after the other. */
class ChunkBuilder {
  readonly parts: Uint8Array[] = [];
  bytes = 0;
  uncompressedBytes = 0;
  readonly #options: PageOptions;

  constructor(options: PageOptions) {
    this.#options = options;
  }

  page(type: number, content: { readonly [id: number]: ThriftValue }, body: readonly Uint8Array[]): void {
    const stored = compress(body, this.#options.compression);
    const checksum = this.#options.pageChecksum ? stored.reduce((crc, part) => crc32(part, crc), 0) : undefined;
    const raw = lengthOf(body);
    const size = lengthOf(stored);
    const header = encodeThrift(
      struct({
        1: i32(type),
        2: i32(raw),
        3: i32(size),
        4: checksum === undefined ? undefined : i32(checksum | 0),
        ...content,
      }),
    );
    this.parts.push(header, ...stored);
    this.bytes += header.length + size;
    this.uncompressedBytes += header.length + raw;
  }
}

/** Encodes a column of a row group as one chunk: a dictionary page if it pays, then data pages of about 1 MiB. */
export function encodeChunk(data: ColumnData, options: PageOptions): EncodedChunk {
  const builder = new ChunkBuilder(options);
  const dictionary = options.dictionary ? buildDictionary(data.values) : null;
  const { type } = data.field;
  const values = dictionary === null ? data.values : dictionary.entries;
  let dictionaryPageBytes = 0;
  let encodeRange: (from: number, to: number) => Uint8Array;
  if (dictionary === null) {
    const plain = plainEncoder(data);
    encodeRange = plain;
  } else {
    const { entries, codes } = dictionary;
    const body = plainEncoder({ ...data, values: entries })(0, entries.count);
    builder.page(pageTypes.dictionary, { 7: struct({ 1: i32(entries.count), 2: i32(encodings.plain) }) }, [body]);
    dictionaryPageBytes = builder.bytes;
    const bits = entries.count === 1 ? 0 : 32 - Math.clz32(entries.count - 1);
    encodeRange = (from, to) => encodeCodes(codes, from, to, bits);
  }
  const encoding = dictionary === null ? encodings.plain : encodings.rleDictionary;
  writeDataPages(builder, data, dictionary === null ? plainBytes(data.values) : 0, encoding, encodeRange);
  return {
    parts: builder.parts,
    bytes: builder.bytes,
    uncompressedBytes: builder.uncompressedBytes,
    dictionaryPageBytes,
    encodings: dictionary === null ? [encodings.plain, encodings.rle] : [encodings.plain, encodings.rle, encodings.rleDictionary],
    nulls: data.rows - data.values.count,
    bounds: minMax(type, values),
  };
}

function writeDataPages(
  builder: ChunkBuilder,
  data: ColumnData,
  bytes: number,
  encoding: number,
  encodeRange: (from: number, to: number) => Uint8Array,
): void {
  const { rows, valid } = data;
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  const rowsPerPage = Math.max(1, Math.ceil(rows / pages));
  let value = 0;
  for (let row = 0; row < rows; row += rowsPerPage) {
    const end = Math.min(rows, row + rowsPerPage);
    const live = valid === null ? end - row : countOnes(valid, row, end);
    const body = [encodeRange(value, value + live)];
    if (isOptional(data.field)) body.unshift(encodeLevels(valid, row, end, live));
    const rle = i32(encodings.rle);
    builder.page(pageTypes.data, { 5: struct({ 1: i32(end - row), 2: i32(encoding), 3: rle, 4: rle }) }, body);
    value += live;
  }
}

function countOnes(valid: Uint8Array, from: number, to: number): number {
  let ones = 0;
  for (let i = from; i < to; i++) ones += valid[i] as number;
  return ones;
}

const plainBytes = (values: PlainValues): number =>
  values.kind === "words" ? values.words.byteLength : values.kind === "bits" ? values.count >> 3 : values.bytes.length;

/** Gives the plain bytes of a range of values; a view where they are stored that way already. */
function plainEncoder({ field, values }: ColumnData): (from: number, to: number) => Uint8Array {
  switch (values.kind) {
    case "bytes": {
      const { bytes, ends } = values;
      const end = (count: number) => (count === 0 ? 0 : (ends[count - 1] as number));
      return (from, to) => bytes.subarray(end(from), end(to));
    }
    case "bits":
      return (from, to) => packBits(values.bytes, from, to);
    case "words": {
      const { words, width } = values;
      const raw = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      if (width <= 2) return (from, to) => raw.subarray(from * width * 4, to * width * 4);
      const length = field.type.kind === "decimal" ? decimalBytes(field.type.precision) : width * 4;
      return (from, to) => {
        const packed = new Uint8Array((to - from) * length);
        for (let i = from; i < to; i++) packed.set(bigEndian(raw.subarray(i * width * 4), length), (i - from) * length);
        return packed;
      };
    }
    default:
      return assertNever(values, "plain values");
  }
}

/** Bytes of 0 and 1 as bits, lowest bit first. */
function packBits(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const packed = new Uint8Array((to - from + 7) >> 3);
  for (let i = from; i < to; i++) {
    const at = i - from;
    packed[at >> 3] = (packed[at >> 3] as number) | ((bytes[i] as number) << (at & 7));
  }
  return packed;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Definition levels of rows: 0 at a null and 1 at a value, with the length that precedes them in a page of version 1. */
function encodeLevels(valid: Uint8Array | null, from: number, to: number, live: number): Uint8Array {
  const rows = to - from;
  const same = live === rows || live === 0;
  const run = same ? Uint8Array.from([...varint(rows << 1), live === 0 ? 0 : 1]) : null;
  const bits = run !== null || valid === null ? new Uint8Array(0) : packBits(valid, from, to);
  const head = run ?? Uint8Array.from(varint((bits.length << 1) | 1));
  const levels = new Uint8Array(4 + head.length + bits.length);
  new DataView(levels.buffer).setUint32(0, head.length + bits.length, true);
  levels.set(head, 4);
  levels.set(bits, 4 + head.length);
  return levels;
}

/** Dictionary codes as one byte of bit width, then runs: repeated values where 8 or more are equal, else packed bits. */
function encodeCodes(codes: Int32Array, from: number, to: number, bits: number): Uint8Array {
  const out = new Uint8Array(16 + Math.ceil(((to - from + 8) * Math.max(bits, 1)) / 8) + (to - from + 8));
  out[0] = bits;
  let at = 1;
  const put = (value: number) => {
    for (const byte of varint(value)) out[at++] = byte;
  };
  const flushPacked = (start: number, end: number) => {
    if (end <= start) return;
    const groups = (end - start + 7) >> 3;
    put((groups << 1) | 1);
    at = packCodes(codes, start, end, bits, out, at);
  };
  let packedFrom = from;
  let i = from;
  while (i < to) {
    const code = codes[i] as number;
    let run = i + 1;
    while (run < to && codes[run] === code) run++;
    if (run - i < 8) {
      i = Math.min(to, i + 8);
      continue;
    }
    flushPacked(packedFrom, i);
    put((run - i) << 1);
    for (let shift = 0; shift < bits; shift += 8) out[at++] = code >> shift;
    i = run;
    packedFrom = run;
  }
  flushPacked(packedFrom, to);
  return out.subarray(0, at);
}

/** Packs codes into groups of 8, the last one filled up with zeros. Returns the place after them. */
function packCodes(codes: Int32Array, from: number, to: number, bits: number, out: Uint8Array, start: number): number {
  let at = start;
  let held = 0;
  let heldBits = 0;
  const groups = (to - from + 7) >> 3;
  for (let i = from; i < from + groups * 8; i++) {
    held |= (i < to ? (codes[i] as number) : 0) << heldBits;
    heldBits += bits;
    while (heldBits >= 8) {
      out[at++] = held;
      held >>>= 8;
      heldBits -= 8;
    }
  }
  return at;
}
