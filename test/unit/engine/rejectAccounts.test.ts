import { describe, expect, it } from "vitest";
import { checkAccounts } from "../../../src/engine/rejects/rejectAccounts.js";
import type { WorkerStage } from "../../../src/planner/stages.js";
import type { TaskResult } from "../../../src/task/protocol.js";

const schema = [{ name: "n", type: { kind: "int32" as const }, nullable: true }];
const stage = {
  name: "scan csv",
  steps: [
    { step: { op: "rows", input: -1, name: "filter", ops: [], schema } },
    { step: { op: "sink", input: 0, name: "write csv", sink: {}, directory: "" } },
  ],
} as unknown as WorkerStage;

/** Ten records, of which the reader rejects one, the filter leaves out three and rejects one, and five are written. */
function result(change: { rowsOut?: number; written?: number; rejected?: number } = {}): TaskResult {
  const { rowsOut = 5, written = 5, rejected = 2 } = change;
  return {
    scan: { rows: 10, rejected: 1 },
    steps: [
      { step: 0, rowsIn: 9, rowsOut, filtered: 3, rejected: 1, files: [] },
      { step: 1, rowsIn: 5, rowsOut: 5, filtered: 0, rejected: 0, files: [{ rows: written }] },
    ],
    rejects: { count: rejected },
  } as unknown as TaskResult;
}

describe("checkAccounts", () => {
  it("takes what adds up", () => {
    expect(() => checkAccounts(stage, [result()])).not.toThrow();
  });

  it.each([{ rowsOut: 4 }, { written: 4 }, { rejected: 1 }])("refuses %j as an internal error", (change) => {
    expect(() => checkAccounts(stage, [result(), result(change)])).toThrow(
      expect.objectContaining({ category: "Internal", code: "ROWS_UNACCOUNTED" }),
    );
  });
});
