import { boolFalse, boolTrue, corrupt, endOfStruct, maxDepth, setType, wireTypes } from "./thriftEnds.js";

/** Thrift's compact protocol, as far as Parquet metadata needs it: values as plain data, one writer, one reader. */

export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

export type ThriftValue =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "i8" | "i16" | "i32"; readonly value: number }
  | { readonly kind: "i64"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "binary"; readonly value: Uint8Array }
  | { readonly kind: "list"; readonly values: readonly ThriftValue[] }
  | { readonly kind: "struct"; readonly fields: ThriftStruct }
  /** The bytes of a struct. */
  | { readonly kind: "encoded"; readonly value: Uint8Array };

/** Structs from this depth on wait to be asked for: those in row groups, but neither these nor what a schema consists of. */
const unreadDepth = 2;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export const i8 = (value: number): ThriftValue => ({ kind: "i8", value });
export const i16 = (value: number): ThriftValue => ({ kind: "i16", value });
export const i32 = (value: number): ThriftValue => ({ kind: "i32", value });
export const i64 = (value: number | bigint): ThriftValue => ({ kind: "i64", value: BigInt(value) });
export const bool = (value: boolean): ThriftValue => ({ kind: "bool", value });
export const binary = (value: Uint8Array): ThriftValue => ({ kind: "binary", value });
export const text = (value: string): ThriftValue => ({ kind: "binary", value: utf8Encoder.encode(value) });
export const list = (values: readonly ThriftValue[]): ThriftValue => ({ kind: "list", values });

/** A struct from field ids to values; absent values are left out. */
export function struct(fields: { readonly [id: number]: ThriftValue | undefined }): ThriftValue {
  const map = new Map<number, ThriftValue>();
  // Object keys that are integers come in ascending order, which is the order Thrift writes them in.
  for (const id in fields) {
    const value = fields[id];
    if (value !== undefined) map.set(Number(id), value);
  }
  return { kind: "struct", fields: map };
}

/** Writes an unsigned number of up to 32 bits at `at`, in up to five bytes; answers where they end. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  while (rest >= 128) {
    bytes[end++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[end++] = rest;
  return end;
}

/** The same for a signed number of 32 bits. */
export const putZigzag = (bytes: Uint8Array, at: number, value: number): number =>
  putVarint(bytes, at, ((value << 1) ^ (value >> 31)) >>> 0);

class Writer {
  #bytes = new Uint8Array(1024);
  #length = 0;

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #varint(value: number): void {
    this.#reserve(5);
    this.#length = putVarint(this.#bytes, this.#length, value);
  }

  #zigzag(value: number): void {
    this.#reserve(5);
    this.#length = putZigzag(this.#bytes, this.#length, value);
  }

  #wideZigzag(value: bigint): void {
    const narrow = Number(value);
    if (narrow === (narrow | 0)) {
      this.#zigzag(narrow);
      return;
    }
    let rest = value >= 0n ? value << 1n : (-value << 1n) - 1n;
    while (rest >= 128n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  value(value: ThriftValue): void {
    switch (value.kind) {
      case "bool":
        this.byte(value.value ? boolTrue : boolFalse);
        return;
      case "i8":
        this.byte(value.value & 255);
        return;
      case "i16":
      case "i32":
        this.#zigzag(value.value);
        return;
      case "i64":
        this.#wideZigzag(value.value);
        return;
      case "double": {
        this.#reserve(8);
        new DataView(this.#bytes.buffer).setFloat64(this.#length, value.value, true);
        this.#length += 8;
        return;
      }
      case "binary":
        this.#varint(value.value.length);
        this.#raw(value.value);
        return;
      case "encoded":
        this.#raw(value.value);
        return;
      case "list":
        this.#list(value.values);
        return;
      case "struct":
        this.struct(value.fields);
        return;
    }
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #list(values: readonly ThriftValue[]): void {
    const first = values[0];
    const type = first === undefined ? wireTypes.struct : typeOf(first);
    if (values.length < 15) this.byte((values.length << 4) | type);
    else {
      this.byte(0xf0 | type);
      this.#varint(values.length);
    }
    for (const value of values) this.value(value);
  }

  struct(fields: ThriftStruct): void {
    let before = 0;
    for (const [id, value] of fields) {
      const type = value.kind === "bool" ? (value.value ? boolTrue : boolFalse) : typeOf(value);
      const delta = id - before;
      if (delta > 0 && delta <= 15) this.byte((delta << 4) | type);
      else {
        this.byte(type);
        this.#zigzag(id);
      }
      if (value.kind !== "bool") this.value(value);
      before = id;
    }
    this.byte(0);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

const typeOf = ({ kind }: ThriftValue): number => (kind === "bool" ? boolTrue : wireTypes[kind === "encoded" ? "struct" : kind]);

/** The bytes of a struct. */
export function encodeThrift(value: ThriftValue): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.finish();
}

class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes;
    this.#at = from;
  }

  get position(): number {
    return this.#at;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw corrupt("it ends in the middle of a value");
    return byte;
  }

  #varint(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      result |= BigInt(byte & 127) << shift;
      if (byte < 128) return result;
    }
    throw corrupt("an integer is longer than 10 bytes");
  }

  /** A varint of at most four bytes, which most are; -1, and nothing read, for longer ones. */
  #short(): number {
    const bytes = this.#bytes;
    let result = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[this.#at + i];
      if (byte === undefined) return -1;
      result |= (byte & 127) << (i * 7);
      if (byte < 128) {
        this.#at += i + 1;
        return result;
      }
    }
    return -1;
  }

  #zigzag(): bigint {
    const short = this.#short();
    if (short >= 0) return BigInt((short >>> 1) ^ -(short & 1));
    const raw = this.#varint();
    return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n));
  }

  #small(): number {
    const short = this.#short();
    if (short >= 0) return (short >>> 1) ^ -(short & 1);
    return Number(BigInt.asIntN(32, this.#zigzag()));
  }

  #binary(): Uint8Array {
    const short = this.#short();
    const length = short >= 0 ? short : Number(this.#varint());
    if (length > this.#bytes.length - this.#at) throw corrupt("a text is longer than the metadata");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case boolTrue:
      case boolFalse:
        return { kind: "bool", value: this.#byte() === boolTrue };
      case wireTypes.i8:
        return { kind: "i8", value: (this.#byte() << 24) >> 24 };
      case wireTypes.i16:
        return { kind: "i16", value: this.#small() };
      case wireTypes.i32:
        return { kind: "i32", value: this.#small() };
      case wireTypes.i64:
        return { kind: "i64", value: this.#zigzag() };
      case wireTypes.double: {
        const at = this.#at;
        this.#at += 8;
        if (this.#at > this.#bytes.length) throw corrupt("it ends in the middle of a value");
        return { kind: "double", value: new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getFloat64(at, true) };
      }
      case wireTypes.binary:
        return { kind: "binary", value: this.#binary() };
      case wireTypes.list:
      case setType:
        return this.#list(depth);
      case wireTypes.struct: {
        if (depth + 1 < unreadDepth) return { kind: "struct", fields: this.struct(depth + 1) };
        const from = this.#at;
        this.#at = endOfStruct(this.#bytes, from, depth + 1);
        return new UnreadStruct(this.#bytes, from, depth + 1);
      }
      default:
        throw corrupt(`unknown field type ${type}`);
    }
  }

  #list(depth: number): ThriftValue {
    const head = this.#byte();
    const count = head >> 4 === 15 ? Number(this.#varint()) : head >> 4;
    if (count > this.#bytes.length - this.#at) throw corrupt("a list is longer than the metadata");
    const values: ThriftValue[] = [];
    for (let i = 0; i < count; i++) values.push(this.#value(head & 15, depth));
    return { kind: "list", values };
  }

  struct(depth: number): ThriftStruct {
    if (depth > maxDepth) throw corrupt("it is nested too deeply");
    const fields = new Map<number, ThriftValue>();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return fields;
      const type = head & 15;
      id = head >> 4 === 0 ? this.#small() : id + (head >> 4);
      const isBool = type === boolTrue || type === boolFalse;
      fields.set(id, isBool ? { kind: "bool", value: type === boolTrue } : this.#value(type, depth));
    }
  }
}

/**
 * A struct that is read when somebody asks for it: of a footer with some thousand column chunks most are not looked at. That it can be read is known,
 * since `endOfStruct` went over it.
 */
class UnreadStruct {
  readonly kind = "struct";
  readonly #bytes: Uint8Array;
  readonly #from: number;
  readonly #depth: number;
  #fields: ThriftStruct | null = null;

  constructor(bytes: Uint8Array, from: number, depth: number) {
    this.#bytes = bytes;
    this.#from = from;
    this.#depth = depth;
  }

  get fields(): ThriftStruct {
    this.#fields ??= new Reader(this.#bytes, this.#from).struct(this.#depth);
    return this.#fields;
  }
}

/** Reads one struct. @throws MillraceError Data/PARQUET_CORRUPT */
export function decodeThrift(bytes: Uint8Array): ThriftStruct {
  return new Reader(bytes).struct(0);
}

/** An integer field, or undefined where it is absent. @throws MillraceError Data/PARQUET_CORRUPT on another type or an unsafe number. */
export function numberField(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  if (value === undefined) return undefined;
  if (value.kind === "i64") {
    const number = Number(value.value);
    if (!Number.isSafeInteger(number)) throw corrupt(`field ${id} is out of range`);
    return number;
  }
  if (value.kind === "i8" || value.kind === "i16" || value.kind === "i32") return value.value;
  throw corrupt(`field ${id} is ${value.kind}, expected an integer`);
}

export function binaryField(fields: ThriftStruct, id: number): Uint8Array | undefined {
  const value = fields.get(id);
  if (value === undefined) return undefined;
  if (value.kind !== "binary") throw corrupt(`field ${id} is ${value.kind}, expected bytes`);
  return value.value;
}

export function textField(fields: ThriftStruct, id: number): string | undefined {
  const value = binaryField(fields, id);
  return value === undefined ? undefined : utf8Decoder.decode(value);
}

export function structField(fields: ThriftStruct, id: number): ThriftStruct | undefined {
  const value = fields.get(id);
  if (value === undefined) return undefined;
  if (value.kind !== "struct") throw corrupt(`field ${id} is ${value.kind}, expected a struct`);
  return value.fields;
}

/** The structs of a list field; empty where it is absent. */
export function structsField(fields: ThriftStruct, id: number): readonly ThriftStruct[] {
  const value = fields.get(id);
  if (value === undefined) return [];
  if (value.kind !== "list") throw corrupt(`field ${id} is ${value.kind}, expected a list`);
  return value.values.map((item) => {
    if (item.kind !== "struct") throw corrupt(`field ${id} holds ${item.kind}, expected structs`);
    return item.fields;
  });
}

/** One of the structs of a list field; those beside it are not read. */
export function structAt(fields: ThriftStruct, id: number, index: number): ThriftStruct | undefined {
  const value = fields.get(id);
  const item = value?.kind === "list" ? value.values[index] : undefined;
  return item?.kind === "struct" ? item.fields : undefined;
}

export function boolField(fields: ThriftStruct, id: number): boolean | undefined {
  const value = fields.get(id);
  return value?.kind === "bool" ? value.value : undefined;
}

/** Reads one struct that begins at `from`, and says where it ends. @throws MillraceError Data/PARQUET_CORRUPT */
export function decodeThriftAt(bytes: Uint8Array, from: number): { readonly fields: ThriftStruct; readonly end: number } {
  const reader = new Reader(bytes, from);
  return { fields: reader.struct(0), end: reader.position };
}
