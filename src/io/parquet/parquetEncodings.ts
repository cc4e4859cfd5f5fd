import { undoDeltas, undoStreams, undoTexts } from "../../kernels/parquetDelta.js";
import { bytesOfValue, encodings, physical } from "./parquetSchema.js";

/** How the values of a chunk are stored. */
export interface StoredValues {
  /** Number of the physical type. */
  readonly physical: number;
  /** Bytes of a value of a fixed-length byte array. */
  readonly size: number;
}

/** The plain bytes of `count` values in one of the encodings; null for others, and where the bytes are not that. */
export function plainOf(encoding: number, bytes: Uint8Array, count: number, stored: StoredValues): Uint8Array | null {
  const isFixed = stored.physical === physical.fixedLenByteArray && stored.size > 0;
  const isTexts = stored.physical === physical.byteArray;
  const size = bytesOfValue(stored);
  switch (encoding) {
    case encodings.delta:
      return stored.physical === physical.int32 || stored.physical === physical.int64
        ? undoDeltas(bytes, count, stored.physical === physical.int32 ? 4 : 8)
        : null;
    case encodings.deltaLengths:
      return isTexts ? undoTexts(bytes, count, false, 0) : null;
    case encodings.deltaTexts:
      return isTexts || isFixed ? undoTexts(bytes, count, true, isFixed ? stored.size : 0) : null;
    case encodings.streams:
      return size === 0 ? null : undoStreams(bytes, count, size);
    default:
      return null;
  }
}
