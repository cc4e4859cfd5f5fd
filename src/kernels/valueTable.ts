import { codesOf } from "../batch/coded.js";
import type { BytesColumn, Column, FixedColumn, WideColumn } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { DataType, Value } from "../schema/types.js";
import { keptValues } from "../runtime/valueTally.js";
import type { TallyKernels } from "./tallyKernels.js";
import type { Kernels } from "./wasm.js";

/** Different values that came, each with its hash and how often. */
export interface CountedValues {
  readonly hashes: Int32Array;
  readonly counts: Uint32Array;
  readonly valueAt: (i: number) => Value | readonly Value[];
  /** Whether these are all that came. */
  readonly complete: boolean;
}

/** Whose values a table counts. */
export interface TableOwner {
  /** Types of the columns whose values are told apart. */
  readonly types: readonly DataType[];
  take(values: CountedValues): void;
  /** Counts what rows have in a column of texts, where the kernel leaves that to the caller. */
  takeRows(rows: Uint32Array, columns: readonly Column[]): void;
}

const mostEntries = 1024;
const slots = 2 * mostEntries;
const entryHead = 12;
const mostColumns = 8;
const nullSize = 0xffffffff;
/** Words of the table's head; the order of `assembly/tally.ts`. */
const word = { slots: 0, mask: 1, entries: 2, end: 3, next: 4, room: 5, limit: 6, passedOver: 7, kept: 8, hashes: 9 } as const;
const headBytes = 40;
const greatestHash = 2 ** 31 - 1;

/**
 * Counts the values that rows have in columns in the kernels' memory: of many different ones those of least hash, `keptValues` of them. Hashes are
 * those of `rowHashes`, of texts those of `hashOfText`.
 */
export class ValueTable {
  readonly #run: TallyKernels;
  readonly #head: number;
  readonly #slots: number;
  readonly #entries: number;
  readonly #entriesEnd: number;
  readonly #hashes: number;
  readonly #columns: number;
  readonly #key: number;

  /** `mostText`: bytes of a text that are looked at; `alloc`: for memory that the caller frees. */
  constructor(
    private readonly kernels: Kernels,
    private readonly owner: TableOwner,
    private readonly mostText: number,
    alloc: (bytes: number) => number,
  ) {
    const { types } = owner;
    const isText = types.length === 1 && types[0]?.kind === "utf8";
    const entryBytes = isText ? 2 * keptValues * (entryHead + mostText + 4) : mostEntries * (entryHead + 4 + 16 * types.length);
    this.#run = kernels.functions<TallyKernels>();
    this.#head = alloc(headBytes);
    this.#slots = alloc(4 * slots);
    this.#entries = alloc(entryBytes);
    this.#entriesEnd = this.#entries + entryBytes;
    this.#hashes = alloc(4 * mostEntries);
    this.#columns = alloc(12 * mostColumns);
    this.#key = alloc(4 + 16 * mostColumns);
    this.#clear();
    this.#set(word.limit, greatestHash);
  }

  /** Whether there may be a kernel for columns of these types. */
  static takes(types: readonly DataType[]): boolean {
    if (types.length === 1 && types[0]?.kind === "utf8") return true;
    return types.length > 0 && types.length <= mostColumns && types.every((type) => kindOf(type) !== null);
  }

  /** Counts the values of rows that are listed in the kernels' memory, and may list others there; false where they or the columns lie elsewhere. */
  count(rows: Uint32Array, columns: readonly Column[]): boolean {
    if (!this.#owns(rows)) return false;
    const [first] = columns;
    if (first?.layout === "bytes") {
      if (!this.#ownsTexts(first)) return false;
      this.#countTexts(rows, first);
      return true;
    }
    if (!columns.every((column) => this.#ownsFixed(column))) return false;
    this.#countFixed(rows, columns as readonly (FixedColumn | WideColumn)[]);
    return true;
  }

  /** Gives the owner what was counted, and begins anew. */
  drain(): void {
    const { kernels } = this;
    const { memory } = kernels;
    this.#run.tallyPrune(this.#head);
    const next = this.#word(word.next);
    if (next === this.#entries) return;
    const words = memory.u32();
    const hashes = new Int32Array(mostEntries);
    const counts = new Uint32Array(mostEntries);
    const places: number[] = [];
    for (let at = this.#entries; at < next; ) {
      hashes[places.length] = words[at >>> 2] as number;
      counts[places.length] = words[(at >>> 2) + 1] as number;
      const size = words[(at >>> 2) + 2] as number;
      places.push(at);
      at += entryHead + (size === nullSize ? 0 : (size + 3) & ~3);
    }
    const entries = new DataView(memory.u8().buffer);
    const { types } = this.owner;
    const valueAt = (i: number) => entryValue(entries, places[i] as number, types);
    const complete = this.#word(word.passedOver) === 0;
    this.owner.take({ hashes: hashes.subarray(0, places.length), counts, valueAt, complete });
    this.#clear();
  }

  #countFixed(rows: Uint32Array, columns: readonly (FixedColumn | WideColumn)[]): void {
    const words = this.kernels.memory.u32();
    let at = this.#columns >>> 2;
    for (const { values, valid, type } of columns) {
      words[at++] = values.byteOffset;
      words[at++] = valid?.byteOffset ?? 0;
      words[at++] = required(kindOf(type)?.code, "kind of a column");
    }
    const { byteOffset, length } = rows;
    const width = columns.length;
    for (let done = 0; ; ) {
      done += this.#run.tallyFixed(this.#head, byteOffset + 4 * done, length - done, this.#columns, width, this.#key);
      if (done === length) return;
      this.drain();
    }
  }

  #countTexts(rows: Uint32Array, column: BytesColumn): void {
    const { bytes, starts, ends, valid } = column;
    const at = [bytes.byteOffset, starts.byteOffset, ends.byteOffset, valid?.byteOffset ?? 0, this.mostText] as const;
    const { byteOffset, length } = rows;
    for (let done = 0; ; ) {
      // What is open takes the place of rows that were looked at.
      const from = byteOffset + 4 * done;
      done += this.#run.tallyTexts(this.#head, from, length - done, ...at, from, this.#key);
      const words = this.kernels.memory.u32();
      const open = words[this.#key >>> 2] as number;
      if (open > 0) this.owner.takeRows(words.subarray(from >>> 2, (from >>> 2) + open), [column]);
      if (done === length) return;
      this.drain();
    }
  }

  /** The limit stays: what is above it is not among the values of least hash. */
  #clear(): void {
    this.kernels.memory.u8().fill(0, this.#slots, this.#slots + 4 * slots);
    this.#set(word.slots, this.#slots);
    this.#set(word.mask, slots - 1);
    this.#set(word.entries, this.#entries);
    this.#set(word.end, this.#entriesEnd);
    this.#set(word.next, this.#entries);
    this.#set(word.room, mostEntries);
    this.#set(word.passedOver, 0);
    this.#set(word.kept, keptValues);
    this.#set(word.hashes, this.#hashes);
  }

  #word(index: number): number {
    return this.kernels.memory.u32()[(this.#head >>> 2) + index] as number;
  }

  #set(index: number, value: number): void {
    this.kernels.memory.u32()[(this.#head >>> 2) + index] = value;
  }

  #owns(view: ArrayBufferView | null): boolean {
    return view === null || this.kernels.memory.owns(view);
  }

  #ownsFixed(column: Column): boolean {
    if (column.layout !== "fixed" && column.layout !== "wide") return false;
    const kind = kindOf(column.type);
    if (
      kind === null ||
      column.values.BYTES_PER_ELEMENT !== kind.width ||
      (column.layout === "wide") !== (kind.code === kinds.wide)
    )
      return false;
    return this.#owns(column.values) && this.#owns(column.valid);
  }

  #ownsTexts(column: BytesColumn): boolean {
    if (column.type.kind !== "utf8" || codesOf(column) !== null) return false;
    return this.#owns(column.bytes) && this.#owns(column.starts) && this.#owns(column.ends) && this.#owns(column.valid);
  }
}

const kinds = { i8: 0, u8: 1, i16: 2, u16: 3, word: 4, i64: 5, f64: 6, f32: 7, wide: 8 } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

/** How the kernel reads values of a type, and the bytes of an element; null where it does not. */
function kindOf(type: DataType): { readonly code: Kind; readonly width: number } | null {
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
function entryValue(entries: DataView, entry: number, types: readonly DataType[]): Value | readonly Value[] {
  const [only] = types;
  const key = entry + entryHead;
  if (types.length === 1 && only?.kind === "utf8") {
    const size = entries.getUint32(entry + 8, true);
    return size === nullSize ? null : Buffer.from(entries.buffer, key, size).toString("latin1");
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
