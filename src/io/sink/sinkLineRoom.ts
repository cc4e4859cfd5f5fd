import type { Column } from "../../batch/column.js";
import { copyBytes } from "../../batch/text.js";
import { cellBytes, cellKind, cellSlot, type LineKernels, lineContextBytes, lineSlot } from "../../kernels/lineKernels.js";
import { writerKernels } from "../../kernels/parquet.js";
import { endSharing, shareReaderKernels } from "../../kernels/taskKernels.js";
import type { Kernels } from "../../kernels/wasm.js";
import type { LineFormat } from "./sinkLineFormat.js";

/** Bytes of text that are collected before they are given on. */
const textBytes = 1 << 20;
/** Rows of a list. */
export const listRows = 16_384;
/** What kernels may read behind the end of what they are given. */
const overrun = 64;

/** Addresses of a column's parts; 0 for what it has not. */
export interface CellPlaces {
  readonly list: number;
  readonly valid: number;
  readonly values: number;
  readonly ends: number;
  readonly bytes: number;
}

/** The memory that the kernel writes lines of one format into, of a fixed size, and what it is told about them. */
export class LineRoom {
  readonly kernels: Kernels;
  /** Address of a list of rows. */
  readonly list: number;
  /** Address of the text. */
  readonly text: number;
  readonly #format: LineFormat;
  readonly #start: number;
  readonly #context: number;
  /** Where the context begins in `#words`. */
  readonly #slots: number;
  // Asking a memory for its buffer takes longer than writing a cell.
  #words: Uint32Array = new Uint32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);

  private constructor(kernels: Kernels, format: LineFormat) {
    this.kernels = kernels;
    this.#format = format;
    const { heads, tail, none } = format;
    const frame = heads.reduce((sum, head) => sum + head.length, tail.length + none.length);
    const cells = lineContextBytes + heads.length * cellBytes;
    this.#start = kernels.memory.alloc(listRows * 4 + cells + textBytes + frame + overrun);
    this.list = this.#start;
    const context = this.list + listRows * 4;
    this.#context = context;
    this.#slots = context >>> 2;
    this.text = context + cells;
    this.open();
    this.#frameLines(this.text + textBytes);
  }

  /** In the memory of the task's reader, before that has handed out a view. Whoever has it frees it. */
  static shared(format: LineFormat): LineRoom {
    const kernels = shareReaderKernels();
    try {
      return new LineRoom(kernels, format);
    } catch (thrown) {
      endSharing(kernels);
      throw thrown;
    }
  }

  /** The one of this thread, into whose memory columns are copied; good until somebody asks for another format. */
  static own(format: LineFormat): LineRoom {
    if (own !== null && own.#format === format) return own;
    own?.free();
    own = null;
    own = new LineRoom(writerKernels(), format);
    return own;
  }

  /** To be called when the memory may have grown, before anything else. */
  open(): void {
    this.#words = this.kernels.memory.u32();
    this.#bytes = this.kernels.memory.u8();
  }

  free(): void {
    this.kernels.memory.free(this.#start);
    endSharing(this.kernels);
  }

  /** Writes lines until the kernel stops; answers why. */
  run(): number {
    return this.kernels.functions<LineKernels>().writeLines(this.#context);
  }

  view(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  /** Copies the first `length` bytes to an address. */
  put(bytes: Uint8Array, length: number, at: number): void {
    copyBytes(bytes, 0, length, this.#bytes, at);
  }

  /** Sets the list of rows. */
  setList(rows: Int32Array): void {
    this.#words.set(rows, this.list >>> 2);
  }

  /** One of `lineSlot`. */
  get(slot: number): number {
    return this.#words[this.#slots + slot] as number;
  }

  set(slot: number, value: number): void {
    this.#words[this.#slots + slot] = value;
  }

  /** What a row's column is, and where its values lie. */
  setCell(index: number, column: Column, places: CellPlaces): void {
    this.#setCell(index, cellSlot.kind, kindOf(column, this.#format));
    for (const name of placeNames) this.#setCell(index, cellSlot[name], places[name]);
  }

  /** What stands around values, and what is the same for all of them. */
  #frameLines(at: number): void {
    const { heads, tail, none, json, delimiter, quote, schema } = this.#format;
    let end = at;
    const put = (bytes: Uint8Array): number => {
      this.put(bytes, bytes.length, end);
      end += bytes.length;
      return end - bytes.length;
    };
    this.set(lineSlot.columns, this.#context + lineContextBytes);
    this.set(lineSlot.count, heads.length);
    this.set(lineSlot.limit, this.text + textBytes);
    this.set(lineSlot.tail, put(tail));
    this.set(lineSlot.tailBytes, tail.length);
    this.set(lineSlot.none, put(none));
    this.set(lineSlot.noneBytes, none.length);
    this.set(lineSlot.json, json ? 1 : 0);
    this.set(lineSlot.delimiter, delimiter);
    this.set(lineSlot.quote, quote);
    for (const [i, head] of heads.entries()) {
      this.#setCell(i, cellSlot.head, put(head));
      this.#setCell(i, cellSlot.headBytes, head.length);
      const type = schema[i]?.type;
      if (type?.kind !== "decimal") continue;
      const power = 10n ** BigInt(Math.min(type.scale, mostScale));
      this.#setCell(i, cellSlot.scale, type.scale);
      this.#setCell(i, cellSlot.bare, !json && type.precision === type.scale ? 1 : 0);
      this.#setCell(i, cellSlot.power, Number(power & 0xffff_ffffn));
      this.#setCell(i, cellSlot.powerHigh, Number(power >> 32n));
    }
  }

  #setCell(index: number, slot: number, value: number): void {
    this.#words[((this.#context + lineContextBytes + index * cellBytes) >>> 2) + slot] = value;
  }
}

let own: LineRoom | null = null;

const placeNames = ["list", "valid", "values", "ends", "bytes"] as const;

/** 10 to this power fits 64 bits. */
const mostScale = 19;

/** Whether the kernel writes values of a column. */
export const isKnown = (column: Column, format: LineFormat): boolean => kindOf(column, format) !== cellKind.host;

/** Whether it is worth stopping the kernel for the columns that it does not know. */
export function isMostlyKnown(columns: readonly Column[], format: LineFormat): boolean {
  const known = columns.filter((column) => isKnown(column, format)).length;
  return known > 0 && known >= 2 * (columns.length - known);
}

function kindOf(column: Column, format: LineFormat): number {
  const { layout, type } = column;
  if (!format.takes(column)) return cellKind.host;
  if (layout === "bytes") return cellKind.text;
  if (layout === "wide") return type.kind === "decimal" && type.scale <= mostScale ? cellKind.wide : cellKind.host;
  if (layout !== "fixed" || !(type.kind in cellKind)) return cellKind.host;
  return cellKind[type.kind as keyof typeof cellKind];
}
