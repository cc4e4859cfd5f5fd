import { readdirSync, readlinkSync } from "node:fs";

/** Files below a folder that this process has open. Of Linux alone. */
export const openFilesBelow = (folder: string): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      return file.startsWith(folder) ? [file] : [];
    } catch {
      // The number that the listing itself had.
      return [];
    }
  });
