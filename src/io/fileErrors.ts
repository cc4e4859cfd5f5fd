import { configError, externalError, MillraceError, resourceError } from "../common/errors.js";

export const errorCode = (thrown: unknown): string => (thrown as { code?: unknown } | null)?.code?.toString() ?? "";

/** What a failed file operation means, as a typed error. `doing` reads like "write" or "rename". */
export function fileError(thrown: unknown, doing: string, file: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const code = errorCode(thrown);
  const message = `cannot ${doing} ${file}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return resourceError("DISK_FULL", message, { file, cause: thrown, hint: "Free disk space or choose another target." });
    case "EMFILE":
    case "ENFILE":
      return resourceError("TOO_MANY_FILES", message, {
        file,
        cause: thrown,
        hint: "Raise the limit of open files (ulimit -n) or partition by fewer values.",
      });
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return configError("TARGET_NOT_WRITABLE", message, { file, cause: thrown, hint: "Check the permissions of the target." });
    case "ENOTDIR":
      return configError("TARGET_NOT_WRITABLE", message, {
        file,
        cause: thrown,
        hint: "A part of this path is a file; choose another path.",
      });
    case "ENAMETOOLONG":
      return configError("NAME_TOO_LONG", message, {
        file,
        cause: thrown,
        hint: "A folder name made from a partition value is longer than the file system allows.",
      });
    default:
      return externalError("FILE_IO", message, { file, cause: thrown });
  }
}

/** What the system says when the same call may go well a moment later. Not of `fsync`: what it lost once stays lost. */
const passing: readonly string[] = ["EAGAIN", "EBUSY", "EINTR", "EMFILE", "ENFILE"];
const pausesMs = [1, 5, 25];
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Tries again, after short waits, what the system refused for the moment. */
export function patiently<T>(run: () => T): T {
  for (const pauseMs of pausesMs) {
    try {
      return run();
    } catch (thrown) {
      if (!passing.includes(errorCode(thrown))) throw thrown;
      Atomics.wait(sleeper, 0, 0, pauseMs);
    }
  }
  return run();
}

/** A read whose failure names its file. @throws MillraceError External/FILE_IO */
export const reading = <T>(file: string, run: () => T): T => attempt("read", file, run);

/** What a file operation gives, tried patiently; its failure is typed. */
export function attempt<T>(doing: string, file: string, run: () => T): T {
  try {
    return patiently(run);
  } catch (thrown) {
    throw fileError(thrown, doing, file);
  }
}

/** Ignores an error of one of these codes, and types every other. */
export function attemptUnless(codes: readonly string[], doing: string, file: string, run: () => void): boolean {
  try {
    patiently(run);
    return true;
  } catch (thrown) {
    if (codes.includes(errorCode(thrown))) return false;
    throw fileError(thrown, doing, file);
  }
}

/** Tells of what is left for others to clear away: no reason for a run to fail. */
export function warnOfLeftover(path: string, cause: unknown): void {
  process.emitWarning(`${path} could not be removed: ${(cause as Error).message}`, "MillraceWarning");
}

/** A staged file that is not what its task wrote. */
export const fragmentDamaged = (file: string, why: string): MillraceError =>
  externalError("FRAGMENT_DAMAGED", `${file} was changed after it was written: ${why}`, {
    file,
    hint: "Nothing was published. Resume the run: the task that wrote the file is done again.",
  });

/** Whether what a call was about is not there: another run may take away or replace its files at any time. */
export const isGone = (thrown: unknown): boolean => thrown instanceof MillraceError && errorCode(thrown.cause) === "ENOENT";

/** Whether the disk did not take what it was to take for good. Nobody asks it again for the same: the answer would be worth nothing. */
export const isRefusedSync = ({ cause }: MillraceError): boolean =>
  /^f(?:data)?sync$/.test((cause as { syscall?: unknown } | undefined)?.syscall?.toString() ?? "");
