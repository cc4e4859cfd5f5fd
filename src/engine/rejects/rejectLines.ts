import { MillraceError } from "../../common/errors.js";
import type { RejectRecord, TaskResult } from "../../task/protocol.js";

/** A task numbers lines from its partition's first; here those that are shown become the file's, once the partitions before it are known. */
export function addLines(result: TaskResult, lines: number): TaskResult {
  if (lines === 0) return result;
  const { rejects, checks } = result;
  const samples = rejects.samples.map((reject) => shifted(reject, lines));
  const moved = { ...result, rejects: { ...rejects, samples } };
  if (checks === undefined) return moved;
  return { ...moved, checks: checks.map((one) => ({ ...one, samples: one.samples.map((sample) => shifted(sample, lines)) })) };
}

export function errorWithLines(error: unknown, lines: number): unknown {
  if (lines === 0 || !(error instanceof MillraceError) || error.category !== "Data") return error;
  const data = error.toData();
  return data.line === undefined ? error : MillraceError.fromData({ ...data, line: data.line + lines });
}

const shifted = <R extends { readonly line: RejectRecord["line"] }>(reject: R, lines: number): R =>
  reject.line === null ? reject : { ...reject, line: reject.line + lines };
