import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { crc32, checksums } from "../../runtime/safety.js";
import { externalError } from "../../common/errors.js";
import { scratchDamaged } from "../../exchange/pagedFile.js";
import type { FileWritten } from "../../task/protocol.js";

const chunkBytes = 1 << 20;

/** Size and crc32 (8 hex digits) of a file; null where there is none. */
export async function fileChecksum(path: string): Promise<{ readonly bytes: number; readonly checksum: string } | null> {
  try {
    let [bytes, crc] = [0, 0];
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
      crc = crc32(chunk as Buffer, crc);
      bytes += (chunk as Buffer).length;
    }
    return { bytes, checksum: crc.toString(16).padStart(8, "0") };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}

/** What is wrong with files that an earlier process wrote; null when each has the size and the bytes that it had then. */
export async function whatIsWrong(files: readonly FileWritten[]): Promise<string | null> {
  for (const file of files) {
    const size = await sizeOf(file.path);
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

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}
