import { createRequire } from "node:module";
import type * as nodeApi from "@duckdb/node-api";
import type nodeBindings from "@duckdb/node-bindings";

/** DuckDB as loaded: the client, and the binding underneath it, which alone gives whole vectors. */
export interface DuckDbLibrary {
  readonly api: typeof nodeApi;
  readonly raw: typeof nodeBindings;
}

let loading: Promise<DuckDbLibrary> | null = null;

/** Loads DuckDB when it is first needed: its native library costs a tenth of a second, which small jobs never pay. */
export function loadDuckDb(): Promise<DuckDbLibrary> {
  loading ??= load();
  return loading;
}

async function load(): Promise<DuckDbLibrary> {
  const api = await import("@duckdb/node-api");
  // The binding belongs to the client, not to us: it is taken from where the client finds it.
  const here = createRequire(import.meta.url);
  const raw = createRequire(here.resolve("@duckdb/node-api"))("@duckdb/node-bindings") as typeof nodeBindings;
  return { api, raw };
}
