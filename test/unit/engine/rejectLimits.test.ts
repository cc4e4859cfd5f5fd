import { describe, expect, it } from "vitest";
import { RejectLimiter } from "../../../src/engine/rejects/rejectLimits.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import type { RejectLimits } from "../../../src/plan/nodes.js";
import type { TaskResult } from "../../../src/task/protocol.js";

function sourceOf(rejectLimits: RejectLimits, name = "a.csv"): ResolvedSource {
  const files = [0, 1].map((i) => ({ path: `${name}-${i}`, bytes: 1, modifiedMs: 0, partitionValues: [] }));
  const spec = { format: "parquet", paths: [name], onReject: "skip", rejectLimits } as const;
  return { spec, files, schema: [], partitionColumns: [], rows: null };
}

/** `file`: the source's number of the file that all rejects stood in. */
function resultOf(rows: number, count: number, byColumn: Record<string, number> = {}, file: number | null = null): TaskResult {
  const byFile = file === null ? {} : { [`a.csv-${file}`]: count };
  return {
    scan: { rows, rejected: 0, bytes: 0, start: null, end: null, lines: 0 },
    enough: false,
    steps: [],
    rejects: { count, byCode: {}, byFile, byColumn, samples: [], file: null, texts: [] },
    timing: { startMs: 0, endMs: 0, readMs: 0, computeMs: 0, writeMs: 0, cpuMs: 0 },
  };
}

const exceeded = expect.objectContaining({ code: "REJECT_LIMIT_EXCEEDED" });

describe("RejectLimiter", () => {
  it("allows as many as the limit says, in all tasks together", () => {
    const source = sourceOf({ count: 3 });
    const limits = new RejectLimiter([source]);
    limits.add(resultOf(10, 2), source);
    limits.add(resultOf(10, 1), source);
    expect(() => limits.add(resultOf(10, 1), source)).toThrow(exceeded);
  });

  it("judges the share at a stage's end, once there are enough rows", () => {
    const source = sourceOf({ rate: 0.1, minRows: 100 });
    const limits = new RejectLimiter([source]);
    limits.add(resultOf(50, 40), source);
    limits.stageFinished();
    limits.add(resultOf(350, 0), source);
    limits.stageFinished();
    limits.add(resultOf(1, 1), source);
    expect(() => limits.stageFinished()).toThrow(/41 of 401/);
  });

  it("counts per file and per column", () => {
    const source = sourceOf({ perFile: 1, perColumn: 2 });
    const limits = new RejectLimiter([source]);
    limits.add(resultOf(5, 1, { n: 1 }, 0), source);
    limits.add(resultOf(5, 1, { n: 1 }, 1), source);
    expect(() => limits.add(resultOf(5, 1, { m: 1 }, 1), source)).toThrow(/a\.csv-1/);
    expect(() => limits.add(resultOf(5, 1, { n: 1 }), null)).toThrow(/column "n"/);
  });

  it("keeps sources apart, and counts rows of later stages towards all of them", () => {
    const strict = sourceOf({ count: 0 }, "strict.csv");
    const loose = sourceOf({}, "loose.csv");
    const limits = new RejectLimiter([strict, loose]);
    limits.add(resultOf(5, 5), loose);
    expect(() => limits.add(resultOf(5, 1), null)).toThrow(/strict\.csv/);
  });
});
