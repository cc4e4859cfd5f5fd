import { readFileSync, writeFileSync } from "node:fs";
import { MillraceError } from "../common/errors.js";
import type { RejectRecord, TaskResult } from "../task/protocol.js";

/** A task numbers lines from its partition's first; here they become the file's, once the partitions before it are known. */
export function addLines(result: TaskResult, lines: number): TaskResult {
  const { rejects } = result;
  if (lines === 0 || rejects.count === 0) return result;
  if (rejects.file !== null) addLinesToFile(rejects.file, lines);
  return { ...result, rejects: { ...rejects, samples: rejects.samples.map((reject) => shifted(reject, lines)) } };
}

export function errorWithLines(error: unknown, lines: number): unknown {
  if (lines === 0 || !(error instanceof MillraceError) || error.category !== "Data") return error;
  const data = error.toData();
  return data.line === undefined ? error : MillraceError.fromData({ ...data, line: data.line + lines });
}

const shifted = <R extends Pick<RejectRecord, "line">>(reject: R, lines: number): R =>
  reject.line === null ? reject : { ...reject, line: reject.line + lines };

function addLinesToFile(file: string, lines: number): void {
  const records = readFileSync(file, "utf8").trimEnd().split("\n");
  const numbered = records.map((text) => JSON.stringify(shifted(JSON.parse(text) as RejectRecord, lines)));
  writeFileSync(file, `${numbered.join("\n")}\n`);
}
