import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const source = join(root, "src");

/** A folder imports only from folders before it; the first two are open to all anyway. */
const order = [
  "common",
  "schema",
  "runtime",
  "expr",
  "batch",
  "functions",
  "plan",
  "task",
  "kernels",
  "io",
  "optimize",
  "exchange",
  "planner",
  "operators",
  "duckdb",
  "worker",
  "pool",
  "quality",
  "report",
  "history",
  "engine",
  "index.ts",
  "cli",
];

/** Each engine of somebody else's has one door, so that it can be replaced or upgraded in one place. */
const doors: Readonly<Record<string, string>> = {
  "apache-arrow": "batch",
  "parquet-wasm": "io",
  "@duckdb/node-api": "duckdb",
  piscina: "pool",
  commander: "cli",
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.includes("assembly/"))
  .map((file) => join(source, file));

const importPattern = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(importPattern)].map((match) => ({
    file,
    target: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

const imports = files.flatMap(importsOf);

/** The source file behind a relative import. */
function resolved(item: Import): string | null {
  if (!item.target.startsWith(".")) return null;
  return resolve(dirname(item.file), item.target).replace(/\.js$/, ".ts");
}

const folderOf = (file: string): string => relative(source, file).split("/")[0] ?? "";
const shown = (file: string): string => relative(root, file);

describe("the house", () => {
  it("has only known folders", () => {
    const unknown = [...new Set(files.map(folderOf))].filter((folder) => !order.includes(folder));
    expect(unknown, "a new folder needs its place in the order here and in docs/ARCHITECTURE.md").toEqual([]);
  });

  it("finds every imported file", () => {
    const missing = imports.filter((item) => {
      const file = resolved(item);
      return file !== null && !existsSync(file);
    });
    expect(missing.map((item) => `${shown(item.file)} imports ${item.target}`)).toEqual([]);
  });

  it("imports downwards only", () => {
    const upward = imports.flatMap((item) => {
      const file = resolved(item);
      if (file === null) return [];
      const [from, to] = [folderOf(item.file), folderOf(file)];
      const fine = order.indexOf(to) <= order.indexOf(from) || ["common", "schema"].includes(to);
      return fine ? [] : [`${shown(item.file)} imports ${shown(file)}`];
    });
    const reason = "a folder that imports from one above it cannot be understood, tested or moved without it";
    expect(upward, reason).toEqual([]);
  });

  it("has no import cycle between files", () => {
    const edges = new Map<string, string[]>();
    for (const item of imports) {
      const file = resolved(item);
      if (file === null || item.typeOnly) continue;
      edges.set(item.file, [...(edges.get(item.file) ?? []), file]);
    }
    expect(findCycle(edges)?.map(shown), "in a cycle the order of loading decides what is defined").toBeUndefined();
  });

  it("lets each third-party engine in by one door", () => {
    const strays = imports.flatMap((item) => {
      const door = Object.entries(doors).find(([name]) => item.target === name || item.target.startsWith(`${name}/`))?.[1];
      return door === undefined || folderOf(item.file) === door
        ? []
        : [`${shown(item.file)} imports ${item.target}; only ${door}/ does`];
    });
    expect(strays, "an engine that several folders know cannot be upgraded in one place").toEqual([]);
  });

  it("makes the command line a client of index.ts and of nothing else", () => {
    const others = imports.flatMap((item) => {
      const file = resolved(item);
      if (folderOf(item.file) !== "cli" || file === null || folderOf(file) === "cli") return [];
      const known = ["src/index.ts", "src/common/typescript.ts"].includes(shown(file));
      return known ? [] : [`${shown(item.file)} imports ${shown(file)}`];
    });
    expect(others, "what the command line needs, every other program needs as well: it belongs into index.ts").toEqual([]);
  });

  it("keeps the coordinator's folders out of the worker", () => {
    const reached = closure(join(source, "worker/worker.ts"));
    const wrong = [...reached].filter((file) => ["duckdb", "pool", "engine", "cli"].includes(folderOf(file)));
    const reason = "a worker that loads DuckDB or the pool starts slowly, and could act on its own";
    expect(wrong.map(shown), reason).toEqual([]);
  });

  it("has no leftovers of the language's escape hatches", () => {
    const found = files.flatMap((file) => {
      const text = readFileSync(file, "utf8");
      return [...text.matchAll(/@ts-ignore|@ts-nocheck|^export default/gm)].map(([word]) => `${shown(file)}: ${word}`);
    });
    expect(found).toEqual([]);
  });
});

/** Every file that one file needs at run time. */
function closure(start: string): Set<string> {
  const seen = new Set<string>();
  const waiting = [start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file) || !existsSync(file)) continue;
    seen.add(file);
    for (const item of importsOf(file)) {
      const target = resolved(item);
      if (target !== null && !item.typeOnly) waiting.push(target);
    }
  }
  return seen;
}

/** The files of one cycle, or undefined. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (state.get(file) === "done") return undefined;
    if (state.get(file) === "open") return [...path.slice(path.indexOf(file)), file];
    state.set(file, "open");
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    state.set(file, "done");
    return undefined;
  };
  for (const file of edges.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
