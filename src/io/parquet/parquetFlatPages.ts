import * as zlib from "node:zlib";
import { plainOf, type StoredValues } from "./parquetEncodings.js";
import { countValid } from "../../batch/validity.js";
import { mostLevels, physical } from "./parquetSchema.js";
import { areOnes, decodeHybrid } from "./parquetRle.js";
import { boolField, decodeThriftAt, numberField, structField, type ThriftStruct } from "./parquetThrift.js";
import { snappyDecode } from "./snappyDecode.js";

/** Values of a page are plain, places in the chunk's dictionary, or booleans in runs. Other encodings are undone into plain values. */
export type PageForm = "plain" | "dictionary" | "runs";

/** What the schema and the metadata say of a chunk. */
export interface ChunkForm extends StoredValues {
  readonly codec: number;
  /** The definition level of a value: 1 in a flat column that may be null, 0 in one that may not. */
  readonly level: number;
}

/** A page of values, decompressed. */
export interface FlatPage {
  readonly kind: "dictionary" | "data";
  /** Rows, or values of the dictionary. */
  readonly rows: number;
  readonly form: PageForm;
  /** One byte a row; null where there are no nulls. */
  readonly valid: Uint8Array | null;
  /** Definition levels, one byte a row; null where there are no nulls. */
  readonly levels: Uint8Array | null;
  /** Values that are there. */
  readonly live: number;
  /** The values begin here. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const pageType = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
const encoding = { plain: 0, plainDictionary: 2, rle: 3, rleDictionary: 8 } as const;
const codec = { uncompressed: 0, snappy: 1, gzip: 2, zstd: 6 } as const;

/** The pages of a chunk that hold `rows` rows; null where one is not of the common kinds. */
export function flatPages(chunk: Uint8Array, form: ChunkForm, rows: number): FlatPage[] | null {
  const pages: FlatPage[] = [];
  let at = 0;
  let done = 0;
  if (form.level > mostLevels) return null;
  while (done < rows) {
    if (at >= chunk.length) return null;
    const { fields, end } = decodeThriftAt(chunk, at);
    const stored = numberField(fields, 3) ?? -1;
    if (stored < 0 || end + stored > chunk.length) return null;
    const page = flatPage(fields, chunk.subarray(end, end + stored), form);
    at = end + stored;
    if (page === "none") continue;
    if (page === null || (page.kind === "dictionary" && pages.length > 0)) return null;
    if (page.kind === "data") done += page.rows;
    pages.push(page);
  }
  return done === rows ? pages : null;
}

function flatPage(fields: ThriftStruct, stored: Uint8Array, form: ChunkForm): FlatPage | "none" | null {
  const size = numberField(fields, 2) ?? -1;
  if (size < 0 || size > 0x7fff_ffff) return null;
  switch (numberField(fields, 1)) {
    case pageType.dictionary: {
      const head = structField(fields, 7);
      const rows = head === undefined ? -1 : (numberField(head, 1) ?? -1);
      const encoded = head === undefined ? undefined : numberField(head, 2);
      const bytes = decompress(stored, size, form.codec);
      if (rows < 0 || bytes === null || (encoded !== encoding.plain && encoded !== encoding.plainDictionary)) return null;
      return { kind: "dictionary", rows, form: "plain", valid: null, levels: null, live: rows, at: 0, bytes };
    }
    case pageType.data:
      return dataPage(structField(fields, 5), stored, size, form);
    case pageType.dataV2:
      return dataPageV2(structField(fields, 8), stored, size, form);
    case pageType.index:
      return "none";
    default:
      return null;
  }
}

function dataPage(head: ThriftStruct | undefined, stored: Uint8Array, size: number, form: ChunkForm): FlatPage | null {
  const rows = head === undefined ? -1 : (numberField(head, 1) ?? -1);
  const bytes = decompress(stored, size, form.codec);
  if (head === undefined || rows < 0 || bytes === null) return null;
  const encoded = numberField(head, 2);
  if (form.level === 0) return pageOf(rows, everyRow, encoded, bytes, 0, form);
  if (numberField(head, 3) !== encoding.rle || bytes.length < 4) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length > bytes.length - 4) return null;
  const levels = levelsOf(bytes, 4, 4 + length, rows, form.level);
  return levels === null ? null : pageOf(rows, levels, encoded, bytes, 4 + length, form);
}

function dataPageV2(head: ThriftStruct | undefined, stored: Uint8Array, size: number, form: ChunkForm): FlatPage | null {
  const rows = head === undefined ? -1 : (numberField(head, 1) ?? -1);
  if (head === undefined || rows < 0) return null;
  const defined = numberField(head, 5) ?? 0;
  // Rows without lists have no repetition levels.
  if ((numberField(head, 6) ?? 0) !== 0 || defined < 0 || defined > stored.length || defined > size) return null;
  const isPacked = boolField(head, 7) ?? true;
  const bytes = decompress(stored.subarray(defined), size - defined, isPacked ? form.codec : codec.uncompressed);
  if (bytes === null || (form.level === 0 && defined > 0)) return null;
  const levels = form.level === 0 ? everyRow : levelsOf(stored, 0, defined, rows, form.level);
  return levels === null ? null : pageOf(rows, levels, numberField(head, 4), bytes, 0, form);
}

/** Which rows of a page are there: all of them, or by their levels. */
interface Levels {
  readonly valid: Uint8Array | null;
  readonly levels: Uint8Array | null;
}

const everyRow: Levels = { valid: null, levels: null };

function levelsOf(bytes: Uint8Array, from: number, to: number, rows: number, most: number): Levels | null {
  if (most === 1 && areOnes(bytes, from, to, rows)) return everyRow;
  const found = new Int32Array(rows);
  if (!decodeHybrid(bytes, from, to, 32 - Math.clz32(most), rows, found)) return null;
  const levels = new Uint8Array(found);
  if (most > 1 && areAbove(levels, most)) return null;
  const valid = most === 1 ? levels : reached(levels, most);
  return countValid(valid) === rows ? everyRow : { levels, valid };
}

/** Whether one of the levels is above the highest one. */
function areAbove(levels: Uint8Array, most: number): boolean {
  for (let i = 0; i < levels.length; i++) if ((levels[i] as number) > most) return true;
  return false;
}

/** One byte for each of the levels: whether it is at least `level`. */
export function reached(levels: Uint8Array, level: number): Uint8Array {
  const out = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) out[i] = (levels[i] as number) >= level ? 1 : 0;
  return out;
}

/** A page whose values begin at `at`. */
function pageOf(
  rows: number,
  { valid, levels }: Levels,
  encoded: number | undefined,
  bytes: Uint8Array,
  at: number,
  form: ChunkForm,
): FlatPage | null {
  const live = valid === null ? rows : countValid(valid);
  const page = { kind: "data", rows, valid, levels, live } as const;
  const known = formOf(encoded);
  if (known !== null) return known === "runs" && form.physical !== physical.boolean ? null : { ...page, form: known, at, bytes };
  const plain = encoded === undefined ? null : plainOf(encoded, bytes.subarray(at), live, form);
  return plain === null ? null : { ...page, form: "plain", at: 0, bytes: plain };
}

function formOf(id: number | undefined): PageForm | null {
  if (id === encoding.plain) return "plain";
  if (id === encoding.rle) return "runs";
  return id === encoding.plainDictionary || id === encoding.rleDictionary ? "dictionary" : null;
}

type Undo = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;

/** Zstd is not in every Node. */
const zstd = (zlib as unknown as { readonly zstdDecompressSync?: Undo }).zstdDecompressSync;

/** null for other codecs, and for bytes that are not `size` bytes packed with this one. */
function decompress(stored: Uint8Array, size: number, codecId: number): Uint8Array | null {
  if (codecId === codec.uncompressed) return stored.length === size ? stored : null;
  if (codecId === codec.snappy) {
    const out = new Uint8Array(size);
    return snappyDecode(stored, out) ? out : null;
  }
  const undo: Undo | undefined = codecId === codec.gzip ? zlib.gunzipSync : codecId === codec.zstd ? zstd : undefined;
  if (undo === undefined) return null;
  try {
    const out = undo(stored, { maxOutputLength: Math.max(1, size) });
    // Not as the buffer that it is: a `slice` of one is no copy.
    return out.length === size ? new Uint8Array(out.buffer, out.byteOffset, size) : null;
  } catch {
    // Who can say what is wrong with it is asked instead.
    return null;
  }
}
