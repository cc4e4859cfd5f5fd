import type { Column } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import type { JoinKernels } from "./joinKernels.js";
import { bytesOf } from "../groups/groupMemory.js";
import { type KeySpans, keySpans, packedKeys } from "./joinKeys.js";
import { createKernels, type KernelMemory, type Kernels } from "../wasm.js";

/** A span is read a word at a time, up to this many bytes past its end. */
const padding = 8;
/** Keys of one length up to this are held beside their rows, as long as the table has no more rows than that. */
const wordBytes = 8;
const mostWordRows = 2 ** 20;
/** A line of up to five keys, and how many of them it has on average: more are nearer to the processor, fewer are more seldom in the next line. */
const lineBytes = 64;
const rowsPerLine = 3.5;
/** Codes that an entry has room for. */
const mostSlotCodes = 2 ** 11;
/** Rows whose keys are inserted at once. */
const insertRows = 2 ** 14;
/** Past this many bytes of block for each byte of key, copying the block costs more than copying the keys. */
const sparseBlock = 16;

type Codes = Uint8Array | Uint16Array;

/** Finds the rows of a join's right side by key. Lives in kernel memory of its own; holds the keys and no other column. */
export class JoinTable {
  readonly #memory: KernelMemory;
  readonly #kernels: JoinKernels;
  readonly #bytes: number;
  readonly #offsets: number;
  /** The length of every key; 0 where they differ. */
  readonly #uniform: number;
  /** The table consists of lines that hold the keys. */
  readonly #words: boolean;
  readonly #slots: number;
  /** How many slots there are, a power of two, or lines of keys. */
  readonly #size: number;
  /** Bits of a slot that hold a row, where it holds no key; those above hold a part of its key's hash. */
  readonly #rowMask: number;
  readonly #next: number;
  readonly #scratch = new Map<string, { readonly address: number; readonly bytes: number }>();
  readonly #rows: number;
  /** Where codes of the rows were put. */
  readonly #codes = new Map<Codes, number>();
  /** The codes that entries hold beside the rows, and that of a row without a match. */
  #slotCodes: { readonly codes: Codes; readonly none: number } | null = null;
  /** How many rows the last probe answered. */
  #answered = 0;
  /** No two rows have the same key. */
  readonly unique: boolean;

  /**
   * Over `rows` rows whose key columns are `columns`; rows with a null in one are never found. `kernels`: in whose memory the table lives, which are
   * the caller's again after `free`.
   */
  constructor(columns: readonly Column[], rows: number, kernels: Kernels = createKernels("the right side of a join")) {
    this.#memory = kernels.memory;
    this.#kernels = kernels.functions<JoinKernels>();
    this.#rows = rows;
    const keys = keySpans(columns, null, rows);
    const even = evenLength(keys, rows);
    this.#words = even > 0 && even <= wordBytes && rows <= mostWordRows;
    if (this.#words) {
      this.#uniform = even;
      [this.#bytes, this.#offsets, this.#rowMask] = [0, 0, 0];
      this.#size = Math.max(16, Math.ceil(rows / rowsPerLine));
      this.#slots = this.#zeros(this.#size * lineBytes);
      this.#next = this.#insertWords(keys, null) ? 0 : this.#chainWords(keys);
      this.unique = this.#next === 0;
      return;
    }
    const packed = packedKeys(keys, rows);
    this.#uniform = uniformLength(packed.offsets);
    let slots = 16;
    while (slots < rows * 2) slots *= 2;
    this.#size = slots;
    this.#rowMask = slots - 1;
    this.#bytes = this.#put(packed.bytes, padding);
    this.#offsets = this.#put(bytesOf(packed.offsets));
    this.#slots = this.#zeros(slots * 4);
    const memory = this.#memory;
    const next = memory.alloc(rows * 4);
    const last = memory.alloc(rows * 4);
    const valid = keys.valid === null ? 0 : this.#put(keys.valid);
    const { joinInsert } = this.#kernels;
    this.unique = joinInsert(this.#bytes, this.#offsets, valid, rows, this.#slots, slots - 1, this.#rowMask, next, last) === 0;
    memory.free(valid);
    memory.free(last);
    if (this.unique) memory.free(next);
    this.#next = this.unique ? 0 : next;
  }

  /** Most right sides have no key twice, and need no memory for chains: those that do are inserted again. */
  #chainWords(keys: KeySpans): number {
    const memory = this.#memory;
    memory.u8().fill(0, this.#slots, this.#slots + this.#size * lineBytes);
    const next = memory.alloc(this.#rows * 4);
    const last = memory.alloc(this.#rows * 4);
    memory.u8().fill(0xff, next, next + this.#rows * 4);
    this.#insertWords(keys, { next, last });
    memory.free(last);
    return next;
  }

  /** Inserts all rows, some at a time, so that their keys need little room. Without a chain it ends, with false, where a key is there twice. */
  #insertWords(
    { bytes, place, valid, dense }: KeySpans,
    chain: { readonly next: number; readonly last: number } | null,
  ): boolean {
    const { joinInsertWords } = this.#kernels;
    for (let from = 0; from < this.#rows; from += insertRows) {
      const to = Math.min(this.#rows, from + insertRows);
      const keys: KeySpans = {
        bytes: "width" in place ? bytes.subarray(from * place.width, to * place.width) : bytes,
        place: "width" in place ? place : { starts: place.starts.subarray(from, to), ends: place.ends.subarray(from, to) },
        valid: valid === null ? null : valid.subarray(from, to),
        dense,
      };
      const there = keys.valid === null ? 0 : this.#load("valid", keys.valid);
      const { base, starts, ends } = this.#putKeys(keys, null, to - from, there, 0);
      const { next, last } = chain ?? { next: 0, last: 0 };
      const width = this.#uniform;
      const known = joinInsertWords(base, starts, ends, width, there, from, to - from, this.#slots, this.#size, next, last);
      if (known > 0 && chain === null) return false;
    }
    return true;
  }

  #zeros(bytes: number): number {
    const address = this.#memory.alloc(bytes);
    this.#memory.u8().fill(0, address, address + bytes);
    return address;
  }

  /** Gives its memory back. */
  free(): void {
    const own = [this.#words ? 0 : this.#bytes, this.#offsets, this.#slots, this.#next, ...this.#codes.values()];
    for (const address of own) if (address !== 0) this.#memory.free(address);
    for (const { address } of this.#scratch.values()) this.#memory.free(address);
    this.#scratch.clear();
  }

  /** Says of a table that has a memory of its own that nobody will ask for it any more. */
  forget(): void {
    this.#memory.release();
  }

  /** Bytes it occupies. */
  get bytes(): number {
    return this.#memory.byteLength;
  }

  /** Of each row the next one with the same key, or -1; null where keys are unique. Valid until the next call of `probe`. */
  next(): Int32Array | null {
    return this.unique ? null : this.#memory.i32().subarray(this.#next >>> 2, (this.#next >>> 2) + this.#rows);
  }

  /** The first row with the key of each live row, or -1. Valid until the next call. */
  probe(columns: readonly Column[], selection: Int32Array | null, length: number): Int32Array {
    const live = selection === null ? length : selection.length;
    const keys = keySpans(columns, selection, length);
    const select = keys.dense ? null : selection;
    const valid = keys.valid === null ? 0 : this.#load("valid", keys.valid);
    const selected = select === null ? 0 : this.#load("selection", bytesOf(select));
    const { base, starts, ends, width } = this.#putKeys(keys, select, live, valid, selected);
    if (this.#codes.size > 0 || this.#slotCodes !== null) {
      this.#reserve("codes", length * 2);
      this.#reserve("selection", live * 4);
    }
    const out = this.#reserve("out", live * 4);
    this.#answered = live;
    if (this.#words && width !== 0 && width !== this.#uniform) throw internalError("the keys of a join have two widths");
    if (this.#words) {
      const { joinProbeWords } = this.#kernels;
      const codes = this.#slotCodes === null ? 0 : this.#reserve("found codes", live * 2);
      const none = this.#slotCodes?.none ?? 0;
      joinProbeWords(base, starts, ends, this.#uniform, valid, selected, live, this.#slots, this.#size, out, codes, none);
    } else this.#probeSpans({ base, starts, ends, width }, valid, selected, live, out);
    return this.#memory.i32().subarray(out >>> 2, (out >>> 2) + live);
  }

  #probeSpans({ base, starts, ends, width }: ProbeKeys, valid: number, selected: number, live: number, out: number): void {
    this.#kernels.joinProbe(
      base,
      starts,
      ends,
      width,
      valid,
      selected,
      live,
      this.#bytes,
      this.#offsets,
      this.#uniform,
      this.#slots,
      this.#size - 1,
      this.#rowMask,
      out,
    );
  }

  /** Takes codes, one of each row, for `codesOfMatches`. They must not change any more. */
  keepCodes(codes: Codes, none: number): void {
    if (this.#codes.has(codes) || this.#slotCodes?.codes === codes) return;
    if (this.#words && this.#slotCodes === null && none < mostSlotCodes) {
      this.#slotCodes = { codes, none };
      const address = this.#put(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength));
      this.#kernels.joinKeepCodes(this.#slots, this.#size, address, codes.BYTES_PER_ELEMENT - 1);
      this.#memory.free(address);
      return;
    }
    const all = codes instanceof Uint8Array ? new Uint8Array(this.#rows + 1) : new Uint16Array(this.#rows + 1);
    all.set(codes);
    all[this.#rows] = none;
    this.#codes.set(codes, this.#put(new Uint8Array(all.buffer)));
  }

  /**
   * The codes (that were kept) of the rows that the last probe found: row `selection[j]` of `out` gets that of answer j, and `none` where there
   * is no match. Other rows get the code 0.
   */
  codesOfMatches(codes: Codes, selection: Int32Array | null, out: Codes): void {
    // All have room since the probe, whose answer stays valid.
    const selected = selection === null ? 0 : this.#load("selection", bytesOf(selection));
    const room = this.#reserve("codes", out.byteLength);
    const u8 = this.#memory.u8();
    if (selection !== null) u8.fill(0, room, room + out.byteLength);
    const wide = codes.BYTES_PER_ELEMENT - 1;
    if (this.#slotCodes?.codes === codes) {
      const found = required(this.#scratch.get("found codes"), "codes of a probe").address;
      this.#kernels.joinSpreadCodes(found, this.#answered, selected, wide, room);
    } else {
      const rows = required(this.#scratch.get("out"), "answer of a probe").address;
      const address = required(this.#codes.get(codes), "codes of a join");
      this.#kernels.joinCodes(rows, this.#answered, selected, address, wide, this.#rows, room);
    }
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(u8.subarray(room, room + out.byteLength));
  }

  /** `valid` and `selected`: what is known of the rows, where the kernels see it. */
  #putKeys(keys: KeySpans, selection: Int32Array | null, live: number, valid: number, selected: number): ProbeKeys {
    const { place, bytes } = keys;
    if ("width" in place) return { base: this.#load("bytes", bytes), starts: 0, ends: 0, width: place.width };
    const starts = this.#load("starts", bytesOf(place.starts));
    const ends = this.#load("ends", bytesOf(place.ends));
    const answer = this.#reserve("span", 8);
    const total = this.#kernels.keySpan(starts, ends, valid, selected, live, answer);
    const [least = 0, high = 0] = this.#memory.u32().subarray(answer >>> 2, (answer >>> 2) + 2);
    const low = Math.min(least, high);
    if (high - low <= 4096 + total * sparseBlock) {
      // Addresses wrap around in 32 bits: the base may lie below the block, even below zero.
      return { base: this.#load("bytes", bytes.subarray(low, high)) - low, starts, ends, width: 0 };
    }
    return { base: this.#gather(keys, place, selection, live, total), starts, ends, width: 0 };
  }

  /** Copies the keys of live rows alone and says where they are now. */
  #gather(
    { bytes, valid }: KeySpans,
    place: { readonly starts: Int32Array; readonly ends: Int32Array },
    selection: Int32Array | null,
    live: number,
    total: number,
  ): number {
    const base = this.#reserve("bytes", total);
    const u8 = this.#memory.u8();
    const i32 = this.#memory.i32();
    const [starts, ends] = [(this.#scratch.get("starts")?.address ?? 0) >>> 2, (this.#scratch.get("ends")?.address ?? 0) >>> 2];
    let at = 0;
    for (let j = 0; j < live; j++) {
      const row = selection === null ? j : (selection[j] as number);
      if (valid !== null && valid[row] === 0) continue;
      const key = bytes.subarray(place.starts[row], place.ends[row]);
      u8.set(key, base + at);
      i32[starts + row] = at;
      at += key.length;
      i32[ends + row] = at;
    }
    return base;
  }

  #put(bytes: Uint8Array, extra = 0): number {
    const address = this.#memory.alloc(bytes.length + extra);
    this.#memory.u8().set(bytes, address);
    return address;
  }

  #load(name: string, bytes: Uint8Array): number {
    const address = this.#reserve(name, bytes.length);
    this.#memory.u8().set(bytes, address);
    return address;
  }

  /** A buffer that is used again by the next probe. */
  #reserve(name: string, bytes: number): number {
    const known = this.#scratch.get(name);
    if (known !== undefined && known.bytes >= bytes + padding) return known.address;
    if (known !== undefined) this.#memory.free(known.address);
    const size = Math.ceil((bytes + padding) * 1.25);
    const address = this.#memory.alloc(size);
    this.#scratch.set(name, { address, bytes: size });
    return address;
  }
}

/** Where the keys of probe rows are: places over `base`, or `width` bytes each. */
interface ProbeKeys {
  readonly base: number;
  readonly starts: number;
  readonly ends: number;
  readonly width: number;
}

/** The length of all keys that are there; 0 where they differ. */
function evenLength({ place, valid }: KeySpans, rows: number): number {
  if ("width" in place) return place.width;
  const { starts, ends } = place;
  let length = -1;
  for (let i = 0; i < rows; i++) {
    if (valid !== null && valid[i] === 0) continue;
    const found = (ends[i] as number) - (starts[i] as number);
    if (length < 0) length = found;
    else if (found !== length) return 0;
  }
  return Math.max(0, length);
}

/** The length that all keys have; 0 where they differ, or are empty. */
function uniformLength(offsets: Int32Array): number {
  const length = offsets[1] ?? 0;
  for (let i = 1; i < offsets.length; i++) if ((offsets[i] as number) !== i * length) return 0;
  return length;
}
