import type { FixedValues } from "../batch/column.js";
import { type Kernels, kernelsOf } from "./wasm.js";

/** See assembly/magnitude.ts. */
interface MagnitudeKernels {
  bitsI32(values: number, count: number): number;
  bitsI64(values: number, count: number): number;
  bitsU64(values: number, count: number): number;
}

/** Whole numbers whose magnitudes are asked for: others are narrow whatever they are. */
export type WideNumbers = Int32Array | BigInt64Array | BigUint64Array;

export const isWide = (values: FixedValues): values is WideNumbers =>
  values instanceof BigInt64Array || values instanceof Int32Array || values instanceof BigUint64Array;

// By the memory and not by the column: slices of a column share it.
const noted = new WeakMap<object, number>();

/** Notes the bits that no value in the memory of `values`, which is theirs alone, takes more than. */
export function noteMagnitude(values: WideNumbers, bits: number): void {
  noted.set(values.buffer, bits);
}

/** Other values come to stand there. */
export function forgetMagnitude(memory: ArrayBuffer): void {
  noted.delete(memory);
}

/**
 * The bits that the magnitude of every value takes at most, where a negative one is taken for its complement; null where only a look at each value
 * would tell.
 */
export function magnitudeOf(values: WideNumbers): number | null {
  const kernels = kernelsOf(values);
  return kernels === null ? (noted.get(values.buffer) ?? null) : magnitudeAt(kernels, values.byteOffset, values);
}

/** As `magnitudeOf`, of values in kernel memory that are like those of `kind`. */
export function magnitudeAt(kernels: Kernels, at: number, kind: WideNumbers, count = kind.length): number {
  const { bitsI32, bitsI64, bitsU64 } = kernels.functions<MagnitudeKernels>();
  if (kind instanceof Int32Array) return bitsI32(at, count);
  return kind instanceof BigInt64Array ? bitsI64(at, count) : bitsU64(at, count);
}
