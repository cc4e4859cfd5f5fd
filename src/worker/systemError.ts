import { type ErrorData, externalError, resourceError } from "../common/errors.js";

/** What the system refused a task, such as a read that failed, as an error of ours; null for anything else. */
export function systemError(thrown: unknown): ErrorData | null {
  if (!(thrown instanceof Error) || !("syscall" in thrown) || !("code" in thrown)) return null;
  const { code, message } = thrown;
  const file = "path" in thrown && typeof thrown.path === "string" ? { file: thrown.path } : {};
  if (code === "ENOSPC" || code === "EDQUOT") {
    const hint = "Free space and run again; nothing was published.";
    return resourceError("DISK_FULL", `the disk is full: ${message}`, { ...file, hint, cause: thrown }).toData();
  }
  return externalError("FILE_IO", `the file system failed: ${message}`, { ...file, cause: thrown }).toData();
}
