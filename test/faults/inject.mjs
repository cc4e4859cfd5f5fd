import { createRequire, syncBuiltinESMExports } from "node:module";
import { resolve, sep } from "node:path";
import { constants } from "node:os";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

/**
 * Faults of the file system below everything that the engine is made of: loaded by `node --import`, before the engine and in each of its
 * threads, this puts itself between `node:fs` and whoever calls it. Only files below `MILLRACE_FAULT_ROOT` are touched, and only while a fault is
 * armed. DuckDB and WebAssembly modules that open files by themselves are not seen; nothing of this is in the product.
 */

/** What is done with a file. `link` counts as a rename: both give a file its name. */
export const operations = ["open", "read", "write", "fsync", "rename", "unlink", "mkdir", "readdir", "stat", "truncate", "close"];

export const faultCodes = ["ENOSPC", "EIO", "EMFILE", "EAGAIN", "EBUSY", "SHORT", "DELETE", "CUT", "FLIP"];

/** 32-bit cells that all threads share. */
const cell = { armed: 0, operation: 1, code: 2, at: 3, until: 4, seen: 5, fired: 6, percent: 7 };
const cells = sharedCells();

function sharedCells() {
  const key = "millrace-test-faults";
  if (isMainThread) setEnvironmentData(key, new SharedArrayBuffer(64));
  return new Int32Array(getEnvironmentData(key));
}

/** From now on the fault waits for its operation. */
export function arm({ operation, code, at, times, percent = 0 }) {
  Atomics.store(cells, cell.percent, percent);
  Atomics.store(cells, cell.operation, operations.indexOf(operation));
  Atomics.store(cells, cell.code, faultCodes.indexOf(code));
  Atomics.store(cells, cell.at, at);
  Atomics.store(cells, cell.until, Math.min(2 ** 30, at + times - 1));
  Atomics.store(cells, cell.seen, 0);
  Atomics.store(cells, cell.fired, 0);
  Atomics.store(cells, cell.armed, 1);
}

/** No fault any more. Gives how often it struck. */
export function disarm() {
  Atomics.store(cells, cell.armed, 0);
  return Atomics.load(cells, cell.fired);
}

/** Where the fault of an operation strikes, what it is. */
function strikes(operation, path) {
  if (Atomics.load(cells, cell.armed) === 0 || operations[Atomics.load(cells, cell.operation)] !== operation) return null;
  if (typeof path !== "string" || !below(path)) return null;
  const number = Atomics.add(cells, cell.seen, 1) + 1;
  if (number < Atomics.load(cells, cell.at) || number > Atomics.load(cells, cell.until)) return null;
  Atomics.add(cells, cell.fired, 1);
  return faultCodes[Atomics.load(cells, cell.code)] ?? null;
}

const root = process.env.MILLRACE_FAULT_ROOT;
const below = (path) => root !== undefined && resolve(path).startsWith(root + sep);

const texts = {
  ENOSPC: "no space left on device",
  EIO: "i/o error",
  EMFILE: "too many open files",
  EAGAIN: "resource temporarily unavailable",
  EBUSY: "resource busy or locked",
};

function failure(code, syscall, path) {
  const errno = -(constants.errno[code] ?? 0);
  const place = path === null ? "" : ` '${path}'`;
  const error = new Error(`${code}: ${texts[code]}, ${syscall}${place}`);
  return Object.assign(error, { code, errno, syscall }, path === null ? {} : { path });
}

const require = createRequire(import.meta.url);
const fs = require("node:fs");
const untouched = { ...fs };
/** Paths of open files. */
const paths = new Map();

const pathOf = (file) =>
  typeof file === "number"
    ? (paths.get(file) ?? null)
    : file instanceof URL
      ? file.pathname
      : typeof file === "string"
        ? file
        : null;
/** As Node itself: what is done with an open file does not name it. */
const named = (file) => (typeof file === "number" ? null : pathOf(file));

/** Replaces a function and keeps what hangs on it, which `promisify` looks at. */
function replace(functions, name, make) {
  const original = functions[name];
  if (original === undefined) throw new Error(`node:fs has no ${name}`);
  const made = make(original);
  for (const key of Reflect.ownKeys(original)) {
    if (key === "length" || key === "name" || key === "prototype") continue;
    Object.defineProperty(made, key, Object.getOwnPropertyDescriptor(original, key));
  }
  functions[name] = made;
}

/** `which`: the argument that names the file. */
function fail(name, operation, which = 0) {
  const syscall = name.replace(/Sync$/, "");
  replace(fs, `${syscall}Sync`, (original) => (...args) => {
    const code = strikes(operation, pathOf(args[which]));
    if (code !== null && code !== "SHORT") throw failure(code, syscall, named(args[which]));
    return original(...args);
  });
  replace(fs, syscall, (original) => (...args) => {
    const code = strikes(operation, pathOf(args[which]));
    const done = args.at(-1);
    if (code === null || code === "SHORT" || typeof done !== "function") return original(...args);
    setImmediate(() => done(failure(code, syscall, named(args[which]))));
  });
  if (fs.promises[syscall] === undefined) return;
  replace(fs.promises, syscall, (original) => async (...args) => {
    const code = strikes(operation, pathOf(args[which]));
    if (code !== null && code !== "SHORT") throw failure(code, syscall, named(args[which]));
    return original(...args);
  });
}

/** Half of the bytes, at least one. */
const half = (bytes) => Math.max(1, bytes >> 1);

/** Reads and writes of `(fd, buffer, offset, length, position)`. */
function failTransfer(name) {
  const shorter = (args) => {
    const [fd, buffer, offset = 0, length, ...rest] = args;
    if (typeof offset !== "number") return args;
    return [fd, buffer, offset, half(length ?? buffer.byteLength - offset), ...rest];
  };
  replace(fs, `${name}Sync`, (original) => (...args) => {
    const code = strikes(name, pathOf(args[0]));
    if (code === null) return original(...args);
    if (code === "SHORT") return original(...shorter(args));
    throw failure(code, name, null);
  });
  replace(fs, name, (original) => (...args) => {
    const code = strikes(name, pathOf(args[0]));
    const done = args.at(-1);
    if (code === null || typeof done !== "function") return original(...args);
    if (code === "SHORT") return original(...shorter(args));
    setImmediate(() => done(failure(code, name, null)));
  });
}

function failVectors() {
  replace(fs, "writevSync", (original) => (...args) => {
    const [fd, chunks, position] = args;
    const code = strikes("write", pathOf(fd));
    if (code === null) return original(...args);
    if (code !== "SHORT") throw failure(code, "write", null);
    const first = chunks.find((chunk) => chunk.byteLength > 0);
    if (first === undefined) return original(...args);
    return fs.writeSync?.(fd, first, 0, half(first.byteLength), position);
  });
}

/** Remembers which file a number stands for. */
function watchOpen() {
  replace(fs, "openSync", (original) => (...args) => {
    const fd = original(...args);
    paths.set(fd, String(args[0]));
    return fd;
  });
  replace(fs, "open", (original) => (...args) => {
    const done = args.at(-1);
    return original(...args.slice(0, -1), (error, fd) => {
      if (error === null) paths.set(fd, String(args[0]));
      done(error, fd);
    });
  });
}

/** What tasks leave for others: files between stages, pieces of outputs, rejects. A file that many write into is left by who opened it as it was. */
const isLeft = (path, how) =>
  /[/\\](scratch|fragments)[/\\]|\.blocks$/.test(path) && how === (/[/\\]shared-\d+\.part$/.test(path) ? "r+" : "w");

/** Damages a file as soon as its writer has closed it. */
function damageClosed() {
  const written = new Set();
  replace(fs, "openSync", (original) => (...args) => {
    const fd = original(...args);
    if (isLeft(String(args[0]), args[1])) written.add(fd);
    return fd;
  });
  replace(fs, "closeSync", (original) => (...args) => {
    original(...args);
    if (!written.delete(args[0])) return;
    const path = paths.get(args[0]);
    const code = strikes("close", path);
    if (code !== null) damage(path, code, Atomics.load(cells, cell.percent));
  });
}

function damage(path, code, percent) {
  const { rmSync, statSync, truncateSync, openSync, readSync, writeSync, closeSync } = untouched;
  if (code === "DELETE") {
    rmSync(path);
    return;
  }
  // Within one tick of the clock of file times, which is some milliseconds long before Linux 6.13, a change of a file that has just been written leaves no trace in them.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  const { size } = statSync(path);
  const place = Math.min(size - 1, Math.floor((size * percent) / 100));
  if (code === "CUT") {
    truncateSync(path, place);
    return;
  }
  const fd = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, place);
  byte[0] ^= 1 << (percent % 8);
  writeSync(fd, byte, 0, 1, place);
  closeSync(fd);
}

/** A file that is read or written as a whole fails as it is opened or in between: Node does both behind one call. */
function failWhole(name, operation) {
  replace(fs, name, (original) => (...args) => {
    const code = strikes("open", pathOf(args[0])) ?? strikes(operation, pathOf(args[0]));
    if (code === null || code === "SHORT") return original(...args);
    throw failure(code, operation, pathOf(args[0]));
  });
}

/** Handles of `fs.promises.open`, one at a time. */
function watchHandles() {
  replace(fs.promises, "open", (original) => async (...args) => {
    const code = strikes("open", pathOf(args[0]));
    if (code !== null && code !== "SHORT") throw failure(code, "open", pathOf(args[0]));
    const handle = await original(...args);
    const wrap = (method, operation) => {
      replace(handle, method, (inner) => async (...given) => {
        const struck = strikes(operation, pathOf(args[0]));
        if (struck !== null && struck !== "SHORT") throw failure(struck, operation, null);
        return inner.apply(handle, given);
      });
    };
    wrap("sync", "fsync");
    wrap("read", "read");
    wrap("write", "write");
    return handle;
  });
}

if (root !== undefined) {
  watchOpen();
  fail("open", "open");
  failTransfer("read");
  failTransfer("write");
  failVectors();
  failWhole("readFileSync", "read");
  failWhole("writeFileSync", "write");
  failWhole("appendFileSync", "write");
  fail("fsync", "fsync");
  fail("fdatasync", "fsync");
  fail("rename", "rename", 1);
  fail("link", "rename", 1);
  fail("copyFile", "write", 1);
  fail("unlink", "unlink");
  fail("rm", "unlink");
  fail("rmdir", "unlink");
  fail("mkdir", "mkdir");
  fail("readdir", "readdir");
  fail("stat", "stat");
  fail("lstat", "stat");
  fail("fstat", "stat");
  fail("access", "stat");
  fail("ftruncate", "truncate");
  watchHandles();
  damageClosed();
  syncBuiltinESMExports();
}
