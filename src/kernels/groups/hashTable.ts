import type { Column } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { resourceError } from "../../common/errors.js";
import type { DataType } from "../../schema/types.js";
import { canPack } from "./groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groupMemory.js";
import { WordGroupTable } from "./groupTable.js";
import { hashRows } from "./hash.js";
import { type KeyStore, keyStoreFor } from "./keyStore.js";
import { endSharing, shareReaderKernels } from "../taskKernels.js";
import type { Kernels } from "../wasm.js";

const mostGroups = 1 << 29;

/** Groups rows by the values of key columns. Group ids are dense, in the order in which groups first appeared. */
export class GroupTable {
  readonly #table: WordGroupTable | ValueGroupTable | OneGroup;

  /** `nullable`: which columns may hold nulls; all when left out. `sharing`: as for WordGroupTable. */
  constructor(types: readonly DataType[], nullable?: readonly boolean[], sharing = false) {
    if (types.length === 0) {
      this.#table = new OneGroup(sharing);
      return;
    }
    const keys = types.map((type, i) => ({ type, nullable: nullable?.[i] ?? true }));
    this.#table = canPack(types) ? new WordGroupTable(keys, sharing) : new ValueGroupTable(types);
  }

  /** Groups so far. */
  get count(): number {
    return this.#table.count;
  }

  /** The group of each live row; rows with new keys make new groups. The array is good until the next call. */
  assign(columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array {
    return this.#table.assign(columns, selection, length);
  }

  /** See `WordGroupTable.placed`. */
  placed(selection: Int32Array | null): Int32Array | null {
    return this.#table instanceof WordGroupTable ? this.#table.placed(selection) : selection;
  }

  /** The key columns, one row a group. The table must not be used afterwards. */
  finish(): Column[] {
    if (this.#table instanceof ValueGroupTable) return this.#table.finish();
    const columns = this.#table instanceof OneGroup ? [] : this.#table.keyColumns(null);
    this.free();
    return columns;
  }

  /** Ends the use of kernel memory without a result. */
  free(): void {
    if (!(this.#table instanceof ValueGroupTable)) this.#table.free();
  }
}

/** All rows as one group; none where there are no rows. */
class OneGroup {
  readonly #kernels: Kernels;
  readonly #isSharing: boolean;
  readonly #groups: Region;
  count = 0;

  constructor(sharing: boolean) {
    this.#isSharing = sharing;
    this.#kernels = sharing ? shareReaderKernels() : takeGroupKernels(true);
    this.#groups = new Region(this.#kernels.memory);
  }

  assign(_columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array {
    const live = selection === null ? length : selection.length;
    if (live > 0) this.count = 1;
    const before = this.#groups.capacity;
    const address = this.#groups.reserve(Math.max(1, live) * 4);
    const { memory } = this.#kernels;
    if (this.#groups.capacity > before) memory.u8().fill(0, address, address + this.#groups.capacity);
    return memory.i32().subarray(address >>> 2, (address >>> 2) + live);
  }

  free(): void {
    this.#groups.free();
    if (this.#isSharing) endSharing(this.#kernels);
    else giveGroupKernels(this.#kernels);
  }
}

/**
 * Groups by keys that kernels cannot pack (lists and structs). Open addressing with linear probing; a slot holds the
 * group and the table keeps each group's hash, so most misses never look at a key.
 */
class ValueGroupTable {
  readonly #keys: readonly KeyStore[];
  #slots = new Int32Array(1024).fill(-1);
  // Signed, as small integers travel between functions without a box.
  #hashes = new Int32Array(512);
  #count = 0;

  constructor(types: readonly DataType[]) {
    this.#keys = types.map(keyStoreFor);
  }

  /** Groups so far. */
  get count(): number {
    return this.#count;
  }

  /** The group of each live row; rows with new keys make new groups. */
  assign(columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array {
    const live = selection === null ? length : selection.length;
    const groups = new Int32Array(live);
    const hashes = new Int32Array(hashRows(columns, selection, length).buffer);
    for (const [i, store] of this.#keys.entries()) store.bind(required(columns[i], "key column"));
    const only = this.#keys.length === 1 ? (this.#keys[0] as KeyStore) : null;
    for (let j = 0; j < live; j++) {
      const row = selection === null ? j : (selection[j] as number);
      groups[j] = only === null ? this.#find(hashes[j] as number, row) : this.#findOne(only, hashes[j] as number, row);
    }
    return groups;
  }

  /** The key columns, one row a group. The table must not be used afterwards. */
  finish(): Column[] {
    return this.#keys.map((store) => store.finish());
  }

  #findOne(store: KeyStore, hash: number, row: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const group = slots[slot] as number;
      if (group < 0) return this.#add(slot, hash, row);
      if (this.#hashes[group] === hash && store.equals(group, row)) return group;
    }
  }

  #find(hash: number, row: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const group = slots[slot] as number;
      if (group < 0) return this.#add(slot, hash, row);
      if (this.#hashes[group] === hash && this.#same(group, row)) return group;
    }
  }

  #same(group: number, row: number): boolean {
    const keys = this.#keys;
    for (let i = 0; i < keys.length; i++) if (!(keys[i] as KeyStore).equals(group, row)) return false;
    return true;
  }

  #add(slot: number, hash: number, row: number): number {
    const group = this.#count++;
    if (group >= mostGroups) {
      throw resourceError("TOO_MANY_GROUPS", `one partition has more than ${mostGroups} groups`, {
        hint: "Lower the partition size.",
      });
    }
    if (group === this.#hashes.length) {
      const bigger = new Int32Array(group * 2);
      bigger.set(this.#hashes);
      this.#hashes = bigger;
    }
    this.#hashes[group] = hash;
    this.#slots[slot] = group;
    for (const store of this.#keys) store.add(row);
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return group;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let group = 0; group < this.#count; group++) {
      let slot = (this.#hashes[group] as number) & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = group;
    }
    this.#slots = slots;
  }
}
