import { fixedArrayOf, layoutOf } from "../../batch/builder.js";
import { type Coded, codesOf } from "../../batch/coded.js";
import type { BytesColumn, Column } from "../../batch/column.js";
import { everyRow, gatherColumn } from "../../batch/gather.js";
import { strideOf } from "../../batch/strided.js";
import { required } from "../../common/assert.js";
import { internalError, resourceError } from "../../common/errors.js";
import type { DataType } from "../../schema/types.js";
import { columnBytes, columnSlot, type GroupKernels, padding } from "./groupKernels.js";
import { bytesOf, Region } from "./groupMemory.js";
import { KernelViews } from "../kernelViews.js";
import type { KernelMemory, Kernels } from "../wasm.js";

export interface KeyType {
  readonly type: DataType;
  readonly nullable: boolean;
}

/** Most words of packed keys at one place: 2 GiB. */
const mostWords = 2 ** 28;
/** Past this many bytes of text block for each byte of key, keys are copied one by one. */
const sparseBlock = 24;

/** What kernels may read behind a text. */
const textPadding = 64;

const kindOf = { bytes: 7, wide: 6, oneByteCodes: 8, twoByteCodes: 9 } as const;

/** How a key column lies in packed keys. */
function kindOfType(type: DataType): number {
  const layout = layoutOf(type);
  if (layout === "object") throw internalError("nested keys are not packed");
  if (layout !== "fixed") return kindOf[layout];
  if (type.kind === "float32") return 4;
  if (type.kind === "float64") return 5;
  return Math.log2(widthOfType(type));
}

/** Bytes of a value of a fixed or wide type. */
export function widthOfType(type: DataType): number {
  if (layoutOf(type) === "wide") return 16;
  const make = fixedArrayOf(type);
  if (make === null) throw internalError("only fixed types have a width");
  return (make as unknown as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
}

/** Which order the words of a fixed type have; see `orderedWord` in the kernels. */
function orderOfType(type: DataType): number {
  switch (type.kind) {
    case "int8":
      return 1;
    case "int16":
      return 2;
    case "int32":
    case "date":
      return 3;
    case "int64":
    case "timestamp":
    case "decimal":
      return 4;
    case "float32":
      return 5;
    case "float64":
      return 6;
    default:
      return 0;
  }
}

/** Whether keys of these types can be packed: everything but lists and structs. */
export const canPack = (types: readonly DataType[]): boolean => types.every((type) => layoutOf(type) !== "object");

/** Describes key columns to the kernels. */
export class KeyLayout {
  readonly kernels: Kernels;
  readonly functions: GroupKernels;
  readonly keys: readonly KeyType[];
  /** 1 where packed keys begin with a word of null bits. */
  readonly flags: 0 | 1;
  /** Address of the columns' descriptions. */
  readonly columns: number;
  readonly #kinds: readonly number[];

  constructor(kernels: Kernels, keys: readonly KeyType[]) {
    this.kernels = kernels;
    this.functions = kernels.functions<GroupKernels>();
    this.keys = keys;
    this.#kinds = keys.map((key) => kindOfType(key.type));
    this.flags = keys.some((key, i) => key.nullable && this.#kinds[i] !== kindOf.bytes) ? 1 : 0;
    this.columns = kernels.memory.alloc(Math.max(1, keys.length) * columnBytes);
  }

  /** Words of a row without its texts. */
  get fixedWords(): number {
    return this.flags + this.#kinds.reduce((sum, kind) => sum + (kind === kindOf.wide ? 2 : 1), 0);
  }

  /** `codeBytes`: of each code, where the column is one of codes. */
  describe(key: number, values: number, ends: number, bytes: number, valid: number, codeBytes?: 1 | 2): void {
    const u32 = this.kernels.memory.u32();
    const kind =
      codeBytes === undefined ? (this.#kinds[key] as number) : codeBytes === 1 ? kindOf.oneByteCodes : kindOf.twoByteCodes;
    u32.set([kind, values, ends, bytes, valid, 0], (this.columns >>> 2) + key * 6);
  }

  /** `flags`: what is added to the order of each key; see `placedKeys` in the kernels. */
  describeOrder(flags: readonly number[] = []): void {
    const u32 = this.kernels.memory.u32();
    this.keys.forEach((key, i) => {
      const at = (this.columns >>> 2) + i * 6;
      u32[at + columnSlot.kind] = this.#kinds[i] as number;
      u32[at + columnSlot.order] = orderOfType(key.type) | (flags[i] ?? 0);
    });
  }

  free(): void {
    this.kernels.memory.free(this.columns);
  }
}

/** Packed keys of rows: words, where each row begins, and hashes. */
export class PackedRows {
  readonly words: Region;
  readonly offsets: Region;
  readonly hashes: Region;
  rows = 0;
  wordCount = 0;
  readonly #layout: KeyLayout;
  readonly #staging: readonly ColumnStaging[];
  readonly #selection: Region;
  readonly #answer: Region;
  /** Offsets and hashes are not there yet. */
  #lacks = false;
  /** Where the words lie, if not in `words`. */
  #borrowed: number | null = null;

  constructor(layout: KeyLayout) {
    const { memory } = layout.kernels;
    this.#layout = layout;
    this.#answer = new Region(memory);
    this.words = new Region(memory);
    this.offsets = new Region(memory);
    this.hashes = new Region(memory);
    this.#selection = new Region(memory);
    this.#staging = layout.keys.map(() => new ColumnStaging(layout.kernels));
  }

  /** Packs the keys of the live rows of a batch behind those that are there. */
  append(columns: readonly Column[], selection: Int32Array | null, length: number): void {
    this.pack(this.stage(columns, selection, length, true));
  }

  /**
   * Puts the key columns of a batch where kernels can read them. Good until the next call. `asCodes`: nothing but `pack` takes them, so columns of codes
   * may stay codes.
   */
  stage(columns: readonly Column[], selection: Int32Array | null, length: number, asCodes = false): StagedKeys {
    const live = selection === null ? length : selection.length;
    const views = new KernelViews(columns);
    const chosen = this.#stageSelection(selection);
    const staged = this.#layout.keys.map((_, i) => {
      const staging = required(this.#staging[i], "staging");
      const column = required(views.columns(i, i + 1)[0], "key column");
      return (asCodes ? staging.stageCodes(column) : null) ?? staging.stage(column, chosen, live, false);
    });
    return { columns: staged, selection: chosen, rows: live };
  }

  /** Packs the keys of staged rows behind those that are there. */
  pack({ columns: staged, selection, rows: live }: StagedKeys): void {
    const { functions, keys, flags, fixedWords } = this.#layout;
    const textBytes = staged.reduce((sum, column) => sum + this.#textBytes(column, selection, live), 0);
    const words = this.wordCount + live * fixedWords + Math.ceil(textBytes / 8) + live * keys.length;
    if (words > mostWords) throw tooManyKeys();
    this.words.reserve(words * 8 + padding, this.wordCount * 8);
    this.offsets.reserve((this.rows + live + 1) * 4, this.rows * 4);
    this.hashes.reserve((this.rows + live) * 4, this.rows * 4);
    for (const [i, { values, ends, bytes, valid, codeBytes }] of staged.entries())
      this.#layout.describe(i, values, ends, bytes, valid, codeBytes);
    const offsets = this.offsets.address + this.rows * 4;
    const hashes = this.hashes.address + this.rows * 4;
    const { columns: described } = this.#layout;
    const end = functions.packKeys(
      described,
      keys.length,
      flags,
      selection,
      live,
      this.words.address,
      this.wordCount,
      offsets,
      hashes,
    );
    this.wordCount = end >>> 0;
    this.rows += live;
  }

  /** Bytes of the texts of staged rows. */
  #textBytes({ values, ends, valid, codeBytes }: StagedColumn, selection: number, live: number): number {
    if (codeBytes !== undefined) return 0;
    const answer = this.#answer.reserve(padding);
    return ends === 0 ? 0 : this.#layout.functions.keySpan(values, ends, valid, selection, live, answer);
  }

  /** Address of the words. */
  get wordsAt(): number {
    return this.#borrowed ?? this.words.address;
  }

  /** Whether every row is one word. */
  get isOneWord(): boolean {
    return this.rows > 0 && this.wordCount === this.rows;
  }

  /** Takes rows that were packed before: `packed` holds their words one after the other. */
  load(packed: BytesColumn): void {
    this.loadWords(packed);
    this.complete();
  }

  /** `load` without offsets and hashes where every row is one word; `complete` makes them. */
  loadWords(packed: BytesColumn): void {
    const { memory } = this.#layout.kernels;
    const rows = packed.length;
    const first = rows === 0 ? 0 : (packed.starts[0] as number);
    const end = rows === 0 ? 0 : (packed.ends[rows - 1] as number);
    this.rows = rows;
    this.wordCount = (end - first) >>> 3;
    this.#lacks = strideOf(packed) === 8;
    const isHere = packed.bytes.buffer === memory.memory.buffer && (packed.bytes.byteOffset + first) % 8 === 0;
    this.#borrowed = isHere ? packed.bytes.byteOffset + first : null;
    if (!isHere) {
      const { bytes } = packed;
      this.words.reserve(end - first + padding);
      memory.u8().set(bytes.subarray(first, end), this.words.address);
    }
    if (this.#lacks) return;
    this.offsets.reserve((rows + 1) * 4);
    this.hashes.reserve(rows * 4);
    const offsets = memory.u32().subarray(this.offsets.address >>> 2, (this.offsets.address >>> 2) + rows + 1);
    const stride = (strideOf(packed) ?? 0) >>> 3;
    if (stride > 0) for (let i = 0; i <= rows; i++) offsets[i] = i * stride;
    else {
      const { starts } = packed;
      for (let i = 0; i < rows; i++) offsets[i] = ((starts[i] as number) - first) >>> 3;
      offsets[rows] = (end - first) >>> 3;
    }
    this.#hash();
  }

  /** Makes the offsets and hashes that `loadWords` has left out. */
  complete(): void {
    if (!this.#lacks) return;
    this.#lacks = false;
    this.offsets.reserve((this.rows + 1) * 4);
    this.hashes.reserve(this.rows * 4);
    const offsets = this.#layout.kernels.memory.u32().subarray(this.offsets.address >>> 2);
    for (let i = 0; i <= this.rows; i++) offsets[i] = i;
    this.#hash();
  }

  #hash(): void {
    this.#layout.functions.hashKeys(this.wordsAt, this.offsets.address, this.rows, this.hashes.address);
  }

  clear(): void {
    this.rows = 0;
    this.wordCount = 0;
    this.#lacks = false;
    this.#borrowed = null;
  }

  free(): void {
    for (const region of [this.words, this.offsets, this.hashes, this.#selection, this.#answer]) region.free();
    for (const staging of this.#staging) staging.free();
  }

  /** Address of the rows that were staged last. */
  get staged(): number {
    return this.#selection.address;
  }

  #stageSelection(selection: Int32Array | null): number {
    if (selection === null) return 0;
    const address = this.#selection.reserve(Math.max(1, selection.length) * 4);
    this.#layout.kernels.memory.i32().set(selection, address >>> 2);
    return address;
  }
}

export const tooManyKeys = () =>
  resourceError("TOO_MANY_GROUPS", "the keys of one partition hold more than 2 GiB", { hint: "Lower the partition size." });

/** Key columns where kernels can read them; `selection` is the address of the live rows, 0 for all. */
export interface StagedKeys {
  readonly columns: readonly StagedColumn[];
  readonly selection: number;
  readonly rows: number;
}

/** Addresses of a column in kernel memory; 0 where it has no such part. */
export interface StagedColumn {
  readonly values: number;
  readonly ends: number;
  readonly bytes: number;
  readonly valid: number;
  /** Bytes of the texts of live rows. */
  readonly textBytes: number;
  /** For `stageCodes`: bytes of each code in `values`; `ends` has the packed word of each. */
  readonly codeBytes?: 1 | 2;
}

/** Texts of a coded column that are copied for each batch. */
const mostCodedBytes = 4096;

const none = { values: 0, ends: 0, bytes: 0, valid: 0, textBytes: 0 } as const;

/** Puts a column of a batch where the kernels can read it: columns that lie in their memory stay where they are. */
export class ColumnStaging {
  readonly #memory: KernelMemory;
  readonly #functions: GroupKernels;
  readonly #values: Region;
  readonly #ends: Region;
  readonly #bytes: Region;
  readonly #valid: Region;

  constructor(kernels: Kernels) {
    this.#memory = kernels.memory;
    this.#functions = kernels.functions<GroupKernels>();
    this.#values = new Region(kernels.memory);
    this.#ends = new Region(kernels.memory);
    this.#bytes = new Region(kernels.memory);
    this.#valid = new Region(kernels.memory);
  }

  /** `selection`: address of the `live` rows, 0 for all of them. `counted`: whether the caller wants to know `textBytes`. */
  stage(column: Column, selection: number, live: number, counted = true): StagedColumn {
    if (column.layout === "object") throw internalError("nested values are not staged");
    const valid = this.#placeOf(column.valid);
    if (column.layout === "bytes") return this.#stageBytes(column, valid, selection, live, counted);
    const values = this.#placeOf(bytesOf(column.values));
    return { ...none, values: this.#put(this.#values, values), valid: this.#put(this.#valid, valid) };
  }

  /** A column of codes as such, whose few texts are packed once; null for any other, and where a text takes more than one word. */
  stageCodes(column: Column): StagedColumn | null {
    const coded = codesOf(column);
    const words = coded === null ? null : wordsOfTexts(coded.texts);
    if (coded === null || words === null) return null;
    const codes = this.#placeOf(bytesOf(coded.codes));
    const ends = this.#put(this.#ends, words);
    return { ...none, values: this.#put(this.#values, codes), ends, codeBytes: coded.codes instanceof Uint8Array ? 1 : 2 };
  }

  free(): void {
    for (const region of [this.#values, this.#ends, this.#bytes, this.#valid]) region.free();
  }

  #stageBytes(column: BytesColumn, validPlace: Place, selection: number, live: number, counted: boolean): StagedColumn {
    const coded = codesOf(column);
    if (coded !== null && this.#canExpand(coded))
      return this.#stageCoded(coded, column.length, validPlace, selection, live, counted);
    const places = [
      this.#placeOf(bytesOf(column.starts)),
      this.#placeOf(bytesOf(column.ends)),
      this.#placeOf(column.bytes),
    ] as const;
    const values = this.#put(this.#values, places[0]);
    const ends = this.#put(this.#ends, places[1]);
    const valid = this.#put(this.#valid, validPlace);
    const answer = this.#bytes.reserve(textPadding);
    if (typeof places[2] === "number" && !counted) return { values, ends, bytes: places[2], valid, textBytes: 0 };
    const textBytes = this.#functions.keySpan(values, ends, valid, selection, live, answer);
    if (typeof places[2] === "number") return { values, ends, bytes: places[2], valid, textBytes };
    if (textBytes === 0) return { ...none, values, ends, bytes: answer, valid };
    const [low = 0, high = 0] = this.#memory.u32().subarray(answer >>> 2, (answer >>> 2) + 2);
    const span = high - low;
    if (span > 2 ** 16 && span > textBytes * sparseBlock) {
      const dense = gatherColumn(column, everyRow(column.length));
      if (dense.layout === "bytes" && dense.bytes.length < span) return this.stage(dense, selection, live);
    }
    const bytes = this.#bytes.reserve(span + textPadding);
    this.#memory.u8().set(column.bytes.subarray(low, high), bytes);
    // Starts count from the block's first byte. An address below the region is fine: no kernel reads there.
    return { values, ends, bytes: bytes - low, valid, textBytes };
  }

  /** Codes in this very memory would move when it grows. */
  #canExpand({ codes, texts }: Coded): boolean {
    return texts.bytes.length <= mostCodedBytes && typeof this.#placeOf(bytesOf(codes)) !== "number";
  }

  /** Writes the places of a coded column straight into kernel memory, beside its few texts. */
  #stageCoded(
    { codes, texts }: Coded,
    length: number,
    validPlace: Place,
    selection: number,
    live: number,
    counted: boolean,
  ): StagedColumn {
    const valid = this.#put(this.#valid, validPlace);
    const values = this.#values.reserve(length * 4 + padding);
    const ends = this.#ends.reserve(length * 4 + padding);
    const bytes = this.#bytes.reserve(texts.bytes.length + textPadding * 2);
    this.#memory.u8().set(texts.bytes, bytes);
    const i32 = this.#memory.i32();
    expand(codes, texts.starts, i32.subarray(values >>> 2, (values >>> 2) + length));
    expand(codes, texts.ends, i32.subarray(ends >>> 2, (ends >>> 2) + length));
    const answer = (bytes + texts.bytes.length + textPadding) & ~7;
    const textBytes = counted ? this.#functions.keySpan(values, ends, valid, selection, live, answer) : 0;
    return { values, ends, bytes, valid, textBytes };
  }

  /** A view's address, where it lies in the memory: taken before anything is put there, which may detach the view. */
  #placeOf(view: Uint8Array | null): Place {
    if (view === null) return 0;
    return view.buffer === this.#memory.memory.buffer ? view.byteOffset : view;
  }

  #put(region: Region, source: Place): number {
    if (typeof source === "number") return source;
    const address = region.reserve(source.length + padding);
    this.#memory.u8().set(source, address);
    return address;
  }
}

/** Upper bytes of the word of a null, and of the first word of a text that takes more; see the kernels. */
const nullByte = 0xfe;
/** Texts that are looked at for each batch. */
const mostCodedTexts = 1024;

/** The packed word of each text; null where one takes more than a word. */
function wordsOfTexts({ bytes, starts, ends, valid, length }: BytesColumn): Uint8Array | null {
  if (length > mostCodedTexts) return null;
  const words = new Uint8Array(length * 8);
  for (let i = 0; i < length; i++) {
    const at = i * 8;
    if (valid !== null && valid[i] === 0) {
      words[at + 7] = nullByte;
      continue;
    }
    const start = starts[i] as number;
    const size = (ends[i] as number) - start;
    // The last byte of eight says what a word is: those that say something else belong to other words.
    const last = size === 8 ? (bytes[start + 7] as number) : size;
    if (size > 8 || (size === 8 && (last < 8 || last >= nullByte))) return null;
    for (let k = 0; k < size && k < 7; k++) words[at + k] = bytes[start + k] as number;
    words[at + 7] = last;
  }
  return words;
}

function expand(codes: Uint8Array | Uint16Array, from: Int32Array, out: Int32Array): void {
  if (codes instanceof Uint8Array) for (let i = 0; i < out.length; i++) out[i] = from[codes[i] as number] as number;
  else for (let i = 0; i < out.length; i++) out[i] = from[codes[i] as number] as number;
}

/** An address, or bytes that lie elsewhere. */
type Place = number | Uint8Array;
