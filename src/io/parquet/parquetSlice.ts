import { type Batch, type BytesColumn, type Column, rowCount } from "../../batch/column.js";
import { gatherColumn } from "../../batch/gather.js";
import { itemsOf } from "../../batch/lists.js";
import { fieldColumns } from "../../batch/structs.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { type ParquetKernels, writerKernels, Region } from "../../kernels/parquet.js";
import type { DataType, Field } from "../../schema/types.js";
import type { Leaf } from "./parquetLeaves.js";
import { isOptional, wordsPerValue } from "./parquetSchema.js";

/** Rows that are brought into kernel memory at a time: with their texts they fit a second-level cache. */
export const sliceRows = 16_384;
/** A range with so many times more rows, or bytes, than are wanted is not copied whole. */
const sparseRows = 4;
const sparseBytes = 16;
const smallRange = 65_536;
/** Scratch memory of one region that is kept from slice to slice. */
const keptBytes = 16 << 20;

/** Rows of one column in kernel memory. */
export interface SliceColumn {
  /** The column's rows from the slice's first physical row on: row r of the list is physical row `low + r`. */
  readonly column: Column;
  readonly low: number;
  /** Physical rows that the slice reaches over. */
  readonly reach: number;
  /** Address of the rows of the slice; 0 for all that it reaches over. */
  readonly list: number;
  /** Address of one byte for each row that the slice reaches over, 0 at a null; 0 for a column without nulls. */
  readonly present: number;
  /** Rows of the slice; in lists one for each item, and one for each list without any. */
  readonly slots: number;
  /** Address of the repetition level of each of them, a byte each; 0 outside of lists. */
  readonly reps: number;
  /** Address of the rows that hold a value; 0 for all rows that the slice reaches over. */
  readonly rows: number;
  /** Rows that hold a value. */
  readonly live: number;
  /** Address of one byte a slot, its definition level: 0 at a null of a flat column, 1 at a value. 0 where there are no nulls. */
  readonly levels: number;
  readonly above: Levels;
  /** What a value's level has more than its struct's: 0 where it must not be null. */
  readonly step: number;
  readonly text: SliceText | null;
}

/** Definition levels of a slice, as far as the structs and lists go that a column lies in. */
interface Levels {
  /** Address of one byte a slot; 0 where those are there in every slot. */
  readonly at: number;
  /** The level of slots in which they are there. */
  readonly most: number;
  /** How many those are. */
  readonly live: number;
}

/** The rows of a slice; in lists one for each item, and one for each list without any. */
interface Slots {
  readonly n: number;
  /** Row r of the list is physical row `low + r` of the columns that lie here. */
  readonly low: number;
  readonly reach: number;
  /** Address of the list; 0 for all rows that the slots reach over. */
  readonly rows: number;
  readonly above: Levels;
  /** Address of one byte a slot, its repetition level; 0 outside of lists. */
  readonly reps: number;
}

/** The columns of a schema, of a struct's fields, or the one of a list's items. */
interface Entered {
  readonly columns: readonly Column[];
  readonly slots: Slots;
}

/** Addresses of a text column. */
export interface SliceText {
  readonly starts: number;
  readonly ends: number;
  /** Bytes of all texts together. */
  readonly total: number;
  /** The part of the column's bytes that the texts lie in. */
  readonly from: number;
  readonly to: number;
}

/** Live rows of a batch in kernel memory, until the next slice is loaded. */
export interface Slice {
  readonly rows: number;
  readonly columns: readonly SliceColumn[];
  /** Plain bytes of all texts together, lengths included. */
  readonly textBytes: number;
}

/** Scratch memory: what is taken stays good until `begin`. */
class Arena {
  readonly #regions: Region[] = [];
  #next = 0;

  begin(): void {
    for (const region of this.#regions) region.trim(keptBytes);
    this.#next = 0;
  }

  take(bytes: number): number {
    const region = this.#regions[this.#next] ?? new Region();
    this.#regions[this.#next++] = region;
    return region.reserve(bytes);
  }

  /** A copy of an array's bytes. */
  put(values: ArrayBufferView): number {
    const at = this.take(values.byteLength);
    writerKernels()
      .memory.u8()
      .set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    return at;
  }
}

// One slice is in work at a time: writing is synchronous.
const arena = new Arena();

/**
 * Brings the live rows `from..to` (at most `sliceRows`) of a batch into kernel memory; of texts only where they lie, see `loadTexts`. With `leaves`
 * these, else the batch's columns.
 */
export function loadSlice(batch: Batch, from: number, to: number, leaves: readonly Leaf[] | null = null): Slice {
  arena.begin();
  const n = to - from;
  const { selection } = batch;
  const kernels = writerKernels().functions<ParquetKernels>();
  const loader = new ColumnLoader(kernels, n, leaves);
  if (selection === null) return loader.slice(batch.columns, from, null);
  const rows = selection.subarray(from, to);
  const low = rows[0] ?? 0;
  const reach = (rows[n - 1] ?? 0) + 1 - low;
  if (reach > n * sparseRows)
    return loader.slice(
      batch.columns.map((column) => gatherColumn(column, rows)),
      0,
      null,
    );
  return loader.slice(batch.columns, low, rows);
}

class ColumnLoader {
  readonly #kernels: ParquetKernels;
  readonly #n: number;
  readonly #leaves: readonly Leaf[] | null;
  /** The structs and lists that were met, by their places. */
  readonly #entered = new Map<string, Entered>();

  constructor(kernels: ParquetKernels, n: number, leaves: readonly Leaf[] | null) {
    this.#kernels = kernels;
    this.#n = n;
    this.#leaves = leaves;
  }

  slice(columns: readonly Column[], low: number, list: Int32Array | null): Slice {
    const reach = list === null ? this.#n : (list[list.length - 1] ?? low) + 1 - low;
    let rows = 0;
    if (list !== null && reach > this.#n) {
      rows = arena.put(list);
      this.#kernels.shiftRows(rows, this.#n, low);
    }
    const slots: Slots = { n: this.#n, low, reach, rows, above: { at: 0, most: 0, live: this.#n }, reps: 0 };
    const whole =
      this.#leaves?.map((leaf) => this.#loadLeaf(leaf, { columns, slots })) ?? columns.map((column) => this.#load(column, slots));
    const thin = thinTexts(whole);
    // Texts that are few among many bytes are packed first.
    const every = thin.size === 0 ? null : (list ?? everyRow(low, this.#n));
    const loaded = whole.map((one) => (every !== null && thin.has(one) ? this.#packed(one, every) : one));
    const textBytes = loaded.reduce((sum, { text, live }) => sum + (text === null ? 0 : text.total + live * 4), 0);
    return { rows: this.#n, columns: loaded, textBytes };
  }

  /** The column as one of the rows `every` alone; of a column in lists, whose slots are no rows, of those with a value alone. */
  #packed(one: SliceColumn, every: Int32Array): SliceColumn {
    const { column, live, low, above, step } = one;
    if (one.reps === 0) {
      const slots = { n: this.#n, low: 0, reach: this.#n, rows: 0, above, reps: 0 };
      return this.#load(gatherColumn(column, every), slots, step);
    }
    const packed = gatherColumn(column, one.rows === 0 ? everyRow(low, live) : listedRows(one.rows, live, low));
    if (packed.layout !== "bytes") throw internalError("a text column has no bytes");
    const text = this.#locate(packed, 0, live, 0, live);
    return { ...one, column: packed, low: 0, reach: live, list: 0, present: 0, rows: 0, text };
  }

  #loadLeaf(leaf: Leaf, root: Entered): SliceColumn {
    let { slots, columns } = root;
    let lists = 0;
    for (let depth = 0; depth < leaf.path.length - 1; depth++) {
      const key = leaf.places.slice(0, depth + 1).join();
      const column = required(columns[leaf.places[depth] as number], "column of a leaf");
      if (column.type.kind === "list") lists++;
      const entered = this.#entered.get(key) ?? this.#enter(column, leaf.path[depth] as Field, slots, lists);
      this.#entered.set(key, entered);
      ({ slots, columns } = entered);
    }
    const column = required(columns[leaf.places.at(-1) as number], "column of a leaf");
    const loaded = this.#load(column, slots, isOptional(leaf.field) ? 1 : 0);
    if (!isOptional(leaf.field) && loaded.live < slots.above.live) throw nullIn(leaf.field);
    return loaded;
  }

  /** What lies in a struct or list column. */
  #enter(column: Column, field: Field, slots: Slots, lists: number): Entered {
    const inside = { ...slots, above: this.#levels(column, field, slots) };
    if (column.type.kind === "list") return this.#items(column, inside, lists);
    return { columns: fieldColumns(column) ?? [], slots: inside };
  }

  #levels({ valid }: Column, field: Field, { n, low, reach, rows, above }: Slots): Levels {
    const step = isOptional(field) ? 1 : 0;
    const most = above.most + step;
    if (valid === null && above.at === 0) return { ...above, most };
    const at = arena.take(n);
    const present = valid === null ? 0 : arena.put(valid.subarray(low, low + reach));
    const live = this.#kernels.liveRows(rows, present, n, above.at, above.most, step, at, arena.take(n * 4));
    if (step === 0 && live < above.live) throw nullIn(field);
    return { at: live === n ? 0 : at, most, live };
  }

  #items(column: Column, { n, low, reach, rows, above, reps }: Slots, lists: number): Entered {
    const own = itemsOf(column);
    const starts = arena.put(own.starts.subarray(low, low + reach));
    const ends = arena.put(own.ends.subarray(low, low + reach));
    const out = arena.take(16);
    const count = this.#kernels.listSlots(rows, n, above.at, above.most, starts, ends, out);
    const { memory } = writerKernels();
    const [first, end] = memory.u32().subarray(out >>> 2, (out >>> 2) + 2) as unknown as [number, number];
    const live = memory.f64()[(out >>> 3) + 1] as number;
    const [toLevels, toReps, toRows] = [arena.take(count), arena.take(count), arena.take(count * 4)];
    const put = (isPacked: boolean) =>
      this.#kernels.putSlots(rows, n, above.at, above.most, reps, lists, starts, ends, first, isPacked, toLevels, toReps, toRows);
    put(false);
    const most = above.most + 1;
    const slots = { n: count, rows: toRows, above: { at: live === count ? 0 : toLevels, most, live }, reps: toReps };
    if (end - first <= smallRange + live * sparseRows)
      return { columns: [own.items], slots: { ...slots, low: first, reach: end - first } };
    const found = arena.take(count * 4);
    this.#kernels.liveRows(toRows, 0, count, toLevels, most, 0, arena.take(count), found);
    put(true);
    return { columns: [gatherColumn(own.items, listedRows(found, live, first))], slots: { ...slots, low: 0, reach: live } };
  }

  #load(column: Column, { n, low, reach, rows, above, reps }: Slots, step = 1): SliceColumn {
    const present = column.valid === null ? 0 : arena.put(column.valid.subarray(low, low + reach));
    const base = { column, low, reach, list: rows, present, above, step, slots: n, reps };
    let live = n;
    let liveRows = rows;
    let levels = 0;
    if (present !== 0 || above.at !== 0) {
      const toLevels = arena.take(n);
      const toRows = arena.take(n * 4);
      live = this.#kernels.liveRows(rows, present, n, above.at, above.most, step, toLevels, toRows);
      if (live < n) {
        liveRows = toRows;
        levels = toLevels;
      }
    }
    const loaded = { ...base, rows: liveRows, live, levels };
    if (column.layout !== "bytes") return { ...loaded, text: null };
    return { ...loaded, text: this.#locate(column, low, reach, liveRows, live) };
  }

  #locate({ starts, ends }: BytesColumn, low: number, reach: number, rows: number, live: number): SliceText {
    const startsAt = arena.put(starts.subarray(low, low + reach));
    const endsAt = arena.put(ends.subarray(low, low + reach));
    if (live === 0) return { starts: startsAt, ends: endsAt, total: 0, from: 0, to: 0 };
    const out = arena.take(8);
    const total = this.#kernels.textSpan(startsAt, endsAt, rows, live, out);
    const [from = 0, to = 0] = writerKernels()
      .memory.u32()
      .subarray(out >>> 2, (out >>> 2) + 2);
    return { starts: startsAt, ends: endsAt, total, from, to };
  }
}

const nullIn = (field: Field) => internalError(`column ${JSON.stringify(field.name)} is declared without nulls and has one`);

/** The rows, counted from `low`, whose numbers stand at an address. */
function listedRows(at: number, count: number, low: number): Int32Array {
  const listed = writerKernels()
    .memory.i32()
    .slice(at >>> 2, (at >>> 2) + count);
  for (let i = 0; i < count; i++) listed[i] = (listed[i] as number) + low;
  return listed;
}

function everyRow(from: number, n: number): Int32Array {
  const rows = new Int32Array(n);
  for (let i = 0; i < n; i++) rows[i] = from + i;
  return rows;
}

/** A range of bytes that several columns lie in. */
interface Span {
  from: number;
  to: number;
  /** Bytes of the texts themselves. */
  wanted: number;
  readonly columns: SliceColumn[];
}

/** The text columns by the bytes that they lie in: those of a text file share theirs. */
function spansOf(columns: readonly SliceColumn[]): Span[] {
  const byBuffer = new Map<ArrayBufferLike, Map<number, Span>>();
  for (const one of columns) {
    const { column, text } = one;
    if (text === null || text.total === 0 || column.layout !== "bytes") continue;
    const { buffer, byteOffset } = column.bytes;
    const byOffset = byBuffer.get(buffer) ?? new Map<number, Span>();
    byBuffer.set(buffer, byOffset);
    const span = byOffset.get(byteOffset) ?? { from: text.from, to: text.to, wanted: 0, columns: [] };
    byOffset.set(byteOffset, span);
    span.from = Math.min(span.from, text.from);
    span.to = Math.max(span.to, text.to);
    span.wanted += text.total;
    span.columns.push(one);
  }
  return [...byBuffer.values()].flatMap((byOffset) => [...byOffset.values()]);
}

/** The text columns whose texts are too few to copy all the bytes that they lie among. */
function thinTexts(columns: readonly SliceColumn[]): Set<SliceColumn> {
  const thin = new Set<SliceColumn>();
  for (const span of spansOf(columns)) {
    if (span.to - span.from > smallRange + span.wanted * sparseBytes) for (const one of span.columns) thin.add(one);
  }
  return thin;
}

/** Copies the bytes of the texts, once for all columns over the same bytes. Gives for each column the address that its starts count from. */
export function loadTexts(slice: Slice): readonly number[] {
  const addresses = new Map<SliceColumn, number>();
  for (const { from, to, columns } of spansOf(slice.columns)) {
    const bytes = columns[0]?.column;
    if (bytes?.layout !== "bytes") throw internalError("a text column has no bytes");
    const at = arena.put(bytes.bytes.subarray(from, to)) - from;
    for (const one of columns) addresses.set(one, at);
  }
  return slice.columns.map((one) => addresses.get(one) ?? 0);
}

/** The address of a copy of a column's elements for the rows that the slice reaches over, `each` elements a row. */
export function loadValues(column: SliceColumn, each: number): number {
  if (column.column.layout !== "fixed" && column.column.layout !== "wide") {
    throw internalError(`a ${column.column.layout} column holds no fixed values`);
  }
  const { values } = column.column;
  return arena.put(values.subarray(column.low * each, (column.low + column.reach) * each));
}

/** Of the live rows `from..to`, those up to and with the one at which their bytes reach `room`. */
export function rowsWithin(batch: Batch, leaves: readonly Leaf[], from: number, to: number, room: number): number {
  let bytes = 0;
  let i = from;
  while (i < Math.min(to, rowCount(batch)) && bytes < room) {
    const row = batch.selection === null ? i : (batch.selection[i] as number);
    for (const leaf of leaves) bytes += leafBytes(leaf, batch.columns, 0, row);
    i++;
  }
  return i;
}

/** Plain bytes of a row of a column on the way to a leaf. A slot without a value counts its fixed width, too. */
function leafBytes(leaf: Leaf, columns: readonly Column[], depth: number, row: number): number {
  const column = required(columns[leaf.places[depth] as number], "column of a leaf");
  const width = wordsPerValue(leaf.field.type) * 4;
  if (column.valid !== null && column.valid[row] === 0) return width;
  if (column.layout === "bytes") return width + (column.ends[row] as number) - (column.starts[row] as number) + 4;
  if (column.type.kind === "struct") return leafBytes(leaf, fieldColumns(column) ?? [], depth + 1, row);
  if (column.type.kind !== "list") return width;
  const { starts, ends, items } = itemsOf(column);
  let bytes = starts[row] === ends[row] ? width : 0;
  for (let i = starts[row] as number; i < (ends[row] as number); i++) bytes += leafBytes(leaf, [items], depth + 1, i);
  return bytes;
}

/** Of the live rows `from..to`, those up to and with the one at which their lists reach `most` items. */
export function rowsOfItems(batch: Batch, from: number, to: number, most: number): number {
  const lists = batch.columns.filter(({ type }) => hasLists(type));
  if (lists.reduce((sum, column) => sum + allItems(column), 0) <= most) return to;
  let items = 0;
  let i = from;
  while (i < to && items < most) {
    const row = batch.selection === null ? i : (batch.selection[i] as number);
    for (const column of lists) items += itemsIn(column, row);
    i++;
  }
  return i;
}

const hasLists = (type: DataType): boolean =>
  type.kind === "list" || (type.kind === "struct" && type.fields.some((field) => hasLists(field.type)));

/** Items of all rows of a column. */
function allItems(column: Column): number {
  if (!hasLists(column.type)) return 0;
  if (column.type.kind === "struct") return (fieldColumns(column) ?? []).reduce((sum, field) => sum + allItems(field), 0);
  const { items } = itemsOf(column);
  return items.length + allItems(items);
}

function itemsIn(column: Column, row: number): number {
  if (!hasLists(column.type) || (column.valid !== null && column.valid[row] === 0)) return 0;
  if (column.type.kind === "struct") return (fieldColumns(column) ?? []).reduce((sum, field) => sum + itemsIn(field, row), 0);
  const { starts, ends, items } = itemsOf(column);
  let count = (ends[row] as number) - (starts[row] as number);
  if (!hasLists(items.type)) return count;
  for (let i = starts[row] as number; i < (ends[row] as number); i++) count += itemsIn(items, i);
  return count;
}
