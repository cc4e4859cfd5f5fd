import { createRequire, syncBuiltinESMExports } from "node:module";

/**
 * A slow disk under the files between stages, loaded by `node --import`: every MiB that is read of one takes `TEST_DISK_MS` milliseconds more, so
 * that the task with most of the rows takes longest.
 */
const fs = createRequire(import.meta.url)("node:fs");
const { openSync, readSync, closeSync } = fs;
const perByte = Number(process.env.TEST_DISK_MS ?? 0) / 2 ** 20;
const slow = new Set();
let owedMs = 0;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

fs.openSync = (...args) => {
  const fd = openSync(...args);
  if (/scratch.*\.blocks$/.test(String(args[0])) && args[1] === "r") slow.add(fd);
  return fd;
};
fs.closeSync = (fd) => {
  slow.delete(fd);
  closeSync(fd);
};
fs.readSync = (...args) => {
  const read = readSync(...args);
  if (slow.has(args[0])) owedMs += read * perByte;
  if (owedMs >= 20) {
    Atomics.wait(sleeper, 0, 0, owedMs);
    owedMs = 0;
  }
  return read;
};
syncBuiltinESMExports();
