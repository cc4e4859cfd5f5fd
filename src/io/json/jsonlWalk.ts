import { required } from "../../common/assert.js";
import { type JsonKernels, jsonContextBytes, jsonKind, jsonSlot } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { DataType } from "../../schema/types.js";
import type { TextBlock } from "../text/textBlock.js";
import { everyPlace, type JsonPlace } from "./jsonlPlaces.js";

/** What one call of the walker read. */
export interface Walked {
  readonly rows: number;
  /** Lines, blank ones too. */
  readonly lines: number;
  /** Rows whose line only the exact reader understands, ascending. */
  readonly exact: Uint32Array;
  /** Where the next line begins, relative to the block. */
  readonly at: number;
}

const entryBytes = 16;
const parentBytes = 12;
/** No key is as long: a field's name that cannot stand in UTF-8 is found by the exact reader alone. */
const noKey = 0xffffffff;

/** Finds the needed values of the lines of a block: for every row a pair of offsets for each place. */
export class JsonlWalk {
  readonly #memory: KernelMemory;
  readonly #kernels: JsonKernels;
  readonly #places: readonly JsonPlace[];
  readonly #owned: number[] = [];
  readonly #context: number;
  readonly #starts: number;
  readonly #exact: number;
  readonly #keys: number;
  /** Address of the pairs; row r, place p stands at pair r * (places + 1) + p. */
  readonly spans: number;
  /** Address of the u32 that lists each row's first entry in `spans`, as the column kernels want it. */
  readonly rows: number;

  constructor(
    memory: KernelMemory,
    kernels: JsonKernels,
    places: readonly JsonPlace[],
    readonly capacity: number,
  ) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#places = everyPlace(places);
    this.#context = this.#alloc(jsonContextBytes);
    this.spans = this.#alloc(capacity * this.stride * 4);
    this.rows = this.#alloc(capacity * 4);
    this.#starts = this.#alloc(capacity * 4);
    this.#exact = this.#alloc(capacity * 4);
    const memo = this.#alloc(kernels.jsonMemoBytes());
    this.#keys = this.#writeKeys();
    kernels.jsonReset(memo);
    kernels.jsonRows(this.rows, capacity, this.stride);
    this.#set(jsonSlot.spans, this.spans);
    this.#set(jsonSlot.columns, this.#places.length);
    this.#set(jsonSlot.keys, this.#keys);
    this.#set(jsonSlot.starts, this.#starts);
    this.#set(jsonSlot.exact, this.#exact);
    this.#set(jsonSlot.memo, memo);
    this.#set(jsonSlot.capacity, capacity);
  }

  /** u32 entries a row takes in `spans`. */
  get stride(): number {
    return (this.#places.length + 1) * 2;
  }

  /**
   * Reads the lines from `at` that begin before `limit`, up to the capacity. `end`: after the block's last line feed. `suspect`: the
   * block is not well-formed UTF-8.
   */
  run(block: TextBlock, at: number, limit: number, end: number, suspect: boolean): Walked {
    this.#set(jsonSlot.base, block.base);
    this.#set(jsonSlot.from, at);
    this.#set(jsonSlot.limit, limit);
    this.#set(jsonSlot.end, end);
    this.#set(jsonSlot.suspect, suspect ? 1 : 0);
    this.#kernels.jsonLines(this.#context);
    const exact = this.#exact >>> 2;
    return {
      rows: this.#get(jsonSlot.rows),
      lines: this.#get(jsonSlot.lines),
      exact: this.#memory.u32().subarray(exact, exact + this.#get(jsonSlot.exacts)),
      at: this.#get(jsonSlot.from),
    };
  }

  /** First byte of a row's line, relative to the block. */
  start(row: number): number {
    return required(this.#memory.u32()[(this.#starts >>> 2) + row], `row ${row}`);
  }

  free(): void {
    for (const address of this.#owned) this.#memory.free(address);
  }

  #alloc(bytes: number): number {
    const address = this.#memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }

  #set(slot: number, value: number): void {
    this.#memory.u32()[(this.#context >>> 2) + slot] = value;
  }

  #get(slot: number): number {
    return this.#memory.u32()[(this.#context >>> 2) + slot] as number;
  }

  #writeKeys(): number {
    // One more for the keys of no place.
    const table = this.#alloc((this.#places.length + 1) * entryBytes);
    this.#memory.u8().fill(0, table, table + (this.#places.length + 1) * entryBytes);
    this.#places.forEach(({ field, parent, fields }, i) => {
      const name = Buffer.from(field.name, "utf8");
      const address = this.#alloc(name.length);
      this.#memory.u8().set(name, address);
      const length = name.toString("utf8") === field.name ? name.length : noKey;
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
      return jsonKind.null | text | escaped | empty | number | bool;
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
