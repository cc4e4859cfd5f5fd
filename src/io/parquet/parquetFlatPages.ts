import { gunzipSync } from "node:zlib";
import { countValid } from "../../batch/validity.js";
import { areOnes, decodeHybrid } from "./parquetRle.js";
import { boolField, decodeThriftAt, numberField, structField, type ThriftStruct } from "./parquetThrift.js";
import { snappyDecode } from "./snappyDecode.js";

/** Values of a page are plain, places in the chunk's dictionary, or booleans in runs. */
export type PageForm = "plain" | "dictionary" | "runs";

/** A page of values, decompressed. */
export interface FlatPage {
  readonly kind: "dictionary" | "data";
  /** Rows, or values of the dictionary. */
  readonly rows: number;
  readonly form: PageForm;
  /** One byte a row; null where there are no nulls. */
  readonly valid: Uint8Array | null;
  /** Values that are there. */
  readonly live: number;
  /** The values begin here. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const pageType = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
const encoding = { plain: 0, plainDictionary: 2, rle: 3, rleDictionary: 8 } as const;
const codec = { uncompressed: 0, snappy: 1, gzip: 2 } as const;

/**
 * The pages of a chunk that hold `rows` rows; null where one is not of the common kinds. `levels`: whether rows may be null; `runs`: whether values
 * may stand in runs.
 */
export function flatPages(chunk: Uint8Array, codecId: number, levels: boolean, runs: boolean, rows: number): FlatPage[] | null {
  const pages: FlatPage[] = [];
  let at = 0;
  let done = 0;
  while (done < rows) {
    if (at >= chunk.length) return null;
    const { fields, end } = decodeThriftAt(chunk, at);
    const stored = numberField(fields, 3) ?? -1;
    if (stored < 0 || end + stored > chunk.length) return null;
    const page = flatPage(fields, chunk.subarray(end, end + stored), codecId, levels);
    at = end + stored;
    if (page === "none") continue;
    if (page === null || (page.form === "runs" && !runs)) return null;
    if (page.kind === "dictionary" && pages.length > 0) return null;
    if (page.kind === "data") done += page.rows;
    pages.push(page);
  }
  return done === rows ? pages : null;
}

function flatPage(fields: ThriftStruct, stored: Uint8Array, codecId: number, levels: boolean): FlatPage | "none" | null {
  const size = numberField(fields, 2) ?? -1;
  if (size < 0 || size > 0x7fff_ffff) return null;
  switch (numberField(fields, 1)) {
    case pageType.dictionary: {
      const head = structField(fields, 7);
      const bytes = head === undefined ? null : decompress(stored, size, codecId);
      const form = head === undefined ? null : formOf(numberField(head, 2));
      if (head === undefined || bytes === null || form === null || form === "runs") return null;
      const rows = numberField(head, 1) ?? -1;
      return rows < 0 ? null : { kind: "dictionary", rows, form: "plain", valid: null, live: rows, at: 0, bytes };
    }
    case pageType.data:
      return dataPage(structField(fields, 5), stored, size, codecId, levels);
    case pageType.dataV2:
      return dataPageV2(structField(fields, 8), stored, size, codecId, levels);
    case pageType.index:
      return "none";
    default:
      return null;
  }
}

function dataPage(head: ThriftStruct | undefined, stored: Uint8Array, size: number, codecId: number, levels: boolean) {
  const rows = head === undefined ? -1 : (numberField(head, 1) ?? -1);
  const form = head === undefined ? null : formOf(numberField(head, 2));
  const bytes = decompress(stored, size, codecId);
  if (head === undefined || rows < 0 || form === null || bytes === null) return null;
  if (!levels) return { kind: "data", rows, form, valid: null, live: rows, at: 0, bytes } as const;
  if (numberField(head, 3) !== encoding.rle || bytes.length < 4) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return length > bytes.length - 4 ? null : withLevels(rows, form, bytes, bytes, 4, 4 + length, 4 + length);
}

function dataPageV2(head: ThriftStruct | undefined, stored: Uint8Array, size: number, codecId: number, levels: boolean) {
  const rows = head === undefined ? -1 : (numberField(head, 1) ?? -1);
  const form = head === undefined ? null : formOf(numberField(head, 4));
  if (head === undefined || rows < 0 || form === null) return null;
  const defined = numberField(head, 5) ?? 0;
  // Flat columns have no repetition levels.
  if ((numberField(head, 6) ?? 0) !== 0 || defined < 0 || defined > stored.length || defined > size) return null;
  const isPacked = boolField(head, 7) ?? true;
  const bytes = decompress(stored.subarray(defined), size - defined, isPacked ? codecId : codec.uncompressed);
  if (bytes === null) return null;
  if (!levels) return defined === 0 ? ({ kind: "data", rows, form, valid: null, live: rows, at: 0, bytes } as const) : null;
  return withLevels(rows, form, bytes, stored, 0, defined, 0);
}

/** `levels` [from, to) say which rows are there; the values begin at `at` of `bytes`. */
function withLevels(
  rows: number,
  form: PageForm,
  bytes: Uint8Array,
  levels: Uint8Array,
  from: number,
  to: number,
  at: number,
): FlatPage | null {
  if (areOnes(levels, from, to, rows)) return { kind: "data", rows, form, valid: null, live: rows, at, bytes };
  const found = new Int32Array(rows);
  if (!decodeHybrid(levels, from, to, 1, rows, found)) return null;
  const valid = Uint8Array.from(found);
  const live = countValid(valid);
  return { kind: "data", rows, form, valid: live === rows ? null : valid, live, at, bytes };
}

function formOf(id: number | undefined): PageForm | null {
  if (id === encoding.plain) return "plain";
  if (id === encoding.rle) return "runs";
  return id === encoding.plainDictionary || id === encoding.rleDictionary ? "dictionary" : null;
}

/** null for other codecs, and for bytes that are not `size` bytes packed with this one. */
function decompress(stored: Uint8Array, size: number, codecId: number): Uint8Array | null {
  if (codecId === codec.uncompressed) return stored.length === size ? stored : null;
  if (codecId === codec.snappy) {
    const out = new Uint8Array(size);
    return snappyDecode(stored, out) ? out : null;
  }
  if (codecId !== codec.gzip) return null;
  try {
    const out = gunzipSync(stored, { maxOutputLength: Math.max(1, size) });
    return out.length === size ? out : null;
  } catch {
    // Who can say what is wrong with it is asked instead.
    return null;
  }
}
