import { type Batch, type Column, rowCount } from "../../batch/column.js";
import {
  cellBytes,
  cellKind,
  cellSlot,
  type LineKernels,
  lineContextBytes,
  lineSlot,
  lineStop,
} from "../../kernels/lineKernels.js";
import { parquetKernels, Region } from "../../kernels/parquet.js";
import { loadSlice, loadTexts, loadValues, type SliceColumn, sliceRows } from "../parquet/parquetSlice.js";
import type { LineFormat } from "./sinkLines.js";
import { type CellWriter, TextOut } from "./sinkText.js";

/** Bytes of text that are collected before they are given on. */
const roomBytes = 1 << 20;
/** More room than this, for an outsized row, is not kept. */
const keptBytes = 16 << 20;
/** What the kernel may write behind a cell that was written here. */
const cellEnd = 64;

// One batch is in work at a time: writing is synchronous.
const context = new Region();
const frame = new Region();
const room = new Region();

const words = (): Uint32Array => parquetKernels().memory.u32();

/** Where `columns` of one batch are written as lines by the kernel, cells that it does not know by their `CellWriter`. */
export class LineSlices {
  readonly #batch: Batch;
  readonly #format: LineFormat;
  readonly #give: (bytes: Uint8Array) => void;
  readonly #cell = new TextOut();
  readonly #cells: (CellWriter | undefined)[] = [];
  /** Bytes of `room`. */
  #size = roomBytes;

  /** `give` gets whole lines, in memory that it must not keep. */
  constructor(batch: Batch, format: LineFormat, give: (bytes: Uint8Array) => void) {
    this.#batch = batch;
    this.#format = format;
    this.#give = give;
  }

  write(): void {
    const count = rowCount(this.#batch);
    room.reserve(roomBytes);
    this.#frameLines();
    for (let from = 0; from < count; from += sliceRows) this.#writeSlice(from, Math.min(count, from + sliceRows));
    room.trim(keptBytes);
  }

  /** Puts what stands around values into the kernel's memory. */
  #frameLines(): void {
    const { heads, tail, none } = this.#format;
    const at = context.reserve(lineContextBytes + heads.length * cellBytes);
    const to = frame.reserve(heads.reduce((sum, head) => sum + head.length, tail.length + none.length));
    const memory = parquetKernels().memory.u8();
    const slots = words();
    let next = to;
    const put = (bytes: Uint8Array, slot: number): void => {
      memory.set(bytes, next);
      slots[slot] = next;
      slots[slot + 1] = bytes.length;
      next += bytes.length;
    };
    put(tail, (at >>> 2) + lineSlot.tail);
    put(none, (at >>> 2) + lineSlot.none);
    for (const [i, head] of heads.entries()) put(head, ((at + lineContextBytes + i * cellBytes) >>> 2) + cellSlot.head);
  }

  #writeSlice(from: number, to: number): void {
    const slice = loadSlice(this.#batch, from, to);
    const texts = loadTexts(slice);
    slice.columns.forEach((column, i) => {
      this.#describe(column, i, texts[i] as number);
    });
    const { json, delimiter, quote } = this.#format;
    this.#set({ rows: slice.rows, columns: context.at + lineContextBytes, count: slice.columns.length });
    this.#set({ json: json ? 1 : 0, delimiter, quote, row: 0, column: 0, out: room.at, limit: room.at + this.#size });
    const { writeLines } = parquetKernels().functions<LineKernels>();
    for (let stop = writeLines(context.at); stop !== 0; stop = writeLines(context.at)) {
      if (stop === lineStop.full) this.#makeRoom(this.#get("need"));
      else this.#writeCell(from);
    }
    this.#give(room.view(0, this.#get("out") - room.at));
  }

  /** Describes a column of the slice to the kernel. */
  #describe(one: SliceColumn, index: number, bytes: number): void {
    const { column, text } = one;
    const kind = this.#format.isKnown(column) ? kindOf(column) : cellKind.host;
    const values = text?.starts ?? (kind === cellKind.host ? 0 : loadValues(one, column.layout === "wide" ? 2 : 1));
    const at = (context.at + lineContextBytes + index * cellBytes) >>> 2;
    const slots = words();
    slots[at + cellSlot.kind] = kind;
    slots[at + cellSlot.list] = one.list;
    slots[at + cellSlot.valid] = one.valid;
    slots[at + cellSlot.values] = values;
    slots[at + cellSlot.ends] = text?.ends ?? 0;
    slots[at + cellSlot.bytes] = bytes;
    if (column.type.kind !== "decimal") return;
    const { precision, scale } = column.type;
    slots[at + cellSlot.scale] = scale;
    slots[at + cellSlot.bare] = !this.#format.json && precision === scale ? 1 : 0;
    const power = BigInt.asUintN(64, 10n ** BigInt(scale));
    slots[at + cellSlot.power] = Number(power & 0xffff_ffffn);
    slots[at + cellSlot.power + 1] = Number(power >> 32n);
  }

  /** Room for so many bytes behind those of the row that is being written. */
  #makeRoom(need: number): void {
    const base = room.at;
    const [start, out] = [this.#get("start"), this.#get("out")];
    if (start > base) {
      this.#give(room.view(0, start - base));
      room.view(0, this.#size).copyWithin(0, start - base, out - base);
      this.#set({ start: base, out: base + out - start });
      if (base + out - start + need <= base + this.#size) return;
    }
    const used = this.#get("out") - base;
    // A row that is longer than all this will not be the only one.
    this.#size = Math.max(used + need, this.#size * 2);
    const grown = room.reserve(this.#size, used);
    this.#set({ start: grown, out: grown + used, limit: grown + this.#size });
  }

  /** Writes the cell that the kernel stopped at. */
  #writeCell(from: number): void {
    const [i, c] = [from + this.#get("row"), this.#get("column")];
    const { columns, selection } = this.#batch;
    const cell = this.#cell;
    cell.clear();
    this.#cells[c] ??= this.#format.cell(columns[c] as Column, cell);
    (this.#cells[c] as CellWriter)(selection === null ? i : (selection[i] as number));
    if (this.#get("out") + cell.length + cellEnd > this.#get("limit")) this.#makeRoom(cell.length + cellEnd);
    const out = this.#get("out");
    parquetKernels().memory.u8().set(cell.bytes.subarray(0, cell.length), out);
    this.#set({ out: out + cell.length, column: c + 1 });
  }

  #get(slot: keyof typeof lineSlot): number {
    return words()[(context.at >>> 2) + lineSlot[slot]] as number;
  }

  #set(values: { readonly [slot in keyof typeof lineSlot]?: number }): void {
    const slots = words();
    const at = context.at >>> 2;
    for (const [slot, value] of Object.entries(values)) slots[at + lineSlot[slot as keyof typeof lineSlot]] = value;
  }
}

function kindOf({ layout, type }: Column): number {
  if (layout === "bytes") return cellKind.text;
  if (layout === "wide") return type.kind === "decimal" && type.scale < 20 ? cellKind.wide : cellKind.host;
  if (layout !== "fixed" || !(type.kind in cellKind)) return cellKind.host;
  return cellKind[type.kind as keyof typeof cellKind];
}
