import { createHash } from "node:crypto";
import { type Dirent, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** What stands in a target: names of files and a hash of each, the ids of runs in names left out. */
export function contentOf(folder: string): string {
  if (!existsSync(folder)) return "";
  return filesBelow(folder)
    .filter((file) => !file.includes(`.millrace${sep}`))
    .map((file) => `${withoutRunId(file)} ${hash(join(folder, file))}`)
    .sort()
    .join("\n");
}

/** Names of all that stands below a folder, hidden files included, the ids of runs left out. */
export const namesIn = (folder: string): string[] => (existsSync(folder) ? filesBelow(folder).map(withoutRunId).sort() : []);

/** Scratch files that runs left in their state folder. */
export const scratchIn = (state: string): string[] =>
  existsSync(state) ? filesBelow(state).filter((file) => file.split(sep).includes("scratch")) : [];

/** Files below a folder that this process still has open. */
export function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      // What an earlier trial left open was told then.
      return file.startsWith(folder + sep) && !file.endsWith(" (deleted)") ? [file] : [];
    } catch {
      // The number that the listing itself had.
      return [];
    }
  });
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }) as Dirent[];
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

const withoutRunId = (name: string): string => name.replace(/\d{8}T\d{9}-[0-9a-f]{8}/g, "RUN");
const hash = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
