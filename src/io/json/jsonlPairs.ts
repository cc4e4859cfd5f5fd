import { type JsonKernels, jsonContextBytes, jsonKind, jsonSlot } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { DataType } from "../../schema/types.js";
import { everyPlace, type JsonPlace } from "./jsonlPlaces.js";

const entryBytes = 16;
const parentBytes = 12;
/** No key is as long: a field's name that cannot stand without escapes is found by the exact reader alone. */
const noKey = 0xffffffff;
/** The pair of a value that is null or not there: an empty span at the block's begin. */
const nullPair = [0xffffffff, 0] as const;

/** Where values stand: for each row, a line or an item of a list, a pair of offsets for each place. Kernels fill them. */
export class JsonlPairs {
  readonly #memory: KernelMemory;
  readonly #kernels: JsonKernels;
  readonly #places: readonly JsonPlace[];
  readonly #owned: number[] = [];
  /** Address of the context of the kernels that fill the pairs; see `jsonSlot`. */
  readonly context: number;
  /** u32 entries a row takes. */
  readonly stride: number;
  #spans = 0;
  #rows = 0;
  #capacity = 0;

  /** `spare`: a row has one pair more, for the values that nobody needs. */
  constructor(memory: KernelMemory, kernels: JsonKernels, places: readonly JsonPlace[], spare: boolean, capacity: number) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#places = everyPlace(places);
    this.stride = (this.#places.length + (spare ? 1 : 0)) * 2;
    this.context = this.own(jsonContextBytes);
    const keys = this.#writeKeys();
    this.set(jsonSlot.columns, this.#places.length);
    this.set(jsonSlot.keys, keys);
    this.makeRoom(capacity);
  }

  /** Address of the pairs; row r, place p stands at entry r * stride + p * 2. */
  get spans(): number {
    return this.#spans;
  }
  /** Address of the u32 that lists each row's first entry in `spans`, as the column kernels want it. */
  get rows(): number {
    return this.#rows;
  }
  /** Most rows. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Gives up all pairs for room for other ones. */
  makeRoom(capacity: number): void {
    this.#memory.free(this.#spans);
    this.#memory.free(this.#rows);
    this.#spans = this.#memory.alloc(capacity * this.stride * 4);
    this.#rows = this.#memory.alloc(capacity * 4);
    this.#capacity = capacity;
    this.#kernels.jsonRows(this.#rows, capacity, this.stride);
    this.set(jsonSlot.spans, this.#spans);
    this.set(jsonSlot.capacity, capacity);
  }

  /** Makes a row's values those that are not there. */
  forget(row: number): void {
    const u32 = this.#memory.u32();
    const first = (this.#spans >>> 2) + row * this.stride;
    for (let at = first; at < first + this.stride; at += 2) {
      u32[at] = nullPair[0];
      u32[at + 1] = nullPair[1];
    }
  }

  set(slot: number, value: number): void {
    this.#memory.u32()[(this.context >>> 2) + slot] = value;
  }

  get(slot: number): number {
    return this.#memory.u32()[(this.context >>> 2) + slot] as number;
  }

  /** The address of `bytes` fresh bytes that are given back with the pairs. */
  own(bytes: number): number {
    const address = this.#memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }

  free(): void {
    for (const address of [this.#spans, this.#rows, ...this.#owned]) this.#memory.free(address);
  }

  #writeKeys(): number {
    // One more for the keys of no place.
    const table = this.own((this.#places.length + 1) * entryBytes);
    this.#memory.u8().fill(0, table, table + (this.#places.length + 1) * entryBytes);
    this.#places.forEach(({ field, parent, fields }, i) => {
      const name = Buffer.from(field.name, "utf8");
      const address = this.own(name.length);
      this.#memory.u8().set(name, address);
      const length = JSON.stringify(field.name) === `"${field.name}"` ? name.length : noKey;
      const kinds = fields === null ? takenKinds(field.type) : jsonKind.null | jsonKind.fields;
      this.#memory.u32().set([address, length, kinds], (table + i * entryBytes) >>> 2);
      this.#memory.i32()[(table + i * entryBytes + parentBytes) >>> 2] = parent;
    });
    return table;
  }
}

/** Kinds of JSON values whose place in the block is all that a column of the type needs; a line with another is read exactly. */
function takenKinds(type: DataType): number {
  const { text, escaped, empty, number, bool, nested } = jsonKind;
  switch (type.kind) {
    case "utf8":
      return jsonKind.null | text | escaped | empty | number | bool | nested;
    case "binary":
      return jsonKind.null | text | escaped | empty;
    case "bool":
      return jsonKind.null | text | bool;
    case "date":
    case "timestamp":
      return jsonKind.null | text;
    case "list":
    case "struct":
      return jsonKind.null | nested;
    case "null":
      return jsonKind.null;
    default:
      return jsonKind.null | text | number;
  }
}
