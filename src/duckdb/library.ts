import { createRequire } from "node:module";
import type * as nodeApi from "@duckdb/node-api";
import type nodeBindings from "@duckdb/node-bindings";

/**
 * DuckDB as loaded: the binding, which gives whole vectors and is all that a query over flat columns needs, and the client above it, loaded
 * when it is first asked for: its classes take longer to load than many a query runs.
 */
export interface DuckDbLibrary {
  readonly raw: typeof nodeBindings;
  readonly api: typeof nodeApi;
}

/** Handles of the binding. */
export type RawDatabase = Awaited<ReturnType<typeof nodeBindings.open>>;
export type RawConnection = Awaited<ReturnType<typeof nodeBindings.connect>>;
export type RawResult = Awaited<ReturnType<typeof nodeBindings.query>>;
export type RawChunk = NonNullable<Awaited<ReturnType<typeof nodeBindings.fetch_chunk>>>;

let library: DuckDbLibrary | null = null;

/** Loads DuckDB when it is first needed: its native library costs a fiftieth of a second, which jobs without it never pay. */
export function loadDuckDb(): DuckDbLibrary {
  library ??= load();
  return library;
}

function load(): DuckDbLibrary {
  const here = createRequire(import.meta.url);
  // The binding belongs to the client, not to us: it is taken from where the client finds it.
  const client = createRequire(here.resolve("@duckdb/node-api"));
  const raw = client("@duckdb/node-bindings") as typeof nodeBindings;
  let api: typeof nodeApi | null = null;
  return {
    raw,
    get api() {
      api ??= here("@duckdb/node-api") as typeof nodeApi;
      return api;
    },
  };
}
