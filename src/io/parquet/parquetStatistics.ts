import { assertNever } from "../../common/assert.js";
import { type Bounds, type ParquetKernels, writerKernels, Region } from "../../kernels/parquet.js";
import type { DataType } from "../../schema/types.js";
import type { PlainValues } from "./parquetColumn.js";
import { decimalBytes } from "./parquetSchema.js";

/** Smallest and largest value of a column chunk, in the bytes of a plain value without length. */
export interface MinMax {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
}

/** Longer texts would make the footer large; such a chunk goes without. */
const longestBound = 64;

const out = new Region();

/**
 * The bounds of the values, or null where there are none to give: no values, or a NaN among them (readers disagree about its place, and a
 * bound that ignores it would let some of them skip rows).
 */
export function minMax(type: DataType, values: PlainValues): MinMax | null {
  if (values.count === 0 || type.kind === "null") return null;
  switch (values.kind) {
    case "bytes":
      return textBounds(values.region, values.ends, values.count);
    case "bits": {
      const bits = values.region.view(0, values.count);
      return { min: Uint8Array.of(bits.includes(0) ? 0 : 1), max: Uint8Array.of(bits.includes(1) ? 1 : 0) };
    }
    case "words":
      return wordBounds(type, values.region, values.width, values.count);
    default:
      return assertNever(values, "plain values");
  }
}

function wordBounds(type: DataType, region: Region, width: number, count: number): MinMax | null {
  const size = width * 4;
  const at = out.reserve(size * 2);
  if (boundsKernel(type, width)(region.at, count, at) === 0) return null;
  const min = out.view(0, size).slice();
  const max = out.view(size, size).slice();
  if (type.kind === "float32" || type.kind === "float64") {
    // Both zeros compare as equal, so the bounds take the sign that includes either.
    if (isZero(min)) min[size - 1] = 0x80;
    if (isZero(max)) max[size - 1] = 0;
  }
  if (width < 4 || type.kind !== "decimal") return { min, max };
  const length = decimalBytes(type.precision);
  return { min: bigEndian(min, length), max: bigEndian(max, length) };
}

/** Whether the bytes of a float are those of 0 or -0. */
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte, i) => byte === 0 || (i === bytes.length - 1 && byte === 0x80));

function boundsKernel(type: DataType, width: number): Bounds {
  const kernels = writerKernels().functions<ParquetKernels>();
  if (type.kind === "float32") return kernels.boundsFloat32;
  if (type.kind === "float64") return kernels.boundsFloat64;
  const unsigned = type.kind.startsWith("uint");
  if (width === 1) return unsigned ? kernels.boundsUint32 : kernels.boundsInt32;
  if (width === 2) return unsigned ? kernels.boundsUint64 : kernels.boundsInt64;
  return kernels.boundsInt128;
}

/** The low `length` bytes of a little-endian number, highest byte first. */
const bigEndian = (littleEndian: Uint8Array, length: number): Uint8Array => littleEndian.slice(0, length).reverse();

function textBounds(region: Region, ends: Region, count: number): MinMax | null {
  const at = out.reserve(16);
  writerKernels().functions<ParquetKernels>().boundsText(region.at, ends.at, count, at);
  const [minStart = 0, minEnd = 0, maxStart = 0, maxEnd = 0] = writerKernels()
    .memory.u32()
    .subarray(at >>> 2, (at >>> 2) + 4);
  if (minEnd - minStart > longestBound || maxEnd - maxStart > longestBound) return null;
  return { min: region.view(minStart, minEnd - minStart).slice(), max: region.view(maxStart, maxEnd - maxStart).slice() };
}
