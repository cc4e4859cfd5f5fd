import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { cachedDataVersionTag } from "node:v8";
import { Script } from "node:vm";
import { threadId } from "node:worker_threads";

/**
 * Loads the package's own files with the bytecode that V8 made of them in an earlier process, as Node 22's compile cache does for a whole
 * program: to parse two megabytes of source takes longer than a short job. The bytecode lies beside the files, where only those who may
 * change them can write; where nobody can, or a variable of Node's compile cache or of coverage forbids it, they are compiled each time.
 */

const folder = import.meta.dirname;

/** A name for what the build made, which replaces this: bytecode of other files never counts. */
declare const BUILD: string | undefined;
const build = typeof BUILD === "string" ? BUILD : null;
const caches = join(folder, "cache");
/** V8 takes bytecode of its own version and flags alone. */
const own = `${build}-${process.version}-${cachedDataVersionTag().toString(16)}`;
/** Of more sets of flags than these, some are made up anew each time. */
const mostCaches = 8;

const { NODE_DISABLE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env;
const enabled = build !== null && !NODE_DISABLE_COMPILE_CACHE && !NODE_V8_COVERAGE;

interface CodeModule {
  exports: unknown;
}

const loaded = new Map<string, CodeModule>();
const compiled = new Map<string, Script>();

const cacheOf = (name: string): string => join(caches, own, `${name}.bytecode`);

/** What a CommonJS file of the package exports, by its path beside this one. Files that it requires by a path are loaded likewise. */
export function loadCode(name: string): unknown {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const module: CodeModule = { exports: {} };
  loaded.set(name, module);
  const file = join(folder, name);
  try {
    const run = compile(name, file).runInThisContext() as (...scope: unknown[]) => void;
    run.call(module.exports, module.exports, requireFrom(name, file), module, file, dirname(file));
  } catch (error) {
    loaded.delete(name);
    throw error;
  }
  return module.exports;
}

/** A module of the program. Code that is loaded as above cannot `import()`, which Node lets it do by an experimental option only. */
export const importModule = (url: string): Promise<object> => import(url) as Promise<object>;

function compile(name: string, filename: string): Script {
  // The build leaves nothing but ASCII in them: one byte a character, and nothing to decode.
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, "latin1")}\n})`;
  const cachedData = bytecodeOf(name);
  const script = new Script(source, { filename, ...(cachedData === null ? {} : { cachedData }) });
  if (cachedData === null && enabled) {
    if (compiled.size === 0) process.once("exit", saveCode);
    compiled.set(name, script);
  }
  return script;
}

function bytecodeOf(name: string): Buffer | null {
  try {
    return enabled ? readFileSync(cacheOf(name)) : null;
  } catch {
    return null;
  }
}

function requireFrom(name: string, file: string): (id: string) => unknown {
  const plain = createRequire(file);
  const load = (id: string): unknown => {
    const ofPackage = /^\.\/.*\.cjs$/.test(id) && id !== "./bytecode.cjs";
    return ofPackage ? loadCode(join(dirname(name), id)) : (plain(id) as unknown);
  };
  return Object.assign(load, { resolve: plain.resolve });
}

/** Whether the bytecode of a file is still to be kept by `saveCode`, in a thread that has loaded it. */
export const lacksBytecode = (name: string): boolean => enabled && !existsSync(cacheOf(name));

/** Keeps the bytecode of what this thread loaded without any, with the functions that ran so far. A process does so at its end. */
export function saveCode(): void {
  try {
    if (compiled.size > 0) makeRoom();
    for (const [name, script] of compiled) {
      const target = cacheOf(name);
      if (!existsSync(target)) save(target, () => script.createCachedData());
    }
  } catch {
    // A folder that cannot be written, a full disk: the next process compiles as this one did.
  }
  compiled.clear();
}

function makeRoom(): void {
  mkdirSync(join(caches, own), { recursive: true });
  const others = readdirSync(caches).filter((name) => name !== own);
  const old = others.length < mostCaches ? others.filter((name) => !name.startsWith(`${build}-`)) : others;
  for (const name of old) rmSync(join(caches, name), { recursive: true, force: true });
}

function save(target: string, bytecode: () => Buffer): void {
  mkdirSync(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}-${threadId}`;
  try {
    writeFileSync(partial, bytecode(), { flush: true });
    renameSync(partial, target);
  } finally {
    rmSync(partial, { force: true });
  }
}
