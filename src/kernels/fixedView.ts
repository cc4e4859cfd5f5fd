import { fixedArrayOf } from "../batch/builder.js";
import type { FixedValues } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { type DataType, typeName } from "../schema/types.js";

/** Bytes as the values of a fixed type; they must be aligned to its width. */
export function fixedView(type: DataType, bytes: Uint8Array): FixedValues {
  const make = fixedArrayOf(type);
  if (make === null) throw internalError(`${typeName(type)} has no fixed layout`);
  return new make(bytes.buffer, bytes.byteOffset, bytes.byteLength / make.BYTES_PER_ELEMENT);
}
