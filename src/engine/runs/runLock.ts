import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configError } from "../../common/errors.js";
import { isRunning, type ProcessIdentity, thisProcess } from "../../io/commit/commitOwner.js";
import { killPoint } from "../../io/killPoint.js";
import { fileError, patiently } from "../../io/fileErrors.js";

/** Who works on a run, or did. */
export interface LockOwner extends ProcessIdentity {
  readonly startMs: number;
}

/** Locks that this very process holds. */
const held = new Set<string>();

/**
 * The right to work on a run, or on the replays of its rejects. Owners are files that are numbered and never overwritten: whoever finds the last one dead makes the next, and
 * making a file by a link succeeds for exactly one of those who try at once.
 */
export class RunLock {
  private constructor(private readonly file: string) {}

  /** @throws MillraceError Config/RUN_BUSY when a process that is alive works on the run */
  static take(runFolder: string, runId: string): RunLock {
    const folder = ownersFolder(runFolder);
    mkdirSync(folder, { recursive: true });
    removeDraftsOfDead(folder);
    const last = lastOwner(runFolder);
    if (last?.alive === true) throw busy(runId, last.owner);
    const file = join(folder, numbered((last?.number ?? 0) + 1));
    const own: LockOwner = { ...thisProcess(), startMs: Date.now() };
    const draft = join(folder, `.${process.pid}-${Math.random().toString(36).slice(2)}`);
    writeFileSync(draft, JSON.stringify(own));
    try {
      linkSync(draft, file);
      killPoint("locked");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      throw busy(runId, lastOwner(runFolder)?.owner ?? null);
    } finally {
      rmSync(draft, { force: true });
    }
    held.add(file);
    return new RunLock(file);
  }

  /** Lets others go on with the run, while this process lives. */
  release(): void {
    if (!held.delete(this.file)) return;
    // The folder may have gone with the run.
    if (!existsSync(this.file)) return;
    // What goes on here has ended; the number stays taken.
    writeFileSync(this.file, JSON.stringify({ pid: 0, started: null, startMs: 0 }));
  }
}

/** Who works on a run right now; null for nobody. */
export function ownerOfRun(runFolder: string): LockOwner | null {
  const last = lastOwner(runFolder);
  return last?.alive === true ? last.owner : null;
}

/** `never`: the run's folder is in the making; `left`: whoever worked on it has ended, or let it go. */
export function ownershipOf(runFolder: string): "never" | "held" | "left" {
  const last = lastOwner(runFolder);
  if (last === null) return "never";
  return last.alive ? "held" : "left";
}

const ownersFolder = (runFolder: string): string => join(runFolder, "owners");
const numbered = (number: number): string => `${String(number).padStart(6, "0")}.json`;

function lastOwner(runFolder: string): { readonly number: number; readonly owner: LockOwner; readonly alive: boolean } | null {
  const folder = ownersFolder(runFolder);
  const last = namesIn(folder)
    .filter((name) => /^\d+\.json$/.test(name))
    .sort()
    .at(-1);
  if (last === undefined) return null;
  const file = join(folder, last);
  const owner = readOwner(file);
  const alive = owner.pid === process.pid ? held.has(file) : owner.pid > 0 && isRunning(owner);
  return { number: Number.parseInt(last, 10), owner, alive };
}

/** A process that ends between making its draft and the link leaves it. */
function removeDraftsOfDead(folder: string): void {
  for (const name of namesIn(folder)) {
    const pid = Number(/^\.(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    if (pid === process.pid || Number.isNaN(pid) || isRunning({ pid, started: null })) continue;
    rmSync(join(folder, name), { force: true });
  }
}

function namesIn(folder: string): string[] {
  try {
    return patiently(() => readdirSync(folder));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fileError(cause, "list", folder);
  }
}

/** A file that is not whole is of a process that the machine took down. */
function readOwner(file: string): LockOwner {
  try {
    return JSON.parse(patiently(() => readFileSync(file, "utf8"))) as LockOwner;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw fileError(cause, "read", file);
    return { pid: 0, started: null, startMs: 0 };
  }
}

const busy = (runId: string, owner: LockOwner | null) =>
  configError(
    "RUN_BUSY",
    owner === null || owner.pid === 0
      ? `another process works on run ${runId}`
      : `process ${owner.pid} has worked on run ${runId} since ${new Date(owner.startMs).toISOString()}`,
    { hint: "Wait for it to end, or stop it; then resume the run." },
  );
