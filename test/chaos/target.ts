import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** Files below a folder by path, with a hash of their bytes. What differs from run to run, its id and the plan's paths, is left out. */
export type Tree = ReadonlyMap<string, string>;

const runIdPattern = /\d{8}T\d{9}-[0-9a-f]{8}/g;
/** Cases write to folders of their own, which plans name, and functions that are told where they are. */
const placePattern = /\/[a-z]+-\d+\/(?=out|flags|state)/g;
const rowsPattern = /"id": ?"rows-\d+"/g;
const functionPattern = /"hash": ?"\w+"/g;
const named = (path: string): string => path.replace(runIdPattern, "RUN");

function hashOf(file: string): string {
  const bytes = readFileSync(file);
  const plain = file.endsWith(".json")
    ? Buffer.from(
        bytes
          .toString("latin1")
          .replace(runIdPattern, "RUN")
          .replace(placePattern, "/PLACE/")
          .replace(rowsPattern, "")
          .replace(functionPattern, '"hash":')
          .replace(/("planFingerprint": ?)"\w+"/g, "$1"),
        "latin1",
      )
    : bytes;
  return createHash("sha1").update(plain).digest("hex").slice(0, 16);
}

/** Reads files again only when something else stands in their place. */
const known = new Map<string, { readonly state: string; readonly hash: string }>();

function quickHash(file: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(file);
  const state = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  const before = known.get(file);
  if (before?.state === state) return before.hash;
  const hash = hashOf(file);
  known.set(file, { state, hash });
  return hash;
}

const isGone = (thrown: unknown): boolean => ["ENOENT", "ENOTDIR"].includes((thrown as NodeJS.ErrnoException).code ?? "");

/** Everything below a folder, hidden or not. */
export function treeOf(folder: string): Tree {
  const found = new Map<string, string>();
  const walk = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) walk(path);
      else found.set(named(relative(folder, path)), /\.duckdb$/.test(path) ? "a database" : hashOf(path));
    }
  };
  try {
    walk(folder);
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown;
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a reader of a folder's data may find: for every partition (and every single file) the states that are whole. */
export interface Expected {
  readonly folder: string;
  readonly units: { readonly [unit: string]: readonly string[] };
  /** Targets that appear as a whole: once one of their units is there, all are new. */
  readonly atOnce: { readonly [target: string]: { readonly [unit: string]: string } };
}

const unitOf = (path: string): string => {
  const parts = path.split("/");
  // A partition's files are one unit; a file beside the targets is one of its own.
  return parts.length > 1 ? parts.slice(0, -1).join("/") : path;
};
const isBook = (path: string): boolean => path.split("/").some((part) => part.startsWith("."));
const isManifest = (path: string): boolean => path.endsWith("manifest.json");
const isData = (path: string): boolean => !isBook(path) && !path.endsWith(".duckdb") && !path.endsWith(".wal");

function unitsOf(tree: Tree): Map<string, Map<string, string>> {
  const units = new Map<string, Map<string, string>>();
  for (const [path, hash] of tree) {
    if (!isData(path) && !isManifest(path)) continue;
    const unit = isManifest(path) ? path : unitOf(path);
    units.set(unit, (units.get(unit) ?? new Map<string, string>()).set(path, hash));
  }
  return units;
}

const stateOf = (files: ReadonlyMap<string, string>): string =>
  [...files]
    .map((file) => file.join(" "))
    .sort()
    .join("; ");

/**
 * Every unit is as it was or as it is to be. Where a partition of several files gets fewer, old files may stand beside the new one until the
 * last is removed (docs/RESUME.md).
 */
export function expectedOf(folder: string, before: Tree, after: Tree): Expected {
  const [old, fresh] = [unitsOf(before), unitsOf(after)];
  const units: Record<string, readonly string[]> = {};
  const atOnce: Record<string, Record<string, string>> = {};
  for (const unit of new Set([...old.keys(), ...fresh.keys()])) {
    const [was, is] = [old.get(unit) ?? new Map<string, string>(), fresh.get(unit) ?? new Map<string, string>()];
    const states = new Set([stateOf(was), stateOf(is)]);
    const stale = [...was].filter(([path]) => !is.has(path));
    for (let kept = 1; is.size > 0 && kept <= stale.length; kept++) states.add(stateOf(new Map([...is, ...stale.slice(-kept)])));
    units[unit] = [...states];
    const target = unit.split("/")[0] ?? "";
    const isNew = ![...before.keys()].some((path) => path.startsWith(`${target}/`));
    if (isNew && unit.includes("/") && !target.startsWith(".")) atOnce[target] = { ...atOnce[target], [unit]: stateOf(is) };
  }
  return { folder, units, atOnce };
}

/** What a reader sees right now; null when files were exchanged while it looked, and it has to look again. */
function look(folder: string): Map<string, Map<string, string>> | null {
  const found = new Map<string, string>();
  const walk = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      const short = relative(folder, path);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith(".") || entry.name === ".millrace") if (!/\.millrace\/./.test(short)) walk(path);
      } else if (isData(short) || (isManifest(short) && !entry.name.startsWith("."))) found.set(named(short), quickHash(path));
    }
  };
  try {
    walk(folder);
  } catch (thrown) {
    if (isGone(thrown)) return null;
    throw thrown;
  }
  return unitsOf(found);
}

/** What is neither whole old nor whole new. */
export function partialIn({ folder, units, atOnce }: Expected): readonly string[] {
  let seen = look(folder);
  for (let tries = 0; seen === null && tries < 50; tries++) seen = look(folder);
  if (seen === null) return [];
  const found: string[] = [];
  for (const unit of new Set([...seen.keys(), ...Object.keys(units)])) {
    const state = stateOf(seen.get(unit) ?? new Map<string, string>());
    if (!(units[unit] ?? [""]).includes(state))
      found.push(`${unit} holds [${state}] instead of one of [${units[unit]?.join("] [")}]`);
  }
  for (const [target, parts] of Object.entries(atOnce)) {
    const there = [...seen.keys()].some((unit) => unit.startsWith(`${target}/`) || unit === target);
    for (const [unit, state] of Object.entries(parts)) {
      if (there && stateOf(seen.get(unit) ?? new Map<string, string>()) !== state)
        found.push(`${target} is there without ${unit}`);
    }
  }
  return found;
}

/** How two trees differ. */
export function differences(expected: Tree, found: Tree): string[] {
  const missing = [...expected.keys()].filter((path) => !found.has(path)).map((path) => `${path} is missing`);
  const extra = [...found.keys()].filter((path) => !expected.has(path)).map((path) => `${path} is left over`);
  const changed = [...expected].flatMap(([path, hash]) =>
    found.has(path) && found.get(path) !== hash ? [`${path} differs`] : [],
  );
  return [...missing, ...extra, ...changed];
}
