import type { StoredValues } from "./parquetEncodings.js";
import { codecs, encodings, mostLevels } from "./parquetSchema.js";
import { boolField, decodeThriftAt, numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/** What the schema and the metadata say of a chunk. */
export interface ChunkForm extends StoredValues {
  readonly codec: number;
  /** The definition level of a value: 1 in a flat column that may be null, 0 in one that may not. */
  readonly level: number;
  /** The highest repetition level: in how many lists a value lies. */
  readonly depth: number;
}

/** A page of values as it is stored. */
export interface PageHead {
  readonly kind: "dictionary" | "data";
  /** Rows, or values of the dictionary. In lists a row is a value, or the place of one where a list is empty or null. */
  readonly rows: number;
  /** Number of `Encoding` in the format. */
  readonly encoding: number;
  /** Definition levels that stand by themselves; null where they begin what is packed. */
  readonly levels: Uint8Array | null;
  /** Repetition levels, where the definition levels stand by themselves; empty outside of lists. */
  readonly repeats: Uint8Array;
  readonly packed: Uint8Array;
  readonly codec: number;
  /** Bytes, once it is unpacked. */
  readonly size: number;
}

const none = new Uint8Array(0);

const pageType = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;

/** The pages of a chunk that hold `rows` rows; null where one is not of the common kinds. */
export function pageHeads(chunk: Uint8Array, form: ChunkForm, rows: number): PageHead[] | null {
  const heads: PageHead[] = [];
  let at = 0;
  let done = 0;
  if (form.level > mostLevels) return null;
  while (done < rows) {
    if (at >= chunk.length) return null;
    const { fields, end } = decodeThriftAt(chunk, at);
    const stored = numberField(fields, 3) ?? -1;
    if (stored < 0 || end + stored > chunk.length) return null;
    const head = pageHead(fields, chunk.subarray(end, end + stored), form);
    at = end + stored;
    if (head === "none") continue;
    if (head === null || (head.kind === "dictionary" && heads.length > 0)) return null;
    if (head.kind === "data") done += head.rows;
    heads.push(head);
  }
  return done === rows ? heads : null;
}

function pageHead(fields: ThriftStruct, packed: Uint8Array, form: ChunkForm): PageHead | "none" | null {
  const size = numberField(fields, 2) ?? -1;
  if (size < 0 || size > 0x7fff_ffff) return null;
  switch (numberField(fields, 1)) {
    case pageType.dictionary:
      return dictionaryHead(structField(fields, 7), packed, size, form);
    case pageType.data:
      return dataHead(structField(fields, 5), packed, size, form);
    case pageType.dataV2:
      return dataHeadV2(structField(fields, 8), packed, size, form);
    case pageType.index:
      return "none";
    default:
      return null;
  }
}

type MakeHead = (head: ThriftStruct | undefined, packed: Uint8Array, size: number, form: ChunkForm) => PageHead | null;

const dictionaryHead: MakeHead = (head, packed, size, { codec }) => {
  const [rows, encoding] = head === undefined ? [] : [numberField(head, 1), numberField(head, 2)];
  if (rows === undefined || rows < 0 || (encoding !== encodings.plain && encoding !== encodings.plainDictionary)) return null;
  return { kind: "dictionary", rows, encoding, levels: null, repeats: none, packed, codec, size };
};

const dataHead: MakeHead = (head, packed, size, { codec, level, depth }) => {
  const [rows, encoding] = head === undefined ? [] : [numberField(head, 1), numberField(head, 2)];
  if (head === undefined || rows === undefined || rows < 0 || encoding === undefined) return null;
  if (level > 0 && numberField(head, 3) !== encodings.rle) return null;
  if (depth > 0 && numberField(head, 4) !== encodings.rle) return null;
  return { kind: "data", rows, encoding, levels: null, repeats: none, packed, codec, size };
};

const dataHeadV2: MakeHead = (head, stored, size, { codec, level, depth }) => {
  const [rows, encoding] = head === undefined ? [] : [numberField(head, 1), numberField(head, 4)];
  if (head === undefined || rows === undefined || rows < 0 || encoding === undefined) return null;
  const [defined, repeated] = [numberField(head, 5) ?? 0, numberField(head, 6) ?? 0];
  const before = defined + repeated;
  if (defined < 0 || repeated < 0 || before > stored.length || before > size) return null;
  if ((level === 0 && defined > 0) || (depth === 0 && repeated > 0)) return null;
  const [repeats, levels, packed] = [stored.subarray(0, repeated), stored.subarray(repeated, before), stored.subarray(before)];
  const isPacked = boolField(head, 7) ?? true;
  return {
    kind: "data",
    rows,
    encoding,
    levels,
    repeats,
    packed,
    codec: isPacked ? codec : codecs.uncompressed,
    size: size - before,
  };
};
