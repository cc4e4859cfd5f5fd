import { layoutOf } from "../../batch/builder.js";
import { type Coded, codesOf } from "../../batch/coded.js";
import type { BytesColumn, Column, FixedValues } from "../../batch/column.js";
import { gatherColumn } from "../../batch/gather.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { fixedView } from "../fixedView.js";
import { padding, tableSlot } from "./groupKernels.js";
import { KeyLayout, type KeyType, PackedRows, tooManyKeys, widthOfType } from "./groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groupMemory.js";
import { endSharing, shareReaderKernels } from "../taskKernels.js";
import { TextFront } from "./groupFront.js";
import { withRoom } from "../kernelRoom.js";
import { keptView, keptViewOrNull } from "../kernelViews.js";
import type { Kernels } from "../wasm.js";

const leastSlots = 1024;
const mostGroups = 2 ** 28;
const mostlyNew = 7 / 8;
/** Slots from which on a table grows to twice its size at most. */
const mostAhead = 2 ** 20;
const mostArenaBytes = 2 ** 31;

/**
 * Groups rows by packed keys, in kernel memory. Group ids are dense, in the order in which groups first appeared. Open addressing with linear
 * probing; a slot holds a group beside its hash, so that most misses never look at a key.
 */
export class WordGroupTable {
  readonly #kernels: Kernels;
  readonly #isSharing: boolean;
  readonly #layout: KeyLayout;
  readonly #front: TextFront | null;
  readonly #rows: PackedRows;
  readonly #table: number;
  readonly #slots: Region;
  readonly #hashes: Region;
  readonly #offsets: Region;
  readonly #arena: Region;
  readonly #groups: Region;
  readonly #missedGroups: Region;
  #slotCount = 0;
  /** The dictionary of the last coded column, and the group of each of its texts, -1 where no row had it. */
  #codedTexts: BytesColumn | null = null;
  #codedGroups = new Int32Array(0);
  /** The live rows of the last call, which lie in kernel memory too. */
  #chosen: Int32Array | null = null;

  /** `sharing`: the table lives in the memory of the task's reader; see `shareReaderKernels` for what that asks of the caller. */
  constructor(keys: readonly KeyType[], sharing = false) {
    this.#isSharing = sharing;
    this.#kernels = sharing ? shareReaderKernels() : takeGroupKernels(true);
    const { memory } = this.#kernels;
    this.#layout = new KeyLayout(this.#kernels, keys);
    this.#rows = new PackedRows(this.#layout);
    const only = keys.length === 1 ? keys[0] : undefined;
    this.#front = only !== undefined && layoutOf(only.type) === "bytes" ? new TextFront(this.#kernels) : null;
    this.#table = memory.alloc(32);
    this.#slots = new Region(memory);
    this.#hashes = new Region(memory);
    this.#offsets = new Region(memory);
    this.#arena = new Region(memory);
    this.#groups = new Region(memory);
    this.#missedGroups = new Region(memory);
    memory.u32().fill(0, this.#table >>> 2, (this.#table >>> 2) + 8);
    this.#grow(leastSlots);
  }

  /** Groups so far. */
  get count(): number {
    return this.#field("count");
  }

  /** The group of each live row; rows with new keys make new groups. The array is good until the next call. */
  assign(columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array {
    this.#chosen = null;
    if (this.#layout.keys.length === 0 && this.count === 1) {
      return this.#allFirst(selection === null ? length : selection.length);
    }
    const coded = this.#front === null || columns[0] === undefined ? null : codesOf(columns[0]);
    if (coded !== null && coded.texts.length <= mostCodedTexts) return this.#assignCodes(coded, selection, length);
    this.#rows.clear();
    const staged = this.#rows.stage(columns, selection, length, this.#front === null);
    this.#chosen = selection;
    if (this.#front?.isWorthIt === true) {
      this.#front.assign(staged, this.#groups, (missed) => {
        this.#rows.clear();
        this.#rows.pack(missed);
        return this.#assignRows(this.#missedGroups);
      });
    } else {
      this.#rows.pack(staged);
      this.#assignRows(this.#groups);
    }
    return this.#assigned(staged.rows);
  }

  /** Texts by their codes: the group of each text is found once. */
  #assignCodes({ codes, texts }: Coded, selection: Int32Array | null, length: number): Int32Array {
    const [keptCodes, keptRows] = [keptView(codes), keptViewOrNull(selection)];
    const live = selection === null ? length : selection.length;
    const isNew = this.#codedTexts !== texts;
    if (isNew) {
      this.#codedTexts = texts;
      this.#codedGroups = new Int32Array(texts.length).fill(-1);
    }
    if (isNew || !this.#groupCodes(keptCodes, keptRows, live)) {
      this.#findCodes(texts, newCodes(keptCodes(), keptRows(), live, this.#codedGroups));
      this.#groupCodes(keptCodes, keptRows, live);
    }
    this.#chosen = null;
    return this.#assigned(live);
  }

  /** Finds the groups of codes that have none, in the order in which they come, as groups are numbered. */
  #findCodes(texts: BytesColumn, codes: Int32Array): void {
    if (codes.length === 0) return;
    const found = this.assign([gatherColumn(texts, codes)], null, codes.length);
    for (let i = 0; i < codes.length; i++) this.#codedGroups[codes[i] as number] = found[i] as number;
  }

  /** Puts the groups of rows by their codes into their place; false where a code has none yet. */
  #groupCodes(codes: () => Coded["codes"], selection: () => Int32Array | null, live: number): boolean {
    const { functions } = this.#layout;
    const groups = this.#groups.reserve(Math.max(1, live) * 4);
    return withRoom((room) => {
      const groupOf = room.put(this.#codedGroups);
      const rows = room.putKept(selection);
      const at = room.putKept(codes);
      const group = codes() instanceof Uint8Array ? functions.codedGroups8 : functions.codedGroups16;
      return group(at, rows, live, groupOf, groups) === 0;
    }, this.#kernels);
  }

  /** The live rows that the last `assign` was given, as a view on kernel memory that is good until that grows; any others as they are. */
  placed(selection: Int32Array | null): Int32Array | null {
    if (selection === null || selection !== this.#chosen) return selection;
    const first = this.#rows.staged >>> 2;
    return this.#kernels.memory.i32().subarray(first, first + selection.length);
  }

  /** As `assign`, for keys that `packedKeys` of another table or `PackedRows` gave. */
  assignPacked(packed: BytesColumn): Int32Array {
    this.#chosen = null;
    this.#rows.loadWords(packed);
    this.#assignRows(this.#groups);
    return this.#assigned(packed.length);
  }

  /** The packed keys, one row a group; a view on kernel memory, good until `free`. */
  packedKeys(): BytesColumn {
    const { memory } = this.#kernels;
    const { count } = this;
    const offsets = memory.i32().slice(this.#offsets.address >>> 2, (this.#offsets.address >>> 2) + count + 1);
    for (let i = 0; i <= count; i++) offsets[i] = (offsets[i] as number) * 8;
    const bytes = memory.u8().subarray(this.#arena.address, this.#arena.address + (offsets[count] as number));
    return {
      layout: "bytes",
      type: { kind: "binary" },
      length: count,
      bytes,
      starts: offsets.subarray(0, count),
      ends: offsets.subarray(1, count + 1),
      valid: null,
    };
  }

  /**
   * Groups in the order of their keys, ascending and nulls last, with byte strings that compare as the keys do. Texts do so themselves: where one of
   * them is the only key, there are no other strings.
   */
  sorted(): { readonly order: Int32Array; readonly keys: BytesColumn | null } {
    const { memory } = this.#kernels;
    const { functions, keys, flags, columns } = this.#layout;
    const { count } = this;
    const regions: Region[] = [];
    const region = () => {
      const made = new Region(memory);
      regions.push(made);
      return made;
    };
    const [bytes, offsets, records, spare, order] = [region(), region(), region(), region(), region()];
    const bound = this.#usedWords() * 16 + count * keys.length * 16 + padding;
    bytes.reserve(bound);
    offsets.reserve((count + 1) * 4);
    for (const one of [records, spare]) one.reserve(count * 16);
    order.reserve(count * 4);
    this.#layout.describeOrder();
    const used = functions.orderedKeys(
      columns,
      keys.length,
      flags,
      this.#arena.address,
      this.#offsets.address,
      count,
      bytes.address,
      offsets.address,
    );
    functions.sortKeys(bytes.address, offsets.address, count, 0, 0, records.address, spare.address, order.address);
    const strings = isOneText(keys) ? null : this.#permuted(bytes, offsets, order, region(), region(), used);
    const result = { order: memory.i32().slice(order.address >>> 2, (order.address >>> 2) + count), keys: strings };
    for (const one of regions) one.free();
    return result;
  }

  /** `used` bytes of strings in an order, in memory of their own. */
  #permuted(bytes: Region, offsets: Region, order: Region, out: Region, outOffsets: Region, used: number): BytesColumn {
    const { memory } = this.#kernels;
    const { count } = this;
    out.reserve(used + padding);
    outOffsets.reserve((count + 1) * 4);
    const { permuteBytes } = this.#layout.functions;
    permuteBytes(bytes.address, offsets.address, order.address, count, out.address, outOffsets.address);
    const ends = memory.i32().slice(outOffsets.address >>> 2, (outOffsets.address >>> 2) + count + 1);
    return bytesColumn(memory.u8().slice(out.address, out.address + used), ends);
  }

  /** The key columns, row i from group `order[i]` (null: from group i), in memory of their own. */
  keyColumns(order: Int32Array | null): Column[] {
    const { memory } = this.#kernels;
    const { functions, keys, flags, columns } = this.#layout;
    const { count } = this;
    const placed = new Region(memory);
    if (order !== null) memory.i32().set(order, placed.reserve(count * 4) >>> 2);
    const outputs = keys.map((key) => new KeyOutput(this.#kernels, key.type, count, this.#usedWords() * 8));
    for (const [i, { values, ends, bytes, valid }] of outputs.entries()) {
      this.#layout.describe(i, values.address, ends.address, bytes.address, valid.address);
    }
    const ordered = order === null ? 0 : placed.address;
    functions.unpackKeys(columns, keys.length, flags, this.#arena.address, this.#offsets.address, ordered, count);
    const result = outputs.map((output) => output.column());
    placed.free();
    return result;
  }

  /** Ends the table's use of its memory. */
  free(): void {
    const { memory } = this.#kernels;
    this.#rows.free();
    this.#layout.free();
    memory.free(this.#table);
    for (const region of [this.#slots, this.#hashes, this.#offsets, this.#arena, this.#groups, this.#missedGroups]) region.free();
    this.#front?.free();
    if (this.#isSharing) endSharing(this.#kernels);
    else giveGroupKernels(this.#kernels);
  }

  /** Without keys all rows are the one group that there is. */
  #allFirst(rows: number): Int32Array {
    const address = this.#groups.reserve(Math.max(1, rows) * 4);
    this.#kernels.memory.u8().fill(0, address, address + rows * 4);
    return this.#assigned(rows);
  }

  #assigned(rows: number): Int32Array {
    const { address } = this.#groups;
    return this.#kernels.memory.i32().subarray(address >>> 2, (address >>> 2) + rows);
  }

  /** Groups of the packed rows; answers their address. */
  #assignRows(groups: Region): number {
    const { functions } = this.#layout;
    const { rows, wordCount, wordsAt, offsets, hashes } = this.#rows;
    const needed = (this.#usedWords() + wordCount) * 8;
    if (needed > mostArenaBytes) throw tooManyKeys();
    this.#arena.reserve(needed + padding, this.#usedWords() * 8);
    this.#set("arena", this.#arena.address);
    const address = groups.reserve(Math.max(1, rows) * 4);
    // Groups of one word each are found by their numbers.
    const byWords = this.#rows.isOneWord && this.#usedWords() === this.count;
    if (!byWords) this.#rows.complete();
    const before = this.count;
    let done = 0;
    for (;;) {
      done = byWords
        ? functions.assignWords(this.#table, wordsAt, done, rows, address)
        : functions.assignGroups(this.#table, wordsAt, offsets.address, hashes.address, done, rows, address);
      if (done >= rows) break;
      // Where nearly every row makes a group, there will be many more: twice as much room saves to place all of them once more.
      const isNew = this.count - before > done * mostlyNew;
      this.#grow(this.#slotCount * (isNew && this.#slotCount < mostAhead ? 4 : 2));
    }
    return address;
  }

  #usedWords(): number {
    return required(this.#kernels.memory.u32()[(this.#offsets.address >>> 2) + this.count], "end of the keys");
  }

  /** Half of the slots stay empty. */
  #grow(slots: number): void {
    const { memory } = this.#kernels;
    const { count } = this;
    const limit = slots / 2;
    if (limit > mostGroups) throw tooManyKeys();
    const first = this.#slotCount === 0;
    this.#slots.reserve(slots * 8);
    this.#hashes.reserve(limit * 4, count * 4);
    this.#offsets.reserve((limit + 1) * 4, first ? 0 : (count + 1) * 4);
    memory.u8().fill(0, this.#slots.address, this.#slots.address + slots * 8);
    if (first) memory.u32()[this.#offsets.address >>> 2] = 0;
    this.#slotCount = slots;
    this.#set("slots", this.#slots.address);
    this.#set("mask", slots - 1);
    this.#set("limit", limit);
    this.#set("hashes", this.#hashes.address);
    this.#set("offsets", this.#offsets.address);
    this.#layout.functions.fillSlots(this.#slots.address, slots - 1, this.#hashes.address, count);
  }

  #field(name: keyof typeof tableSlot): number {
    return this.#kernels.memory.u32()[(this.#table >>> 2) + tableSlot[name]] as number;
  }

  #set(name: keyof typeof tableSlot, value: number): void {
    this.#kernels.memory.u32()[(this.#table >>> 2) + tableSlot[name]] = value;
  }
}

/** Larger dictionaries may have more texts than a batch has rows. */
const mostCodedTexts = 2 ** 16;

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

/** Codes of the first `live` of the rows without a group, each once, in the order in which rows have them. They are marked with -2. */
function newCodes(codes: Coded["codes"], selection: Int32Array | null, live: number, groupOf: Int32Array): Int32Array {
  const found: number[] = [];
  let missing = 0;
  for (const group of groupOf) if (group === -1) missing++;
  for (let j = 0; j < live && found.length < missing; j++) {
    const code = codes[selection === null ? j : (selection[j] as number)] as number;
    if (groupOf[code] !== -1) continue;
    groupOf[code] = -2;
    found.push(code);
  }
  return Int32Array.from(found);
}

const isOneText = (keys: readonly KeyType[]): boolean => keys.length === 1 && keys[0]?.type.kind === "utf8";

/** After every text: no UTF-8 has such a byte. */
const afterTexts = 0xff;

/** Texts in ascending order, of which the last may be null, as byte strings in the same order: the same bytes. */
export function textOrder(texts: Column): BytesColumn {
  if (texts.layout !== "bytes") throw internalError("texts are byte strings");
  const { length, starts, valid } = texts;
  const type = { kind: "binary" } as const;
  if (valid === null) return { ...texts, type };
  const last = length - 1;
  if (valid.indexOf(0) !== last) throw internalError("nulls come last, and are one group");
  const end = starts[last] as number;
  const bytes = new Uint8Array(end + 1);
  bytes.set(texts.bytes.subarray(0, end));
  bytes[end] = afterTexts;
  const ends = texts.ends.slice();
  ends[last] = end + 1;
  return { layout: "bytes", type, length, bytes, starts, ends, valid: null };
}

/** A column of byte strings that lie one after the other; `offsets` has one entry more than there are rows. */
export function bytesColumn(bytes: Uint8Array, offsets: Int32Array): BytesColumn {
  const length = offsets.length - 1;
  const [starts, ends] = [offsets.subarray(0, length), offsets.subarray(1)];
  return { layout: "bytes", type: { kind: "binary" }, length, bytes, starts, ends, valid: null };
}

/** Where one key column is unpacked to. */
class KeyOutput {
  readonly values: Region;
  readonly ends: Region;
  readonly bytes: Region;
  readonly valid: Region;

  constructor(
    private readonly kernels: Kernels,
    private readonly type: KeyType["type"],
    private readonly rows: number,
    mostBytes: number,
  ) {
    const { memory } = kernels;
    this.values = new Region(memory);
    this.ends = new Region(memory);
    this.bytes = new Region(memory);
    this.valid = new Region(memory);
    const isBytes = layoutOf(type) === "bytes";
    this.values.reserve(rows * (isBytes ? 4 : widthOfType(type)) + padding);
    this.valid.reserve(rows + padding);
    if (isBytes) this.ends.reserve(rows * 4 + padding);
    if (isBytes) this.bytes.reserve(mostBytes + padding);
  }

  /** A copy of the column; gives the memory back. */
  column(): Column {
    const { type, rows: length } = this;
    const { memory } = this.kernels;
    const bits = memory.u8().slice(this.valid.address, this.valid.address + length);
    const valid = bits.includes(0) ? bits : null;
    const made = ((): Column => {
      if (layoutOf(type) === "bytes") {
        const starts = memory.i32().slice(this.values.address >>> 2, (this.values.address >>> 2) + length);
        const ends = memory.i32().slice(this.ends.address >>> 2, (this.ends.address >>> 2) + length);
        const bytes = memory.u8().slice(this.bytes.address, this.bytes.address + (ends[length - 1] ?? 0));
        return { layout: "bytes", type, length, bytes, starts, ends, valid };
      }
      const bytes = memory.u8().slice(this.values.address, this.values.address + length * widthOfType(type));
      if (layoutOf(type) === "wide") return { layout: "wide", type, length, values: new BigInt64Array(bytes.buffer), valid };
      return { layout: "fixed", type, length, values: fixedView(type, bytes) as FixedValues, valid };
    })();
    for (const region of [this.values, this.ends, this.bytes, this.valid]) region.free();
    return made;
  }
}
