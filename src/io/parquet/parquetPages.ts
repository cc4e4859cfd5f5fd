import * as zlib from "node:zlib";
import { gzipSync } from "node:zlib";
import { assertNever } from "../../common/assert.js";
import { configError, internalError } from "../../common/errors.js";
import { type ParquetKernels, writerKernels, Region } from "../../kernels/parquet.js";
import { snappyRoom, snappyStretches, snappyTableBytes } from "../../kernels/snappy.js";
import { crc32 } from "../../runtime/safety.js";
import type { DataType } from "../../schema/types.js";
import type { WrittenChunk } from "../../task/protocol.js";
import type { ColumnData, PlainValues } from "./parquetColumn.js";
import { buildDictionary } from "./parquetDictionary.js";
import { encodePageHeader, type PageHeader } from "./parquetPageHeader.js";
import { decimalBytes, encodings } from "./parquetSchema.js";
import { minMax } from "./parquetStatistics.js";
import { joinedCrc32 } from "../sink/sinkChecksum.js";
import type { OutputPart } from "../sink/sinkOutput.js";

export const compressions = ["uncompressed", "snappy", "gzip", "zstd"] as const;
export type Compression = (typeof compressions)[number];

const pageBytes = 1 << 20;

export interface PageOptions {
  readonly compression: Compression;
  /** Try a dictionary for columns of few values. */
  readonly dictionary: boolean;
  readonly pageChecksum: boolean;
}

/** The bytes of a column chunk and what the footer says about it. */
export interface EncodedChunk {
  /** Views on kernel memory: they are good until the next chunk is encoded or the next row is appended. */
  readonly parts: readonly OutputPart[];
  readonly chunk: WrittenChunk;
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

/** Bytes of a region. */
interface Range {
  readonly region: Region;
  readonly from: number;
  readonly length: number;
}

const viewOf = ({ region, from, length }: Range): Uint8Array => region.view(from, length);
const totalLength = (ranges: readonly Range[]): number => ranges.reduce((sum, range) => sum + range.length, 0);

/** Bytes of one chunk, one after the other. They are taken before the next chunk is begun. */
class Pile {
  readonly region = new Region();
  #used = 0;

  begin(): void {
    this.#used = 0;
  }

  /** Appends what `write` stores at the address it is given; at most `room` bytes. */
  add(room: number, write: (to: number) => number): Range {
    const from = this.#used;
    const length = write(this.region.reserve(from + room, from) + from) >>> 0;
    this.#used += length;
    return { region: this.region, from, length };
  }
}

// One chunk is in work at a time.
const encoded = new Pile();
const compressed = new Pile();
const snappyTable = new Region();

/** A stored page body: in kernel memory, or bytes that Node's compressors made. */
type Stored = readonly Range[] | Uint8Array;

function compress(body: readonly Range[], compression: Compression): Stored {
  switch (compression) {
    case "uncompressed":
      return body;
    case "snappy": {
      const kernels = writerKernels();
      const table = snappyTable.reserve(snappyTableBytes);
      return [
        compressed.add(snappyRoom(kernels, totalLength(body), body.length), (to) => {
          const stretches = body.map(({ region, from, length }) => ({ at: region.at + from, length }));
          return snappyStretches(kernels, stretches, to, table);
        }),
      ];
    }
    case "gzip":
      return gzipSync(Buffer.concat(body.map(viewOf)));
    case "zstd": {
      const zstd = zstdOfNode();
      if (zstd === undefined) throw internalError("zstd was not checked for");
      return zstd(Buffer.concat(body.map(viewOf)));
    }
    default:
      return assertNever(compression, "compression");
  }
}

/** A part of a chunk before its views are made: making room for a later page may move an earlier one. */
interface Piece {
  readonly bytes: Range | Uint8Array;
  readonly crc: number | null;
}

/** Puts pages one after the other. */
class ChunkBuilder {
  readonly #pieces: Piece[] = [];
  bytes = 0;
  uncompressedBytes = 0;
  readonly #options: PageOptions;

  constructor(options: PageOptions) {
    this.#options = options;
    encoded.begin();
    compressed.begin();
  }

  page(kind: PageHeader["kind"], values: number, encoding: number, body: readonly Range[]): void {
    const stored = compress(body, this.#options.compression);
    const pieces = stored instanceof Uint8Array ? [stored] : stored;
    const checksums = pieces.map((piece) =>
      this.#options.pageChecksum ? crc32(piece instanceof Uint8Array ? piece : viewOf(piece)) : null,
    );
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const raw = totalLength(body);
    const crc = this.#options.pageChecksum ? pageChecksum(pieces, checksums) : null;
    const header = encodePageHeader({ kind, values, encoding, stored: size, raw, crc });
    this.#pieces.push({ bytes: header, crc: null }, ...pieces.map((bytes, i) => ({ bytes, crc: checksums[i] ?? null })));
    this.bytes += header.length + size;
    this.uncompressedBytes += header.length + raw;
  }

  parts(): OutputPart[] {
    return this.#pieces.map(({ bytes, crc }) => ({ bytes: bytes instanceof Uint8Array ? bytes : viewOf(bytes), crc }));
  }
}

const pageChecksum = (pieces: readonly { readonly length: number }[], checksums: readonly (number | null)[]): number =>
  pieces.reduce((crc, { length }, i) => (i === 0 ? (checksums[0] ?? 0) : joinedCrc32(crc, checksums[i] ?? 0, length)), 0);

/** Encodes a column of a row group as one chunk: a dictionary page if it pays, then data pages of about 1 MiB. */
export function encodeChunk(data: ColumnData, options: PageOptions): EncodedChunk {
  const builder = new ChunkBuilder(options);
  const dictionary = options.dictionary ? buildDictionary(data.values) : null;
  const { type } = data.leaf.field;
  let dictionaryPageBytes = 0;
  let encodeRange = plainEncoder(data.values, type);
  if (dictionary !== null) {
    const { entries, codes } = dictionary;
    builder.page("dictionary", entries.count, encodings.plain, [plainEncoder(entries, type)(0, entries.count)]);
    dictionaryPageBytes = builder.bytes;
    const bits = entries.count === 1 ? 0 : 32 - Math.clz32(entries.count - 1);
    const { encodeCodes } = writerKernels().functions<ParquetKernels>();
    encodeRange = (from, to) => encoded.add((to - from) * 4 + 64, (at) => encodeCodes(codes.at + from * 4, to - from, bits, at));
  }
  const encoding = dictionary === null ? encodings.plain : encodings.rleDictionary;
  writeDataPages(builder, data, dictionary === null ? plainBytes(data.values) : 0, encoding, encodeRange);
  const bounds = minMax(type, dictionary === null ? data.values : dictionary.entries);
  const chunk: WrittenChunk = {
    bytes: builder.bytes,
    uncompressedBytes: builder.uncompressedBytes,
    dictionaryPageBytes,
    encodings: dictionary === null ? [encodings.plain, encodings.rle] : [encodings.plain, encodings.rle, encodings.rleDictionary],
    ...(data.reps === null ? {} : { values: data.slots }),
    nulls: data.slots - data.values.count,
    bounds: bounds === null ? null : { min: asBase64(bounds.min), max: asBase64(bounds.max) },
  };
  return { parts: builder.parts(), chunk };
}

const asBase64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");

function writeDataPages(
  builder: ChunkBuilder,
  data: ColumnData,
  bytes: number,
  encoding: number,
  encodeRange: (from: number, to: number) => Range,
): void {
  const { slots, levels, reps, leaf } = data;
  const { countBytes } = writerKernels().functions<ParquetKernels>();
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  const slotsPerPage = Math.max(1, Math.ceil(slots / pages));
  let value = 0;
  for (let slot = 0; slot < slots; ) {
    const end = pageEnd(reps, Math.min(slots, slot + slotsPerPage), slots);
    const live = levels === null ? end - slot : countBytes(levels.at + slot, end - slot, leaf.level);
    const body = [encodeRange(value, value + live)];
    if (leaf.level > 0) {
      const same = levels === null || live === end - slot ? leaf.level : live === 0 && leaf.level === 1 ? 0 : null;
      body.unshift(encodeLevels(levels, leaf.level, slot, end, same));
    }
    if (reps !== null) body.unshift(encodeLevels(reps, leaf.lists, slot, end, null));
    builder.page("data", end - slot, encoding, body);
    value += live;
    slot = end;
  }
}

/** A page ends where a row does. */
function pageEnd(reps: Region | null, slot: number, slots: number): number {
  if (reps === null) return slot;
  const memory = writerKernels().memory.u8();
  let end = slot;
  while (end < slots && memory[reps.at + end] !== 0) end++;
  return end;
}

function plainBytes(values: PlainValues): number {
  return values.kind === "words" ? values.count * values.width * 4 : values.kind === "bits" ? values.count >> 3 : values.used;
}

/** Gives the plain bytes of a range of values, which are stored that way already but for bits and wide decimals. */
function plainEncoder(values: PlainValues, type: DataType): (from: number, to: number) => Range {
  const { packBits, packBigEndian } = writerKernels().functions<ParquetKernels>();
  const { region } = values;
  switch (values.kind) {
    case "bytes": {
      const { ends } = values;
      const end = (count: number) => (count === 0 ? 0 : (writerKernels().memory.u32()[(ends.at >>> 2) + count - 1] as number));
      return (from, to) => ({ region, from: end(from), length: end(to) - end(from) });
    }
    case "bits":
      return (from, to) => encoded.add(((to - from) >> 3) + 16, (at) => packBits(region.at + from, to - from, at));
    case "words": {
      const size = values.width * 4;
      if (values.width <= 2) return (from, to) => ({ region, from: from * size, length: (to - from) * size });
      const length = type.kind === "decimal" ? decimalBytes(type.precision) : size;
      return (from, to) =>
        encoded.add((to - from) * length, (at) => packBigEndian(region.at + from * size, to - from, length, at));
    }
    default:
      return assertNever(values, "plain values");
  }
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

/** Levels of slots with the length that precedes them in a page of version 1. `same`: the level that they all have, where that is known. */
function encodeLevels(levels: Region | null, most: number, from: number, to: number, same: number | null): Range {
  const slots = to - from;
  const bits = 32 - Math.clz32(most);
  const groups = (slots + 7) >> 3;
  const isRun = levels === null || same !== null;
  const head = isRun ? [...varint(slots << 1), same ?? most] : varint((groups << 1) | 1);
  const length = head.length + (isRun ? 0 : groups * bits);
  return encoded.add(length + 32, (at) => {
    const { memory, functions } = writerKernels();
    memory.u8().set([length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24, ...head], at);
    const { packBits, packLevels } = functions<ParquetKernels>();
    const start = at + 4 + head.length;
    if (!isRun && bits === 1) packBits(levels.at + from, slots, start);
    else if (!isRun) packLevels(levels.at + from, slots, bits, start);
    return 4 + length;
  });
}
