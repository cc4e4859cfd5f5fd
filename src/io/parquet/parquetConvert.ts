import type { Column } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { types } from "../../schema/types.js";
import type { Conversion } from "./parquetReadSchema.js";

/** A decoded column as it is delivered. */
export function convertColumn(column: Column, conversion: Conversion): Column {
  switch (conversion) {
    case "none":
      return column;
    case "uuid":
      return uuidTexts(column);
    case "timeMillis":
      return timeOfDay(column, (ticks) => ticks * 1000n);
    case "timeMicros":
      return timeOfDay(column, (ticks) => ticks);
    case "timeNanos":
      return timeOfDay(column, (ticks) => ticks / 1000n);
    default:
      return assertNever(conversion, "conversion");
  }
}

function timeOfDay(column: Column, micros: (ticks: bigint) => bigint): Column {
  if (column.layout !== "fixed") throw internalError("a time of day is not a number");
  const { values, valid, length } = column;
  const converted = new BigInt64Array(length);
  for (let i = 0; i < length; i++) if (valid === null || valid[i] !== 0) converted[i] = micros(BigInt(values[i] ?? 0));
  return { layout: "fixed", type: types.int64, length, values: converted, valid };
}

const uuidLength = 36;
const hex = "0123456789abcdef";

/** 16 bytes as 8-4-4-4-12 hexadecimal digits. */
function uuidTexts(column: Column): Column {
  if (column.layout !== "bytes") throw internalError("a UUID is not bytes");
  const { bytes, starts, valid, length } = column;
  const target = new Uint8Array(length * uuidLength);
  const targetStarts = new Int32Array(length);
  const targetEnds = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    let at = i * uuidLength;
    targetStarts[i] = at;
    if (valid === null || valid[i] !== 0) {
      for (let b = 0; b < 16; b++) {
        const byte = bytes[(starts[i] as number) + b] as number;
        target[at++] = hex.charCodeAt(byte >> 4);
        target[at++] = hex.charCodeAt(byte & 15);
        if (b === 3 || b === 5 || b === 7 || b === 9) target[at++] = 45;
      }
    }
    targetEnds[i] = at;
  }
  return { layout: "bytes", type: types.utf8, length, bytes: target, starts: targetStarts, ends: targetEnds, valid };
}
