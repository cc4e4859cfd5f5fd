import { putZigzag } from "./parquetThrift.js";

/** What the header of a page says. */
export interface PageHeader {
  readonly kind: "data" | "dictionary";
  /** Rows of a data page, values of a dictionary. */
  readonly values: number;
  /** Number of the encoding of the values. */
  readonly encoding: number;
  /** Bytes of the page as it is stored, and before it was compressed. */
  readonly stored: number;
  readonly raw: number;
  /** crc32 of the stored bytes; null for none. */
  readonly crc: number | null;
}

const levelEncoding = 3;
/** Thrift's compact protocol: a field of type i32 whose number is the one before and 1. */
const nextI32 = 0x15;
const structType = 0x0c;

/** The longest header: eight numbers of up to five bytes, and a byte before each. */
const mostBytes = 64;
const bytes = new Uint8Array(mostBytes);
let length = 0;

function int32(value: number): void {
  bytes[length++] = nextI32;
  length = putZigzag(bytes, length, value);
}

/**
 * The bytes of a header, Thrift struct `PageHeader` of the Parquet format. There are thousands in a file, and what `encodeThrift` makes of plain data costs
 * many times as much, most of it while the program is still young.
 */
export function encodePageHeader({ kind, values, encoding, stored, raw, crc }: PageHeader): Uint8Array {
  const isData = kind === "data";
  length = 0;
  int32(isData ? 0 : 2);
  int32(raw);
  int32(stored);
  if (crc !== null) int32(crc | 0);
  // Field 5 or 7: what follows field 4, or field 3 where that is left out.
  bytes[length++] = (((isData ? 5 : 7) - (crc === null ? 3 : 4)) << 4) | structType;
  int32(values);
  int32(encoding);
  if (isData) {
    int32(levelEncoding);
    int32(levelEncoding);
  }
  bytes[length++] = 0;
  bytes[length++] = 0;
  return bytes.slice(0, length);
}
