import type { OriginPlace } from "../batch/column.js";
import type { RejectRecord } from "../task/protocol.js";

/** A record that a reader could not read. Whoever runs the task puts its own stage name and attempt in. */
export function readRecord(place: OriginPlace, code: string, message: string, column: string | null): RejectRecord {
  return { ...place, stage: "scan", column, code, message, functionName: null, attempt: 1 };
}
