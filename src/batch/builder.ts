import { internalError } from "../common/errors.js";
import { type DataType, typeName, type Value } from "../schema/types.js";
import type { Column, FixedValues } from "./column.js";
import { TextSink } from "./text.js";

/** Collects values of one type, given in their `valueForm`, into a column that owns its memory. */
export interface ColumnBuilder {
  readonly length: number;
  append(value: Value): void;
  appendNull(): void;
  /** The column so far. The builder must not be used afterwards. */
  finish(): Column;
}

interface FixedArray {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): FixedValues;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): FixedValues;
}

/** The typed array that holds a type of the `fixed` layout; null for the other layouts. */
export function fixedArrayOf(type: DataType): FixedArray | null {
  switch (type.kind) {
    case "bool":
    case "uint8":
    case "null":
      return Uint8Array;
    case "int8":
      return Int8Array;
    case "int16":
      return Int16Array;
    case "int32":
    case "date":
      return Int32Array;
    case "uint16":
      return Uint16Array;
    case "uint32":
      return Uint32Array;
    case "int64":
    case "timestamp":
      return BigInt64Array;
    case "uint64":
      return BigUint64Array;
    case "float32":
      return Float32Array;
    case "float64":
      return Float64Array;
    case "decimal":
      return type.precision <= 18 ? BigInt64Array : null;
    default:
      return null;
  }
}

/** The layout that columns of a type have. */
export function layoutOf(type: DataType): Column["layout"] {
  if (fixedArrayOf(type) !== null) return "fixed";
  if (type.kind === "decimal") return "wide";
  return type.kind === "utf8" || type.kind === "binary" ? "bytes" : "object";
}

/** A builder for a type. `capacity` is the number of rows expected; more are taken. */
export function builderFor(type: DataType, capacity = 1024): ColumnBuilder {
  switch (layoutOf(type)) {
    case "fixed":
      return new FixedBuilder(type, capacity);
    case "wide":
      return new WideBuilder(type, capacity);
    case "bytes":
      return new BytesBuilder(type, capacity);
    default:
      return new ObjectBuilder(type);
  }
}

/** Validity that is kept only once there is a null. */
class Validity {
  #bytes: Uint8Array | null = null;

  markNull(row: number, capacity: number): void {
    if (this.#bytes === null || this.#bytes.length <= row) this.#grow(Math.max(capacity, row + 1));
    (this.#bytes as Uint8Array)[row] = 0;
  }

  finish(length: number): Uint8Array | null {
    if (this.#bytes === null) return null;
    if (this.#bytes.length < length) this.#grow(length);
    return this.#bytes.subarray(0, length);
  }

  #grow(size: number): void {
    const bigger = new Uint8Array(size).fill(1);
    if (this.#bytes !== null) bigger.set(this.#bytes);
    this.#bytes = bigger;
  }
}

class FixedBuilder implements ColumnBuilder {
  length = 0;
  readonly #type: DataType;
  readonly #isBool: boolean;
  readonly #validity = new Validity();
  #values: FixedValues;

  constructor(type: DataType, capacity: number) {
    this.#type = type;
    this.#isBool = type.kind === "bool";
    this.#values = newFixed(type, Math.max(1, capacity));
  }

  append(value: Value): void {
    if (value === null) {
      this.appendNull();
      return;
    }
    if (this.length === this.#values.length) this.#grow();
    this.#values[this.length++] = this.#isBool ? (value ? 1 : 0) : (value as number);
  }

  appendNull(): void {
    if (this.length === this.#values.length) this.#grow();
    this.#validity.markNull(this.length++, this.#values.length);
  }

  finish(): Column {
    const values = this.#values.subarray(0, this.length);
    return { layout: "fixed", type: this.#type, length: this.length, values, valid: this.#validity.finish(this.length) };
  }

  #grow(): void {
    const bigger = newFixed(this.#type, this.#values.length * 2);
    (bigger as Float64Array).set(this.#values as Float64Array);
    this.#values = bigger;
  }
}

/** An array for `length` values of a type of the `fixed` layout. */
export function newFixed(type: DataType, length: number): FixedValues {
  const make = fixedArrayOf(type);
  if (make === null) throw internalError(`${typeName(type)} has no fixed layout`);
  return new make(length);
}

class WideBuilder implements ColumnBuilder {
  length = 0;
  readonly #type: DataType;
  readonly #validity = new Validity();
  #values: BigInt64Array;

  constructor(type: DataType, capacity: number) {
    this.#type = type;
    this.#values = new BigInt64Array(Math.max(1, capacity) * 2);
  }

  append(value: Value): void {
    if (value === null) {
      this.appendNull();
      return;
    }
    this.#reserve();
    writeWide(this.#values, this.length++, value as bigint);
  }

  appendNull(): void {
    this.#reserve();
    this.#validity.markNull(this.length++, this.#values.length / 2);
  }

  finish(): Column {
    const values = this.#values.subarray(0, this.length * 2);
    return { layout: "wide", type: this.#type, length: this.length, values, valid: this.#validity.finish(this.length) };
  }

  #reserve(): void {
    if (this.length * 2 < this.#values.length) return;
    const bigger = new BigInt64Array(this.#values.length * 2);
    bigger.set(this.#values);
    this.#values = bigger;
  }
}

/** Writes a 128-bit value to a row of a wide column's words. */
export function writeWide(words: BigInt64Array, row: number, value: bigint): void {
  words[row * 2] = BigInt.asIntN(64, value);
  words[row * 2 + 1] = BigInt.asIntN(64, value >> 64n);
}

class BytesBuilder implements ColumnBuilder {
  length = 0;
  readonly #type: DataType;
  readonly #isText: boolean;
  readonly #validity = new Validity();
  readonly #sink: TextSink;
  #offsets: Int32Array;

  constructor(type: DataType, capacity: number) {
    this.#type = type;
    this.#isText = type.kind === "utf8";
    this.#sink = new TextSink(Math.max(1, capacity) * 8);
    this.#offsets = new Int32Array(Math.max(1, capacity) + 1);
  }

  append(value: Value): void {
    if (value === null) {
      this.appendNull();
      return;
    }
    if (this.#isText) this.#sink.writeText(value as string);
    else this.#sink.writeBytes(value as Uint8Array, 0, (value as Uint8Array).length);
    this.#endRow();
  }

  appendNull(): void {
    this.#endRow();
    this.#validity.markNull(this.length - 1, this.#offsets.length);
  }

  finish(): Column {
    const length = this.length;
    const starts = this.#offsets.subarray(0, length);
    const ends = this.#offsets.subarray(1, length + 1);
    const bytes = this.#sink.bytes.subarray(0, this.#sink.length);
    return { layout: "bytes", type: this.#type, length, bytes, starts, ends, valid: this.#validity.finish(length) };
  }

  #endRow(): void {
    if (this.length + 1 === this.#offsets.length) {
      const bigger = new Int32Array(this.#offsets.length * 2);
      bigger.set(this.#offsets);
      this.#offsets = bigger;
    }
    this.#offsets[++this.length] = this.#sink.length;
  }
}

class ObjectBuilder implements ColumnBuilder {
  length = 0;
  readonly #type: DataType;
  readonly #validity = new Validity();
  readonly #values: unknown[] = [];

  constructor(type: DataType) {
    this.#type = type;
  }

  append(value: Value): void {
    if (value === null) {
      this.appendNull();
      return;
    }
    this.#values.push(value);
    this.length++;
  }

  appendNull(): void {
    this.#values.push(null);
    this.#validity.markNull(this.length++, Math.max(16, this.length * 2));
  }

  finish(): Column {
    const valid = this.#validity.finish(this.length);
    return { layout: "object", type: this.#type, length: this.length, values: this.#values, valid };
  }
}
