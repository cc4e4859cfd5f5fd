import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { configError } from "../common/errors.js";
import { isAlive, ownerOf, releaseStaging, takeStaging } from "../io/commitOwner.js";
import { nodeFileSystem } from "../io/sinkFileSystem.js";

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

/** Makes the run's folders, and takes away scratch files that dead runs left. @throws MillraceError Config/STATE_NOT_WRITABLE. */
export function createRunFolder(stateDir: string, runId: string): RunFolder {
  const runs = join(stateDir, "runs");
  const folder = join(runs, runId);
  const scratch = join(folder, "scratch");
  try {
    mkdirSync(scratch, { recursive: true });
    takeStaging(nodeFileSystem, scratch, runId, "scratch");
  } catch (cause) {
    throw configError("STATE_NOT_WRITABLE", `cannot make the run's folder ${folder}: ${(cause as Error).message}`, {
      file: folder,
      hint: "Point stateDir at a folder that this process may write.",
      cause,
    });
  }
  sweep(runs);
  return { folder, scratch };
}

export function removeScratch(run: RunFolder): void {
  rmSync(run.scratch, { recursive: true, force: true });
  releaseStaging(run.scratch);
}

/** Scratch folders without an owner are left alone while they may still be in the making. */
const ownerlessMs = 10 * 60_000;

/** Failures are left to the next start: another process may be sweeping as well. */
function sweep(runs: string): void {
  for (const run of readdirSync(runs)) {
    const scratch = join(runs, run, "scratch");
    try {
      const made = statSync(scratch, { throwIfNoEntry: false });
      if (made === undefined) continue;
      const owner = ownerOf(nodeFileSystem, scratch);
      const dead = owner === null ? Date.now() - made.mtimeMs > ownerlessMs : !isAlive(owner, scratch);
      if (dead) rmSync(scratch, { recursive: true, force: true });
    } catch (cause) {
      process.emitWarning(`scratch files of run ${run} could not be removed: ${(cause as Error).message}`, "MillraceWarning");
    }
  }
}
