import type { Column } from "../../batch/column.js";
import { cellBytes, cellKind, cellSlot, type LineKernels, lineContextBytes, lineSlot } from "../../kernels/lineKernels.js";
import { parquetKernels } from "../../kernels/parquet.js";
import { endSharing, shareReaderKernels } from "../../kernels/taskKernels.js";
import type { Kernels } from "../../kernels/wasm.js";
import type { LineFormat } from "./sinkLines.js";

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

  private constructor(kernels: Kernels, format: LineFormat) {
    this.kernels = kernels;
    this.#format = format;
    const { heads, tail, none } = format;
    const frame = heads.reduce((sum, head) => sum + head.length, tail.length + none.length);
    const cells = lineContextBytes + heads.length * cellBytes;
    this.#start = kernels.memory.alloc(listRows * 4 + cells + textBytes + frame + overrun);
    this.list = this.#start;
    this.#context = this.list + listRows * 4;
    this.text = this.#context + cells;
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
    if (own?.isFor(format) !== true) {
      own?.free();
      own = new LineRoom(parquetKernels(), format);
    }
    return own;
  }

  isFor(format: LineFormat): boolean {
    return this.#format === format;
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
    return this.kernels.memory.u8().subarray(from, to);
  }

  get(slot: keyof typeof lineSlot): number {
    return this.kernels.memory.u32()[(this.#context >>> 2) + lineSlot[slot]] as number;
  }

  set(slot: keyof typeof lineSlot, value: number): void {
    this.kernels.memory.u32()[(this.#context >>> 2) + lineSlot[slot]] = value;
  }

  /** What a row's column is, and where its values lie. */
  setCell(index: number, column: Column, places: CellPlaces): void {
    this.#setCell(index, "kind", kindOf(column, this.#format));
    for (const name of placeNames) this.#setCell(index, name, places[name]);
  }

  /** What stands around values, and what is the same for all of them. */
  #frameLines(at: number): void {
    const { heads, tail, none, json, delimiter, quote, schema } = this.#format;
    const memory = this.kernels.memory.u8();
    let end = at;
    const put = (bytes: Uint8Array): number => {
      memory.set(bytes, end);
      end += bytes.length;
      return end - bytes.length;
    };
    this.set("columns", this.#context + lineContextBytes);
    this.set("count", heads.length);
    this.set("limit", this.text + textBytes);
    this.set("tail", put(tail));
    this.set("tailBytes", tail.length);
    this.set("none", put(none));
    this.set("noneBytes", none.length);
    this.set("json", json ? 1 : 0);
    this.set("delimiter", delimiter);
    this.set("quote", quote);
    for (const [i, head] of heads.entries()) {
      this.#setCell(i, "head", put(head));
      this.#setCell(i, "headBytes", head.length);
      const type = schema[i]?.type;
      if (type?.kind !== "decimal") continue;
      const power = 10n ** BigInt(Math.min(type.scale, mostScale));
      this.#setCell(i, "scale", type.scale);
      this.#setCell(i, "bare", !json && type.precision === type.scale ? 1 : 0);
      this.#setCell(i, "power", Number(power & 0xffff_ffffn));
      this.#setCell(i, "powerHigh", Number(power >> 32n));
    }
  }

  #setCell(index: number, slot: keyof typeof cellSlot, value: number): void {
    this.kernels.memory.u32()[((this.#context + lineContextBytes + index * cellBytes) >>> 2) + cellSlot[slot]] = value;
  }
}

let own: LineRoom | null = null;

const placeNames = ["list", "valid", "values", "ends", "bytes"] as const;

/** 10 to this power fits 64 bits. */
const mostScale = 19;

/** Whether the kernel writes values of a column. */
export const isKnown = (column: Column, format: LineFormat): boolean => kindOf(column, format) !== cellKind.host;

function kindOf(column: Column, format: LineFormat): number {
  const { layout, type } = column;
  if (!format.takes(column)) return cellKind.host;
  if (layout === "bytes") return cellKind.text;
  if (layout === "wide") return type.kind === "decimal" && type.scale <= mostScale ? cellKind.wide : cellKind.host;
  if (layout !== "fixed" || !(type.kind in cellKind)) return cellKind.host;
  return cellKind[type.kind as keyof typeof cellKind];
}
