import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
/** Public test data that is no part of the repository; beside it, where a checkout has it. */
export const corpora = join(here, "../../../shared/corpora");
export const fixtures = join(here, "../fixtures");

export const hasCorpora = existsSync(corpora);
if (!hasCorpora) console.warn(`${corpora} is not there: the cases of public corpora are skipped`);

/** Files below a folder whose names fit, as paths from it, in order; none where there is no folder. */
export function filesBelow(folder: string, fits: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const walk = (path: string): string[] =>
    readdirSync(path).flatMap((name) => {
      const inner = join(path, name);
      return statSync(inner).isDirectory() ? walk(inner) : [inner];
    });
  return walk(folder)
    .map((path) => relative(folder, path))
    .filter((path) => fits.test(path))
    .sort();
}

export function jsonLines(path: string): { readonly [name: string]: unknown }[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
