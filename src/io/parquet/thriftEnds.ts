import { dataError } from "../../common/errors.js";

// Where values of Thrift's compact protocol end, without a look at what they are.

/** The numbers of types in Thrift's compact protocol. */
export const wireTypes = { i8: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 } as const;
export const boolTrue = 1;
export const boolFalse = 2;
export const setType = 10;
/** Deeper than any metadata; keeps a crafted file from exhausting the stack. */
export const maxDepth = 64;

export const corrupt = (what: string) => dataError("PARQUET_CORRUPT", `the Parquet metadata cannot be read: ${what}`);

const cutOff = () => corrupt("it ends in the middle of a value");

/**
 * Where a struct ends, with all the errors that reading it has. Here and below plain loops: of a footer that is read once nothing else is compiled in
 * time.
 */
export function endOfStruct(bytes: Uint8Array, from: number, depth: number): number {
  if (depth > maxDepth) throw corrupt("it is nested too deeply");
  let at = from;
  for (;;) {
    const head = bytes[at++];
    if (head === undefined) throw cutOff();
    if (head === 0) return at;
    if (head < 16) at = endOfVarint(bytes, at);
    const type = head & 15;
    if (type !== boolTrue && type !== boolFalse) at = endOfValue(bytes, at, type, depth);
  }
}

function endOfValue(bytes: Uint8Array, from: number, type: number, depth: number): number {
  switch (type) {
    case wireTypes.i16:
    case wireTypes.i32:
    case wireTypes.i64:
      return endOfVarint(bytes, from);
    case wireTypes.binary: {
      const at = endOfVarint(bytes, from);
      const length = lengthAt(bytes, from, at);
      if (length > bytes.length - at) throw corrupt("a text is longer than the metadata");
      return at + length;
    }
    case wireTypes.list:
    case setType: {
      const head = bytes[from];
      if (head === undefined) throw cutOff();
      const isLong = head >> 4 === 15;
      let at = isLong ? endOfVarint(bytes, from + 1) : from + 1;
      const count = isLong ? lengthAt(bytes, from + 1, at) : head >> 4;
      if (count > bytes.length - at) throw corrupt("a list is longer than the metadata");
      for (let i = 0; i < count; i++) at = endOfValue(bytes, at, head & 15, depth);
      return at;
    }
    case wireTypes.struct:
      return endOfStruct(bytes, from, depth + 1);
    case boolTrue:
    case boolFalse:
    case wireTypes.i8:
    case wireTypes.double: {
      const at = from + (type === wireTypes.double ? 8 : 1);
      if (at > bytes.length) throw cutOff();
      return at;
    }
    default:
      throw corrupt(`unknown field type ${type}`);
  }
}

function endOfVarint(bytes: Uint8Array, from: number): number {
  for (let at = from; at < from + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw cutOff();
    if (byte < 128) return at + 1;
  }
  throw corrupt("an integer is longer than 10 bytes");
}

/** The varint from `from` to `end`, which is the length of something that is there. */
function lengthAt(bytes: Uint8Array, from: number, end: number): number {
  let length = 0;
  for (let at = end - 1; at >= from; at--) length = length * 128 + ((bytes[at] as number) & 127);
  return length;
}
