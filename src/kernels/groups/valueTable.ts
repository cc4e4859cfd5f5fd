import { codesOf } from "../../batch/coded.js";
import type { BytesColumn, Column, FixedColumn, WideColumn } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import type { DataType } from "../../schema/types.js";
import { keptValues, type PackedValues } from "../../runtime/valueTally.js";
import { type CountedValues, entriesOf, entryHead, kindOf, kinds, mostText } from "./packedValues.js";
import type { TallyKernels } from "./tallyKernels.js";
import type { Kernels } from "../wasm.js";

/** Whose values a table counts. */
export interface TableOwner {
  /** Types of the columns whose values are told apart. */
  readonly types: readonly DataType[];
  take(values: CountedValues, complete: boolean): void;
  /** Counts what rows have in a column of texts, where the kernel leaves that to the caller. */
  takeRows(rows: Uint32Array, columns: readonly Column[]): void;
}

const mostEntries = 1024;
const slots = 2 * mostEntries;
const mostColumns = 8;
/** Words of the table's head; the order of `assembly/groups/tally.ts`. */
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

  /** `alloc`: for memory that the caller frees. */
  constructor(
    private readonly kernels: Kernels,
    private readonly owner: TableOwner,
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

  /** What was counted since it began, and begins anew; null where that is nothing. */
  take(): PackedValues | null {
    this.#run.tallyPrune(this.#head);
    const next = this.#word(word.next);
    if (next === this.#entries) return null;
    const entries = this.kernels.memory.u8().slice(this.#entries, next);
    const complete = this.#word(word.passedOver) === 0;
    this.#clear();
    return { types: this.owner.types, entries, complete };
  }

  /** Gives the owner what there is no room for: that share the hash of the last that is kept too many values. */
  #makeRoom(): void {
    const packed = this.take();
    if (packed !== null) this.owner.take(entriesOf(packed.entries, packed.types), packed.complete);
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
      this.#makeRoom();
    }
  }

  #countTexts(rows: Uint32Array, column: BytesColumn): void {
    const { bytes, starts, ends, valid } = column;
    const at = [bytes.byteOffset, starts.byteOffset, ends.byteOffset, valid?.byteOffset ?? 0, mostText] as const;
    const { byteOffset, length } = rows;
    for (let done = 0; ; ) {
      // What is open takes the place of rows that were looked at.
      const from = byteOffset + 4 * done;
      done += this.#run.tallyTexts(this.#head, from, length - done, ...at, from, this.#key);
      const words = this.kernels.memory.u32();
      const open = words[this.#key >>> 2] as number;
      if (open > 0) this.owner.takeRows(words.subarray(from >>> 2, (from >>> 2) + open), [column]);
      if (done === length) return;
      this.#makeRoom();
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
