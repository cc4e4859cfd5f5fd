import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { inLanes } from "../common/lanes.js";
import { syncs } from "../runtime/safety.js";
import { copyRange, stampOf, writeAll } from "./fileCopy.js";
import { attempt, attemptUnless, errorCode, fileError, isGone, patiently } from "./fileErrors.js";
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
  /**
   * Copies the bytes `start..end` of a file into an open one, from `position` on. Gives the crc32 of what it read; null where the file has the given
   * stamp, before and after.
   */
  copy(from: string, start: number, end: number, to: number, position: number, stamp: string | null): Promise<number | null>;
  /** Reads up to `into.length` bytes at `position`; fewer only at the file's end. */
  read(fd: number, into: Uint8Array, position: number): number;
  /** Cuts an open file off after `bytes`. */
  truncate(fd: number, bytes: number): void;
  /** What changes whenever anybody writes to an open file or puts another in its place: its number, its size, and when it was last changed. */
  stamp(fd: number): string;
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

const kindOf = (entry: { isFile(): boolean; isDirectory(): boolean }): FolderEntry["kind"] =>
  entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other";

function firstMissing(folder: string): string {
  const parent = path.dirname(folder);
  return parent === folder || fs.existsSync(parent) ? folder : firstMissing(parent);
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
  stamp: stampOf,
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

/** Has the disk take a file that is not open, while the thread goes on. */
export async function syncFile(files: FileSystem, file: string): Promise<void> {
  const fd = files.open(file, "read");
  try {
    await files.startSync(fd);
  } catch (thrown) {
    throw fileError(thrown, "sync", file);
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
