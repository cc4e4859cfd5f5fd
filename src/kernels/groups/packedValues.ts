import { required } from "../../common/assert.js";
import { formatValue } from "../../functions/format.js";
import { keptValues, type PackedValues, type ValueTally } from "../../runtime/valueTally.js";
import type { DataType, Value } from "../../schema/types.js";

/** Words before the key of an entry: hash, how often, bytes of the key; see `assembly/groups/tally.ts`. */
export const entryHead = 12;
/** The size of a key that stands for a null text. */
export const nullSize = 0xffffffff;
/** Characters of a value's text that are kept. */
export const mostText = 200;

/** What a row has in some columns: of one its value, of several their values, as text what is a text already. */
export type Failed = Value | readonly Value[];

/** Different values that came, each with its hash and how often. */
export interface CountedValues {
  readonly hashes: Int32Array;
  readonly counts: Uint32Array;
  readonly valueAt: (i: number) => Failed;
}

/** The entries of a table. */
export function entriesOf(entries: Uint8Array, types: readonly DataType[]): CountedValues {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const places: number[] = [];
  for (let at = 0; at < view.byteLength; ) {
    places.push(at);
    const size = view.getUint32(at + 8, true);
    at += entryHead + (size === nullSize ? 0 : (size + 3) & ~3);
  }
  const hashes = new Int32Array(places.length);
  const counts = new Uint32Array(places.length);
  for (let i = 0; i < places.length; i++) {
    hashes[i] = view.getInt32(places[i] as number, true);
    counts[i] = view.getUint32((places[i] as number) + 4, true);
  }
  return { hashes, counts, valueAt: (i) => entryValue(view, places[i] as number, types) };
}

/** Values that tables of several tasks have counted, as texts: those that are not among the least of all are left out. */
export function unpacked(packs: readonly PackedValues[]): readonly ValueTally[] {
  const parts = packs.map(({ entries, types, complete }) => ({ ...entriesOf(entries, types), types, complete }));
  const all = new Int32Array(parts.reduce((sum, { hashes }) => sum + hashes.length, 0));
  let length = 0;
  for (const { hashes } of parts) {
    all.set(hashes, length);
    length += hashes.length;
  }
  const greatest = greatestKept(all.sort());
  return parts.map(({ hashes, counts, valueAt, types, complete }) => {
    const values: { value: string | null; count: number; hash: number }[] = [];
    for (let i = 0; i < hashes.length; i++) {
      const hash = hashes[i] as number;
      if (hash <= greatest) values.push({ value: failedText(valueAt(i), types), count: counts[i] as number, hash });
    }
    return { values, complete: complete && values.length === hashes.length };
  });
}

/** The last of so many different hashes, which stand for at least as many different values. */
function greatestKept(sorted: Int32Array): number {
  let different = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i > 0 && sorted[i] === sorted[i - 1]) continue;
    if (++different === keptValues) return sorted[i] as number;
  }
  return 2 ** 31 - 1;
}

/** The text of a value; what is a string already is a text: no column of fixed width has strings, or lists. */
export function failedText(value: Failed, types: readonly DataType[]): string | null {
  if (typeof value === "string") return value;
  return joinedTexts(valueTexts(Array.isArray(value) ? value : [value as Value], types));
}

export function valueTexts(values: readonly Value[], types: readonly DataType[]): (string | null)[] {
  return values.map((value, i) => {
    const type = required(types[i], "column of a check");
    return value === null ? null : formatValue(value, type).slice(0, mostText);
  });
}

export function joinedTexts(texts: readonly (string | null)[]): string | null {
  return texts.length === 1 ? (texts[0] ?? null) : texts.map((text) => text ?? "null").join(", ");
}

export const kinds = { i8: 0, u8: 1, i16: 2, u16: 3, word: 4, i64: 5, f64: 6, f32: 7, wide: 8 } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

/** How the kernel reads values of a type, and the bytes of an element; null where it does not. */
export function kindOf(type: DataType): { readonly code: Kind; readonly width: number } | null {
  switch (type.kind) {
    case "int8":
      return { code: kinds.i8, width: 1 };
    case "bool":
    case "uint8":
      return { code: kinds.u8, width: 1 };
    case "int16":
      return { code: kinds.i16, width: 2 };
    case "uint16":
      return { code: kinds.u16, width: 2 };
    case "int32":
    case "uint32":
    case "date":
      return { code: kinds.word, width: 4 };
    case "int64":
    case "uint64":
    case "timestamp":
      return { code: kinds.i64, width: 8 };
    case "float64":
      return { code: kinds.f64, width: 8 };
    case "float32":
      return { code: kinds.f32, width: 4 };
    case "decimal":
      return type.precision > 18 ? { code: kinds.wide, width: 8 } : { code: kinds.i64, width: 8 };
    default:
      return null;
  }
}

/** What an entry stands for: of one column its value, of several their values. */
function entryValue(entries: DataView, entry: number, types: readonly DataType[]): Failed {
  const [only] = types;
  const key = entry + entryHead;
  if (types.length === 1 && only?.kind === "utf8") {
    const size = entries.getUint32(entry + 8, true);
    return size === nullSize ? null : Buffer.from(entries.buffer, entries.byteOffset + key, size).toString("latin1");
  }
  const nulls = entries.getUint32(key, true);
  const values: Value[] = [];
  let at = key + 4;
  for (const type of types) {
    const kind = required(kindOf(type), "kind of a column").code;
    values.push((nulls >>> values.length) & 1 ? null : keyValue(entries, at, type, kind));
    at += kind === kinds.wide ? 16 : 8;
  }
  return values.length === 1 ? (values[0] ?? null) : values;
}

function keyValue(key: DataView, at: number, type: DataType, kind: Kind): Value {
  if (kind === kinds.f64 || kind === kinds.f32) return key.getFloat64(at, true);
  if (kind === kinds.i64) return type.kind === "uint64" ? key.getBigUint64(at, true) : key.getBigInt64(at, true);
  if (kind === kinds.wide) return (key.getBigInt64(at + 8, true) << 64n) | key.getBigUint64(at, true);
  if (type.kind === "bool") return key.getUint8(at) !== 0;
  return type.kind === "uint32" ? key.getUint32(at, true) : key.getInt32(at, true);
}
