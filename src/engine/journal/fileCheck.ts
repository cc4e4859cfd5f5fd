import { checksums } from "../../runtime/safety.js";
import { externalError } from "../../common/errors.js";
import { scratchDamaged } from "../../exchange/pagedFile.js";
import { checksumOfFile } from "../../io/commit/commitAssemble.js";
import { isGone } from "../../io/fileErrors.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { checksumText } from "../../io/sink/sinkOutput.js";
import type { FileWritten } from "../../task/protocol.js";

type Found = { readonly bytes: number; readonly checksum: string };

/** Size and crc32 (8 hex digits) of a file, or of its bytes `start..end`; null where there is none. @throws MillraceError External/FILE_IO */
export async function fileChecksum(path: string, start?: number, end?: number): Promise<Found | null> {
  const fd = openThere(path);
  if (fd === null) return null;
  try {
    const { bytes, crc } = await checksumOfFile(nodeFileSystem, fd, start, end);
    return { bytes, checksum: checksumText(crc) };
  } finally {
    nodeFileSystem.close(fd);
  }
}

function openThere(path: string): number | null {
  try {
    return nodeFileSystem.open(path, "read");
  } catch (thrown) {
    if (isGone(thrown)) return null;
    throw thrown;
  }
}

/** What is wrong with files that an earlier process wrote; null when each has the size and the bytes that it had then. */
export async function whatIsWrong(files: readonly FileWritten[]): Promise<string | null> {
  for (const file of files) {
    if (file.within !== undefined) {
      const { path, start } = file.within;
      const found = await fileChecksum(path, start, start + file.bytes);
      if (found === null) return `output missing: ${path}`;
      if (found.bytes !== file.bytes || found.checksum !== file.checksum) return `output damaged: ${path}`;
      continue;
    }
    const size = sizeOf(file.path);
    if (size === null) return `output missing: ${file.path}`;
    // The bytes of a file of another size need not be read.
    if (size !== file.bytes) return `output damaged: ${file.path}`;
    const found = await fileChecksum(file.path);
    if (found === null) return `output missing: ${file.path}`;
    if (found.checksum !== file.checksum) return `output damaged: ${file.path}`;
  }
  return null;
}

/**
 * Compares files between stages with what was written. One without a checksum is taken as it is.
 * @throws MillraceError External/SCRATCH_DAMAGED, SCRATCH_UNREADABLE
 */
export async function requireWhole(files: readonly FileWritten[]): Promise<void> {
  if (!checksums) return;
  for (const { path, bytes, checksum } of files) {
    if (checksum === "") continue;
    const found = await fileChecksum(path);
    if (found === null) {
      throw externalError("SCRATCH_UNREADABLE", `${path} is not there any more (ENOENT)`, {
        file: path,
        hint: "Files in a run's scratch folder must not be removed while it runs. Resume the run.",
      });
    }
    if (found.bytes !== bytes) throw scratchDamaged(path, `it had ${bytes} bytes and has ${found.bytes}`);
    if (found.checksum !== checksum) throw scratchDamaged(path, `it had the checksum ${checksum} and has ${found.checksum}`);
  }
}

function sizeOf(path: string): number | null {
  const found = nodeFileSystem.stat(path);
  return found?.kind === "file" ? found.bytes : null;
}
