import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { configError } from "../common/errors.js";

/** `20260131T235959-1a2b3c4d`: sorts by start, and two runs of one second differ. */
export function newRunId(now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, "").slice(0, 15);
  return `${stamp}-${randomBytes(4).toString("hex")}`;
}

/** The folders of one run under the state folder. `scratch` is removed when the run ends, the rest stays. */
export interface RunFolder {
  readonly folder: string;
  readonly scratch: string;
}

/** @throws MillraceError Config/STATE_NOT_WRITABLE. */
export function createRunFolder(stateDir: string, runId: string): RunFolder {
  const folder = join(stateDir, "runs", runId);
  const scratch = join(folder, "scratch");
  try {
    mkdirSync(scratch, { recursive: true });
  } catch (cause) {
    throw configError("STATE_NOT_WRITABLE", `cannot make the run's folder ${folder}: ${(cause as Error).message}`, {
      file: folder,
      hint: "Point stateDir at a folder that this process may write.",
      cause,
    });
  }
  return { folder, scratch };
}

export function removeScratch(run: RunFolder): void {
  rmSync(run.scratch, { recursive: true, force: true });
}
