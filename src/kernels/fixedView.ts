import { fixedArrayOf } from "../batch/builder.js";
import type { FixedValues } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { type DataType, typeName } from "../schema/types.js";

type FixedOver = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => FixedValues;

/** Bytes as the values of a fixed type; they must be aligned to its width. */
export function fixedView(type: DataType, bytes: Uint8Array): FixedValues {
  const make = fixedArrayOf(type) as unknown as (FixedOver & { readonly BYTES_PER_ELEMENT: number }) | null;
  if (make === null) throw internalError(`${typeName(type)} has no fixed layout`);
  return new make(bytes.buffer, bytes.byteOffset, bytes.byteLength / make.BYTES_PER_ELEMENT);
}
