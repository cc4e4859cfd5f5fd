import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { constants, createGunzip, gunzipSync } from "node:zlib";
import { dataError, externalError, type MillraceError } from "../../common/errors.js";
import type { SourceFile } from "../../plan/bound.js";
import { patiently, reading } from "../fileErrors.js";
import { LentMemory } from "../lentMemory.js";

/** The bytes of a text file from some position on. */
export interface ByteSource {
  /** Reads up to `length` bytes to `target` at `to`; 0 at the end. Synchronous unless the file is compressed. */
  read(target: Uint8Array, to: number, length: number): number | Promise<number>;
  close(): void;
}

/** A text of which the beginning is held: a stream, which nobody can open to look at it. */
export interface HeldText extends SourceFile {
  /** Its first bytes. */
  readonly held: Uint8Array;
  /** They are all of it. */
  readonly whole: boolean;
}

export const isGzip = (path: string): boolean => path.endsWith(".gz");

export const isHeld = (file: SourceFile): file is HeldText => "held" in file;

/** Reads a plain file from `start`. @throws MillraceError External/SOURCE_UNREADABLE, Data/SOURCE_CHANGED */
export function openPlain(file: SourceFile, start: number): ByteSource {
  const fd = openFile(file.path);
  let position = start;
  const check = () => {
    const now = sizeNow(fd, file.path);
    if (now !== file.bytes) throw changed(file, now);
  };
  try {
    check();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let open = true;
  return {
    read(target, to, length) {
      const count = readAt(fd, file.path, target, to, Math.min(length, Math.max(0, file.bytes - position)), position);
      position += count;
      if (count === 0 && length > 0) check();
      return count;
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** So large may a file be that is held in memory while it is read. */
const mostHeld = 256 * 1024;
const threadRoom = new LentMemory(mostHeld + 1);

/** A small file that is asked for, opened and closed once for its head and the rest. */
export interface SmallFile {
  readonly text: HeldText;
  /** As `openPlain`. Closing it ends the use of `text`. */
  open(start: number): ByteSource;
  close(): void;
}

/** null for a large or compressed file, and while another one is held. @throws as `openPlain` */
export function holdSmall(file: SourceFile): SmallFile | null {
  if (isGzip(file.path) || isHeld(file) || file.bytes > mostHeld) return null;
  const memory = threadRoom.borrow();
  if (memory === null) return null;
  const close = () => threadRoom.giveBack();
  let held: Uint8Array;
  try {
    held = readWhole(file, new Uint8Array(memory));
  } catch (error) {
    close();
    throw error;
  }
  return {
    text: { ...file, held, whole: true },
    open(start) {
      let position = start;
      return {
        read(target, to, length) {
          const some = held.subarray(position, position + length);
          target.set(some, to);
          position += some.length;
          return some.length;
        },
        close,
      };
    },
    close,
  };
}

/** All bytes of a plain file, in `room`, which has one more than the file. */
function readWhole(file: SourceFile, room: Uint8Array): Uint8Array {
  const { path, bytes } = file;
  const fd = openFile(path);
  try {
    let filled = 0;
    let count = 0;
    // Asked for one byte more than there were, the system tells in one step whether there are more now.
    do {
      count = readAt(fd, path, room, filled, bytes + 1 - filled, filled);
      filled += count;
    } while (count > 0 && filled !== bytes);
    if (filled !== bytes) throw changed(file, sizeNow(fd, path));
    return room.subarray(0, filled);
  } finally {
    closeSync(fd);
  }
}

const sizeNow = (fd: number, path: string): number => reading(path, () => fstatSync(fd).size);

/** Reads a gzip file from its beginning; positions count decompressed bytes. @throws MillraceError Data/SOURCE_CORRUPT */
export function openGzip(file: SourceFile): ByteSource {
  const fd = openFile(file.path);
  try {
    const found = sizeNow(fd, file.path);
    if (found !== file.bytes) throw changed(file, found);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const input = createReadStream(file.path, { fd, highWaterMark: 1 << 18 });
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  input.on("error", (error) => gunzip.destroy(error));
  input.pipe(gunzip);
  const chunks = gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let chunk: Uint8Array = new Uint8Array(0);
  return {
    async read(target, to, length) {
      while (chunk.length === 0) {
        const step = await chunks.next().catch((error: unknown) => {
          throw corrupt(file.path, error);
        });
        if (step.done === true) return 0;
        chunk = new Uint8Array(step.value.buffer, step.value.byteOffset, step.value.byteLength);
      }
      const count = Math.min(length, chunk.length);
      target.set(chunk.subarray(0, count), to);
      chunk = chunk.subarray(count);
      return count;
    },
    close() {
      input.destroy();
      gunzip.destroy();
    },
  };
}

/** The first `length` bytes of a file, decompressed, or all of it when it is shorter. */
export function readHeadBytes(file: SourceFile, length: number): { readonly bytes: Uint8Array; readonly whole: boolean } {
  if (isHeld(file)) return { bytes: file.held.subarray(0, length), whole: file.whole && file.held.length <= length };
  const { path } = file;
  const fd = openFile(path);
  try {
    const size = sizeNow(fd, path);
    const raw = readRange(fd, path, 0, new Uint8Array(Math.min(size, length)));
    if (!isGzip(path)) return { bytes: raw, whole: raw.length >= size };
    const text = gunzipSync(raw, { finishFlush: raw.length >= size ? constants.Z_FINISH : constants.Z_SYNC_FLUSH });
    return { bytes: text, whole: raw.length >= size };
  } catch (error) {
    throw isGzip(path) && (error as NodeJS.ErrnoException).code?.startsWith("Z_") ? corrupt(path, error) : error;
  } finally {
    closeSync(fd);
  }
}

/** The first bytes of a plain file, as many as `room` has, or all of it when it is shorter. They lie in `room`. */
export function readStart(file: SourceFile, room: Uint8Array): { readonly bytes: Uint8Array; readonly whole: boolean } {
  if (isHeld(file)) return readHeadBytes(file, room.length);
  const fd = openFile(file.path);
  try {
    const bytes = readRange(fd, file.path, 0, room);
    return { bytes, whole: bytes.length < room.length };
  } finally {
    closeSync(fd);
  }
}

/** Bytes [start, start + length) of a plain file, fewer at its end. */
export function readBytesAt(file: SourceFile, start: number, length: number): Uint8Array {
  if (isHeld(file)) return file.held.subarray(start, start + length);
  const { path } = file;
  const fd = openFile(path);
  try {
    return readRange(fd, path, start, new Uint8Array(length));
  } finally {
    closeSync(fd);
  }
}

/** Bytes from `start` on, as many as `room` has. */
function readRange(fd: number, path: string, start: number, room: Uint8Array): Uint8Array {
  let filled = 0;
  while (filled < room.length) {
    const count = readAt(fd, path, room, filled, room.length - filled, start + filled);
    if (count === 0) break;
    filled += count;
  }
  return room.subarray(0, filled);
}

function openFile(path: string): number {
  try {
    return patiently(() => openSync(path, "r"));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readAt(fd: number, path: string, target: Uint8Array, to: number, length: number, position: number): number {
  try {
    return length === 0 ? 0 : patiently(() => readSync(fd, target, to, length, position));
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, cause: unknown): MillraceError =>
  externalError("SOURCE_UNREADABLE", `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    file: path,
    cause,
    hint: "Check that the file exists and that this user may read it.",
  });

const corrupt = (path: string, cause: unknown): MillraceError =>
  dataError("SOURCE_CORRUPT", `${path} is not a whole gzip file: ${cause instanceof Error ? cause.message : String(cause)}`, {
    file: path,
    cause,
    hint: "The file was cut or damaged; fetch it again.",
  });

const changed = (file: SourceFile, now: number): MillraceError =>
  dataError("SOURCE_CHANGED", `${file.path} changed while it was read: it had ${file.bytes} bytes and has ${now}`, {
    file: file.path,
    hint: "Run again when nothing writes to the file.",
  });
