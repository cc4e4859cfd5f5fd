import { type ErrorData, externalError } from "../common/errors.js";
import { fileError } from "../io/fileErrors.js";

/** What the system refused, such as a read that failed, as an error of ours; null for anything else. */
export function systemError(thrown: unknown): ErrorData | null {
  if (!(thrown instanceof Error) || !("syscall" in thrown) || !("code" in thrown)) return null;
  const { syscall, path } = thrown as NodeJS.ErrnoException;
  const error = fileError(thrown, syscall ?? "use", path ?? "a file");
  // Who may not read or write is told by those who know what the file is for.
  if (error.category !== "Config") return withPlace(error.toData(), path);
  return withPlace(externalError("FILE_IO", error.message, { cause: thrown }).toData(), path);
}

function withPlace({ file: _, ...data }: ErrorData, path: string | undefined): ErrorData {
  return path === undefined ? data : { ...data, file: path };
}
