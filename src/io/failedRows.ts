import type { Column } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import type { CsvKernels } from "../kernels/csvKernels.js";
import type { KernelMemory } from "../kernels/wasm.js";

/** Rows of kernel memory that failed: at least one. */
export class Gaps {
  readonly #kernels: CsvKernels;
  /** Of the numbers of the failed rows. */
  readonly address: number;
  readonly count: number;

  /** `address`: room for the numbers of the failed rows, which come in ascending order, each once. */
  constructor(memory: KernelMemory, kernels: CsvKernels, address: number, failed: Uint32Array) {
    this.#kernels = kernels;
    this.address = address;
    this.count = failed.length;
    memory.u32().set(failed, address >>> 2);
  }

  /** Moves `rows` rows of `width` bytes together over the failed ones. */
  close(address: number, width: number, rows: number): void {
    this.#kernels.closeGaps(address, width, rows, this.address, this.count);
  }

  /** Whether one of the bytes is 0. */
  hasZero(bytes: Uint8Array): boolean {
    return this.#kernels.findByte(bytes.byteOffset, bytes.length, 0) >>> 0 < bytes.length;
  }
}

/**
 * A column that lies in kernel memory without its failed rows, in the same memory. Every step behind takes a batch without gaps faster than one
 * with a list of the rows that count.
 */
export function withoutRows(column: Column, gaps: Gaps): Column {
  const rows = column.length;
  const length = rows - gaps.count;
  const valid = validWithout(column.valid, length, gaps);
  switch (column.layout) {
    case "fixed":
      gaps.close(column.values.byteOffset, column.values.BYTES_PER_ELEMENT, rows);
      return { ...column, length, valid, values: column.values.subarray(0, length) };
    case "wide":
      gaps.close(column.values.byteOffset, 16, rows);
      return { ...column, length, valid, values: column.values.subarray(0, length * 2) };
    case "bytes":
      gaps.close(column.starts.byteOffset, 4, rows);
      gaps.close(column.ends.byteOffset, 4, rows);
      return { ...column, length, valid, starts: column.starts.subarray(0, length), ends: column.ends.subarray(0, length) };
    case "object":
      throw internalError("objects do not lie in kernel memory");
  }
}

/** A failed value counts as null: without those a column may have none. */
function validWithout(valid: Uint8Array | null, length: number, gaps: Gaps): Uint8Array | null {
  if (valid === null) return null;
  gaps.close(valid.byteOffset, 1, valid.length);
  const left = valid.subarray(0, length);
  return gaps.hasZero(left) ? left : null;
}
