import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { lineSlot, lineStop } from "../../kernels/lineKernels.js";
import { loadSlice, loadTexts, loadValues, type SliceColumn } from "../parquet/parquetSlice.js";
import { type CellPlaces, isKnown, LineRoom, listRows } from "./sinkLineRoom.js";
import type { LineFormat } from "./sinkLineFormat.js";
import { type CellWriter, TextOut } from "./sinkText.js";

/** What the kernel may write, or read, behind the end of a text. */
const behind = 64;

/** Where lines go. */
export interface LineTarget {
  /** Takes whole lines, in memory that it must not keep. */
  take(bytes: Uint8Array): void;
  /** Writes a row that is longer than the kernel has room for. */
  writeRow(row: number): void;
}

/** Writes the rows of one batch as lines by the kernel, and cells that it does not know by their `CellWriter`. */
export class LineBatch {
  readonly #batch: Batch;
  readonly #format: LineFormat;
  readonly #target: LineTarget;
  readonly #room: LineRoom;
  readonly #isHere: boolean;
  readonly #cell = new TextOut();
  readonly #cells: (CellWriter | undefined)[] = [];

  /** `shared`: a room in memory that the batch may lie in. */
  constructor(batch: Batch, format: LineFormat, target: LineTarget, shared: LineRoom | null) {
    this.#batch = batch;
    this.#format = format;
    this.#target = target;
    this.#isHere = shared !== null && batch.columns.every((column) => !isKnown(column, format) || liesIn(shared, column));
    this.#room = shared !== null && this.#isHere ? shared : LineRoom.own(format);
  }

  write(): void {
    const count = rowCount(this.#batch);
    for (let from = 0; from < count; from += listRows) {
      const to = Math.min(count, from + listRows);
      if (this.#isHere) this.#findRows(from, to);
      else this.#loadRows(from, to);
      this.#writeRows(from, to - from);
    }
  }

  /** Rows are used where they are. */
  #findRows(from: number, to: number): void {
    const { columns, selection } = this.#batch;
    const room = this.#room;
    room.open();
    if (selection !== null) room.setList(selection.subarray(from, to));
    const list = selection === null ? 0 : room.list;
    columns.forEach((column, i) => {
      room.setCell(i, column, placesOf(column, list, selection === null ? from : 0, this.#format));
    });
  }

  /** Rows are copied to where the kernel finds them. */
  #loadRows(from: number, to: number): void {
    const slice = loadSlice(this.#batch, from, to);
    const texts = loadTexts(slice);
    const places = slice.columns.map((one, i) => loadedPlaces(one, texts[i] as number, this.#format));
    this.#room.open();
    slice.columns.forEach(({ column }, i) => {
      this.#room.setCell(i, column, places[i] as CellPlaces);
    });
  }

  #writeRows(from: number, count: number): void {
    const room = this.#room;
    room.set(lineSlot.rows, count);
    this.#goOnAt(0);
    for (let stop = room.run(); stop !== 0; stop = room.run()) {
      if (stop === lineStop.full) this.#makeRoom(from);
      else this.#writeCell(from);
    }
    this.#target.take(room.view(room.text, room.get(lineSlot.out)));
  }

  #goOnAt(row: number): void {
    const room = this.#room;
    room.set(lineSlot.row, row);
    room.set(lineSlot.column, 0);
    room.set(lineSlot.start, room.text);
    room.set(lineSlot.out, room.text);
  }

  /** Gives the lines on that are whole. */
  #makeRoom(from: number): void {
    const room = this.#room;
    const [start, out] = [room.get(lineSlot.start), room.get(lineSlot.out)];
    if (start === room.text) {
      const row = room.get(lineSlot.row);
      this.#target.writeRow(this.#rowAt(from + row));
      this.#goOnAt(row + 1);
      return;
    }
    this.#target.take(room.view(room.text, start));
    room.view(room.text, out).copyWithin(0, start - room.text);
    room.set(lineSlot.start, room.text);
    room.set(lineSlot.out, room.text + out - start);
  }

  /** Writes the cell that the kernel stopped at. */
  #writeCell(from: number): void {
    const room = this.#room;
    const c = room.get(lineSlot.column);
    const length = this.#setText(c, this.#rowAt(from + room.get(lineSlot.row)));
    const start = room.get(lineSlot.out) + (this.#format.heads[c] as Uint8Array).length;
    const end = start + length;
    if (end + behind > room.get(lineSlot.limit)) {
      // The kernel stops here again, unless the row was written as a whole.
      this.#makeRoom(from);
      return;
    }
    room.put(this.#cell.bytes, length, start);
    room.set(lineSlot.out, end);
    room.set(lineSlot.column, c + 1);
  }

  /** Puts the text of a cell into `#cell`; answers its length. */
  #setText(index: number, row: number): number {
    const { valid } = this.#batch.columns[index] as Column;
    const { none } = this.#format;
    const cell = this.#cell;
    cell.clear();
    if (valid !== null && valid[row] === 0) cell.raw(none, 0, none.length);
    else this.#writer(index)(row);
    return cell.length;
  }

  #writer(index: number): CellWriter {
    let writer = this.#cells[index];
    writer ??= this.#format.cell(this.#batch.columns[index] as Column, this.#cell);
    this.#cells[index] = writer;
    return writer;
  }

  #rowAt(i: number): number {
    const { selection } = this.#batch;
    return selection === null ? i : (selection[i] as number);
  }
}

/** Whether the kernel can use a column where it lies. */
function liesIn({ kernels }: LineRoom, column: Column): boolean {
  const { memory } = kernels;
  if (column.layout === "object" || (column.valid !== null && !memory.owns(column.valid))) return false;
  if (column.layout !== "bytes") return memory.owns(column.values);
  const { bytes, starts, ends } = column;
  if (!memory.owns(bytes) || !memory.owns(starts) || !memory.owns(ends)) return false;
  return bytes.byteOffset + bytes.byteLength + behind <= memory.byteLength;
}

const nowhere: CellPlaces = { list: 0, valid: 0, values: 0, ends: 0, bytes: 0 };

/** Where a column lies from row `first` on. */
function placesOf(column: Column, list: number, first: number, format: LineFormat): CellPlaces {
  if (column.layout === "object" || !isKnown(column, format)) return nowhere;
  const valid = column.valid === null ? 0 : column.valid.byteOffset + first;
  if (column.layout !== "bytes") {
    const { byteOffset, BYTES_PER_ELEMENT } = column.values;
    const each = column.layout === "wide" ? 2 : 1;
    return { ...nowhere, list, valid, values: byteOffset + first * each * BYTES_PER_ELEMENT };
  }
  const { bytes, starts, ends } = column;
  return {
    list,
    valid,
    values: starts.byteOffset + first * 4,
    ends: ends.byteOffset + first * 4,
    bytes: bytes.byteOffset,
  };
}

function loadedPlaces(one: SliceColumn, bytes: number, format: LineFormat): CellPlaces {
  const { column, list, present: valid, text } = one;
  if (column.layout === "object" || !isKnown(column, format)) return nowhere;
  if (text !== null) return { list, valid, values: text.starts, ends: text.ends, bytes };
  return { list, valid, values: loadValues(one, column.layout === "wide" ? 2 : 1), ends: 0, bytes: 0 };
}
