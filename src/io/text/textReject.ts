import type { OriginPlace } from "../../batch/column.js";
import type { RejectRecord } from "../../task/protocol.js";

/** A record that a reader could not read. Whoever runs the task puts its own stage name and attempt in. */
export function readRecord(place: OriginPlace, code: string, message: string, column: string | null): RejectRecord {
  const { file, line, byte, length } = place;
  // Written out: spreading the place takes as long as reading the record.
  return {
    file,
    line,
    byte,
    length,
    row: null,
    stage: "scan",
    column,
    code,
    message,
    functionName: null,
    functionHash: null,
    attempt: 1,
  };
}
