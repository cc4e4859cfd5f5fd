import fs from "node:fs";
import { checksums, crc32 } from "../runtime/safety.js";
import { attempt, fragmentDamaged, patiently } from "./fileErrors.js";

/** Writes all bytes, however few the system takes at a time. */
export function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  for (let at = 0; at < chunk.length; ) at += patiently(() => fs.writeSync(fd, chunk, at, chunk.length - at, position + at));
}

const copyBytes = 1 << 18;
let copyBuffer: Uint8Array | null = null;

/**
 * Byte by byte through one small buffer, so that a core's cache still holds what was read when its checksum is computed and when it is written. Handed
 * from thread to thread the same takes twice the time. Others have their turn after every few pieces.
 */
export async function copyRange(
  from: string,
  start: number,
  end: number,
  to: number,
  position: number,
  stamp: string | null,
): Promise<number | null> {
  const fd = attempt("open", from, () => fs.openSync(from, "r"));
  const isUntouched = (): boolean => stamp !== null && attempt("look at", from, () => stampOf(fd)) === stamp;
  try {
    if (isUntouched()) {
      await copyPieces(fd, from, start, end, to, position, false);
      if (isUntouched()) return null;
    }
    return await copyPieces(fd, from, start, end, to, position, checksums);
  } finally {
    fs.closeSync(fd);
  }
}

/** Number, size and times of an open file. */
export const stampOf = (fd: number): string => {
  const { dev, ino, size, mtimeNs, ctimeNs } = fs.fstatSync(fd, { bigint: true });
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
};

async function copyPieces(
  fd: number,
  from: string,
  start: number,
  end: number,
  to: number,
  position: number,
  sums: boolean,
): Promise<number> {
  let crc = 0;
  let pieces = 0;
  for (let at = start; at < end; ) {
    copyBuffer ??= new Uint8Array(copyBytes);
    const got = patientRead(fd, copyBuffer.subarray(0, Math.min(copyBytes, end - at)), at);
    if (got === 0) throw fragmentDamaged(from, `it ends at byte ${at} instead of ${end}`);
    const bytes = copyBuffer.subarray(0, got);
    if (sums) crc = crc32(bytes, crc);
    writeAll(to, bytes, position + at - start);
    at += got;
    if (at < end && ++pieces % 4 === 0) await breath();
  }
  return crc;
}

const patientRead = (fd: number, into: Uint8Array, at: number): number =>
  patiently(() => fs.readSync(fd, into, 0, into.length, at));

/** Lets what waits for this thread have its turn. */
export const breath = (): Promise<void> => new Promise((done) => setImmediate(done));
