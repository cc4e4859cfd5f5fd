import type { KernelRoom } from "./kernelRoom.js";

/** Kernels that decode pages of Parquet; see assembly/parquet/parquetRuns.ts, parquetSpread.ts and parquetTexts.ts. */
export interface PageKernels {
  hybridPlaces(from: number, length: number, bits: number, count: number, to: number, size: number): number;
  hybridBytes(from: number, length: number, bits: number, count: number, to: number, most: number): number;
  equalBytes(from: number, count: number, wanted: number, to: number): void;
  textSpans(from: number, length: number, count: number, base: number, starts: number, ends: number): number;
  readonly codes8: Codes;
  readonly codes16: Codes;
  readonly spread8: Spread;
  readonly spread16: Spread;
  readonly spread32: Spread;
  readonly spread64: Spread;
  readonly spread128: Spread;
  readonly look8: Look;
  readonly look16: Look;
  readonly look32: Look;
  readonly look64: Look;
  readonly look128: Look;
}

type Codes = (places: number, valid: number, rows: number, none: number, to: number) => void;
type Spread = (values: number, valid: number, rows: number, to: number) => void;
type Look = (places: number, valid: number, rows: number, dictionary: number, to: number) => void;

/** Rows of a page, and which of them are there: `valid` is the address of one byte a row, 1 or 0; 0 where all are. */
export interface PageRows {
  readonly rows: number;
  readonly valid: number;
}

export const pageKernels = ({ kernels }: KernelRoom): PageKernels => kernels.functions<PageKernels>();

/** Brings values of `width` bytes that stand together to their rows; 0 for those that are not there. Returns the address of the rows. */
export function spreadRows(room: KernelRoom, { rows, valid }: PageRows, values: number, width: number): number {
  const to = room.take(rows * width);
  spreadOf(pageKernels(room), width)(values, valid, rows, to);
  return to;
}

/** The values of `width` bytes that stand at places in a dictionary, row by row; 0 for rows that are not there. Returns the address of the rows. */
export function lookUpRows(room: KernelRoom, page: PageRows, places: number, dictionary: number, width: number): number {
  const to = room.take(page.rows * width);
  lookOf(pageKernels(room), width)(places, page.valid, page.rows, dictionary, to);
  return to;
}

function spreadOf(kernels: PageKernels, width: number): Spread {
  if (width === 8) return kernels.spread64;
  if (width === 4) return kernels.spread32;
  if (width === 2) return kernels.spread16;
  return width === 1 ? kernels.spread8 : kernels.spread128;
}

function lookOf(kernels: PageKernels, width: number): Look {
  if (width === 8) return kernels.look64;
  if (width === 4) return kernels.look32;
  if (width === 2) return kernels.look16;
  return width === 1 ? kernels.look8 : kernels.look128;
}
