import { createKernels, type KernelMemory, type Kernels } from "./wasm.js";

/** Kernels of the Parquet writer, see assembly/parquet/parquet*.ts. All arguments are addresses, counts or sizes; `rows` 0 stands for every row. */
export interface ParquetKernels {
  shiftRows(rows: number, n: number, low: number): void;
  liveRows(
    rows: number,
    valid: number,
    n: number,
    above: number,
    most: number,
    step: number,
    toLevels: number,
    toRows: number,
  ): number;
  listSlots(rows: number, n: number, above: number, most: number, starts: number, ends: number, out: number): number;
  putSlots(
    rows: number,
    n: number,
    above: number,
    most: number,
    reps: number,
    depth: number,
    starts: number,
    ends: number,
    low: number,
    isPacked: boolean,
    toLevels: number,
    toReps: number,
    toRows: number,
  ): void;
  textSpan(starts: number, ends: number, rows: number, n: number, out: number): number;
  gatherText(
    bytes: number,
    starts: number,
    ends: number,
    rows: number,
    n: number,
    to: number,
    used: number,
    toEnds: number,
  ): number;
  readonly gatherBytes: Gather;
  readonly gatherInt8: Gather;
  readonly gatherUint8: Gather;
  readonly gatherInt16: Gather;
  readonly gatherUint16: Gather;
  readonly gather32: Gather;
  readonly gather64: Gather;
  readonly gatherLow32: Gather;
  readonly gather128: Gather;
  readonly boundsInt32: Bounds;
  readonly boundsUint32: Bounds;
  readonly boundsInt64: Bounds;
  readonly boundsUint64: Bounds;
  readonly boundsFloat32: Bounds;
  readonly boundsFloat64: Bounds;
  readonly boundsInt128: Bounds;
  boundsText(bytes: number, ends: number, count: number, out: number): void;
  readonly dictionary32: WordDictionary;
  readonly dictionary64: WordDictionary;
  dictionaryText(
    bytes: number,
    ends: number,
    count: number,
    table: number,
    bits: number,
    codes: number,
    entries: number,
    limit: number,
    mostBytes: number,
  ): number;
  dictionaryTexts(bytes: number, entries: number, size: number, to: number, toEnds: number): number;
  encodeCodes(codes: number, count: number, bits: number, to: number): number;
  packBits(values: number, count: number, to: number): number;
  packLevels(values: number, count: number, bits: number, to: number): number;
  countBytes(values: number, count: number, wanted: number): number;
  packBigEndian(values: number, count: number, length: number, to: number): number;
}

/** Exported WebAssembly functions need no `this`, so that they can be chosen by type and called later. */
export type Gather = (from: number, rows: number, n: number, to: number) => void;
export type Bounds = (values: number, count: number, out: number) => number;
export type WordDictionary = (
  values: number,
  count: number,
  table: number,
  bits: number,
  codes: number,
  entries: number,
  limit: number,
) => number;

/** What kernels may read or write behind the end of what they are given. */
const overrun = 64;

let own: Kernels | undefined;

/**
 * The instance of all writers of files of a thread. It holds the row groups that are being collected and lines of text, and nobody else has views on its
 * memory: a batch, whose memory is another's, stays valid however much this one grows.
 */
export function writerKernels(): Kernels {
  own ??= createKernels("files that are written");
  return own;
}

/** A stretch of the writers' memory that grows at its end. Its address is good until it grows or is freed. */
export class Region {
  #at = 0;
  #capacity = 0;

  get at(): number {
    return this.#at;
  }

  /** Makes room for `bytes`, of which the first `kept` stay as they are; returns the address. */
  reserve(bytes: number, kept = 0): number {
    if (bytes > this.#capacity || this.#at === 0) {
      const capacity = Math.max(bytes, Math.ceil(this.#capacity * 1.5), 1024);
      const memory = regionMemory();
      if (kept === 0) this.free();
      const fresh = memory.alloc(capacity + overrun);
      if (kept > 0) {
        memory.u8().copyWithin(fresh, this.#at, this.#at + kept);
        memory.free(this.#at);
      }
      this.#at = fresh;
      this.#capacity = capacity;
    }
    return this.#at;
  }

  /** A view of a part; good until any region grows. */
  view(from: number, length: number): Uint8Array {
    return regionMemory()
      .u8()
      .subarray(this.#at + from, this.#at + from + length);
  }

  /** Gives the memory back when it is more than `most` bytes: room for one outsized value is not worth keeping. */
  trim(most: number): void {
    if (this.#capacity > most) this.free();
  }

  free(): void {
    if (this.#at !== 0) regionMemory().free(this.#at);
    this.#at = 0;
    this.#capacity = 0;
  }
}

const regionMemory = (): KernelMemory => writerKernels().memory;
