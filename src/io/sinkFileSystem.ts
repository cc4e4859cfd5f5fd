import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { configError, externalError, MillraceError, resourceError } from "../common/errors.js";
import { inLanes } from "../common/lanes.js";
import { crc32, syncs } from "../runtime/safety.js";
import { killPoint } from "./killPoint.js";

export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
}

/** The file operations of sinks and of the commit. Synchronous; tests pass one that fails at a chosen call. */
export interface FileSystem {
  /** `create` empties a file that is there; `update` writes into one that must be there. */
  open(file: string, how: "create" | "read" | "update"): number;
  /** Writes all bytes from `position` on. */
  write(fd: number, chunks: readonly Uint8Array[], position: number): void;
  /** Copies the bytes `start..end` of a file into an open one, from `position` on. Gives the crc32 of what it read. */
  copy(from: string, start: number, end: number, to: number, position: number): Promise<number>;
  /** Reads up to `into.length` bytes at `position`; fewer only at the file's end. */
  read(fd: number, into: Uint8Array, position: number): number;
  /** Cuts an open file off after `bytes`. */
  truncate(fd: number, bytes: number): void;
  fsync(fd: number): void;
  /** The same for the bytes alone, while the thread goes on. */
  startSync(fd: number): Promise<void>;
  close(fd: number): void;
  rename(from: string, to: string): void;
  /** Gives a file a second name; where the file system cannot, copies it. */
  link(from: string, to: string): void;
  /** Removes a file; none there is fine. */
  removeFile(file: string): void;
  /** Removes many files at a time; those that are not there are fine. */
  removeFiles(list: readonly string[]): Promise<void>;
  /** Removes a folder with all that is in it; none there is fine. */
  removeTree(folder: string): void;
  /** Removes a folder if it is empty, and says whether it did. */
  removeEmpty(folder: string): boolean;
  makeFolder(folder: string): void;
  list(folder: string): FolderEntry[];
  /** What stands at a path; null for nothing. */
  stat(file: string): { readonly kind: FolderEntry["kind"]; readonly bytes: number } | null;
  /** Makes the names in a folder durable. */
  syncFolder(folder: string): void;
  /** The same for many, several at a time, while the thread goes on; those that are not there are fine. */
  syncFolders(folders: Iterable<string>): Promise<void>;
}

const errorCode = (thrown: unknown): string => (thrown as { code?: unknown } | null)?.code?.toString() ?? "";

const kindOf = (entry: { isFile(): boolean; isDirectory(): boolean }): FolderEntry["kind"] =>
  entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other";

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

function firstMissing(folder: string): string {
  const parent = path.dirname(folder);
  return parent === folder || fs.existsSync(parent) ? folder : firstMissing(parent);
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

function attempt<T>(doing: string, file: string, run: () => T): T {
  try {
    return patiently(run);
  } catch (thrown) {
    throw fileError(thrown, doing, file);
  }
}

/** Ignores an error of one of these codes, and types every other. */
function attemptUnless(codes: readonly string[], doing: string, file: string, run: () => void): boolean {
  try {
    patiently(run);
    return true;
  } catch (thrown) {
    if (codes.includes(errorCode(thrown))) return false;
    throw fileError(thrown, doing, file);
  }
}

function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  for (let at = 0; at < chunk.length; ) at += patiently(() => fs.writeSync(fd, chunk, at, chunk.length - at, position + at));
}

/** A vectored write takes a limited number of chunks. */
const mostChunks = 512;

function writeTogether(fd: number, chunks: readonly Uint8Array[], position: number): void {
  let at = position;
  for (let i = 0; i < chunks.length; i += mostChunks) {
    const some = chunks.slice(i, i + mostChunks);
    let written = patiently(() => fs.writevSync(fd, some as Uint8Array[], at));
    // A write may be cut short; the rest goes one by one.
    for (const chunk of some) {
      const done = Math.min(written, chunk.length);
      written -= done;
      if (done < chunk.length) writeAll(fd, chunk.subarray(done), at + done);
      at += chunk.length;
    }
  }
}

const syncAsync = promisify(fs.fdatasync);
const syncAllAsync = promisify(fs.fsync);
const unlinkAsync = promisify(fs.unlink);

/** Requests to the system at a time. Flushes that meet share one write of the file system's own journal. */
export const fileLanes = 8;

async function removeFile(file: string): Promise<void> {
  try {
    await unlinkAsync(file);
  } catch (thrown) {
    if (errorCode(thrown) !== "ENOENT") throw fileError(thrown, "remove", file);
  }
}

const copyBytes = 1 << 18;
let copyBuffer: Uint8Array | null = null;

/**
 * Byte by byte through one small buffer, so that a core's cache still holds what was read when its checksum is computed and when it is written. Handed
 * from thread to thread the same takes twice the time. Others have their turn after every few pieces.
 */
async function copyRange(from: string, start: number, end: number, to: number, position: number): Promise<number> {
  const fd = attempt("open", from, () => fs.openSync(from, "r"));
  let crc = 0;
  try {
    let pieces = 0;
    for (let at = start; at < end; ) {
      copyBuffer ??= new Uint8Array(copyBytes);
      const got = patientRead(fd, copyBuffer.subarray(0, Math.min(copyBytes, end - at)), at);
      if (got === 0) throw fragmentDamaged(from, `it ends at byte ${at} instead of ${end}`);
      const bytes = copyBuffer.subarray(0, got);
      crc = crc32(bytes, crc);
      writeAll(to, bytes, position + at - start);
      at += got;
      if (at < end && ++pieces % 4 === 0) await breath();
    }
    return crc;
  } finally {
    fs.closeSync(fd);
  }
}

const patientRead = (fd: number, into: Uint8Array, at: number): number =>
  patiently(() => fs.readSync(fd, into, 0, into.length, at));

/** Tells of what is left for others to clear away: no reason for a run to fail. */
export function warnOfLeftover(path: string, cause: unknown): void {
  process.emitWarning(`${path} could not be removed: ${(cause as Error).message}`, "MillraceWarning");
}

/** Lets what waits for this thread have its turn. */
export const breath = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A staged file that is not what its task wrote. */
export const fragmentDamaged = (file: string, why: string): MillraceError =>
  externalError("FRAGMENT_DAMAGED", `${file} was changed after it was written: ${why}`, {
    file,
    hint: "Nothing was published. Resume the run: the task that wrote the file is done again.",
  });

function linkOrCopy(from: string, to: string): void {
  if (attemptUnless(["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"], "link", to, () => fs.linkSync(from, to)))
    return;
  attempt("copy", to, () => fs.copyFileSync(from, to));
}

function syncFolder(folder: string): void {
  if (!syncs) return;
  const fd = attempt("open", folder, () => fs.openSync(folder, "r"));
  try {
    fs.fsyncSync(fd);
  } catch (thrown) {
    if (!noSyncOfFolders.includes(errorCode(thrown))) throw fileError(thrown, "sync", folder);
  } finally {
    fs.closeSync(fd);
  }
}

/** Some file systems refuse to sync a folder; there the names are as durable as they get. */
const noSyncOfFolders: readonly string[] = ["EINVAL", "EISDIR", "EPERM", "EACCES"];

async function syncFolderSoon(folder: string): Promise<void> {
  let fd: number | null = null;
  try {
    fd = patiently(() => fs.openSync(folder, "r"));
    await syncAllAsync(fd);
  } catch (thrown) {
    const code = errorCode(thrown);
    if (fd === null && code === "ENOENT") return;
    if (!noSyncOfFolders.includes(code)) throw fileError(thrown, "sync", folder);
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
}

const openFlags = { create: "w", read: "r", update: "r+" } as const;

/** The files of the descriptors that `open` gave, so that an error can name them. */
const openFiles = new Map<number, string>();
const nameOf = (fd: number): string => openFiles.get(fd) ?? "a file";

/** The machine's own files. */
export const nodeFileSystem: FileSystem = {
  open(file, how) {
    const fd = attempt("open", file, () => fs.openSync(file, openFlags[how]));
    openFiles.set(fd, file);
    return fd;
  },
  write: writeTogether,
  copy: copyRange,
  read(fd, into, position) {
    let at = 0;
    while (at < into.length) {
      const got = attempt("read", nameOf(fd), () => fs.readSync(fd, into, at, into.length - at, position + at));
      if (got === 0) break;
      at += got;
    }
    return at;
  },
  truncate: (fd, bytes) => fs.ftruncateSync(fd, bytes),
  fsync: (fd) => {
    if (syncs) fs.fsyncSync(fd);
  },
  startSync: async (fd) => {
    if (syncs) await syncAsync(fd);
  },
  close(fd) {
    openFiles.delete(fd);
    fs.closeSync(fd);
  },
  rename: (from, to) => attempt("rename to", to, () => fs.renameSync(from, to)),
  link: linkOrCopy,
  removeFile: (file) => {
    attemptUnless(["ENOENT"], "remove", file, () => fs.unlinkSync(file));
  },
  removeFiles: async (list) => {
    await Promise.all(list.map(removeFile));
  },
  removeTree: (folder) => attempt("remove", folder, () => fs.rmSync(folder, { recursive: true, force: true })),
  removeEmpty: (folder) =>
    attemptUnless(["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"], "remove", folder, () => fs.rmdirSync(folder)),
  makeFolder: (folder) => {
    attempt("make folder", folder, () => {
      try {
        fs.mkdirSync(folder, { recursive: true });
      } catch (thrown) {
        // On a read-only file system the recursive form says that the folder's parent is missing; one step says why.
        if (errorCode(thrown) === "ENOENT") fs.mkdirSync(firstMissing(folder));
        throw thrown;
      }
    });
  },
  list: (folder) =>
    attempt("list", folder, () =>
      fs
        .readdirSync(folder, { withFileTypes: true })
        .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
        .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    ),
  stat(file) {
    try {
      const found = patiently(() => fs.statSync(file));
      return { kind: kindOf(found), bytes: found.size };
    } catch (thrown) {
      if (errorCode(thrown) === "ENOENT" || errorCode(thrown) === "ENOTDIR") return null;
      throw fileError(thrown, "look at", file);
    }
  },
  syncFolder,
  syncFolders: async (folders) => {
    if (syncs) await inLanes([...folders], fileLanes, syncFolderSoon);
  },
};

/** Whether what a call was about is not there: another run may take away or replace its files at any time. */
export const isGone = (thrown: unknown): boolean => thrown instanceof MillraceError && errorCode(thrown.cause) === "ENOENT";

/** Whether the disk did not take what it was to take for good. Nobody asks it again for the same: the answer would be worth nothing. */
export const isRefusedSync = ({ cause }: MillraceError): boolean =>
  /^f(?:data)?sync$/.test((cause as { syscall?: unknown } | undefined)?.syscall?.toString() ?? "");

/** Reads a small text file; null where there is none. */
export function readText(files: FileSystem, file: string): string | null {
  const found = files.stat(file);
  if (found === null || found.kind !== "file") return null;
  let fd: number;
  try {
    fd = files.open(file, "read");
  } catch (thrown) {
    if (isGone(thrown)) return null;
    throw thrown;
  }
  try {
    // Up to its end: what was opened may be a longer text than what was looked at.
    for (let room = found.bytes + 1; ; room *= 2) {
      const bytes = new Uint8Array(room);
      const got = files.read(fd, bytes, 0);
      if (got < room) return new TextDecoder().decode(bytes.subarray(0, got));
    }
  } finally {
    files.close(fd);
  }
}

/** Writes a small text file durably and in one step: readers see the old text or the new one. */
export function writeTextAtomically(files: FileSystem, file: string, content: string): void {
  renameText(files, file, content, (fd) => files.fsync(fd));
  files.syncFolder(path.dirname(file));
}

/** The same, but that a machine which loses power may lose the text, and have an empty file in its place. */
export function writeTextUnsynced(files: FileSystem, file: string, content: string): void {
  renameText(files, file, content, () => undefined);
}

function renameText(files: FileSystem, file: string, content: string, sync: (fd: number) => void): void {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  const fd = files.open(temporary, "create");
  try {
    files.write(fd, [new TextEncoder().encode(content)], 0);
    sync(fd);
  } catch (thrown) {
    throw fileError(thrown, "write", file);
  } finally {
    files.close(fd);
  }
  killPoint("text-written");
  files.rename(temporary, file);
}

/** Writes a small text file durably, for a place where nobody reads before that is done. */
export async function writeTextSoon(files: FileSystem, file: string, content: string): Promise<void> {
  const fd = files.open(file, "create");
  try {
    files.write(fd, [new TextEncoder().encode(content)], 0);
    await files.startSync(fd);
  } catch (thrown) {
    throw fileError(thrown, "write", file);
  } finally {
    files.close(fd);
  }
  killPoint("text-written");
}
