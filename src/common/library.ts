import { createRequire } from "node:module";
import { bundled } from "./beside.js";
import { loadCode } from "./bytecode.js";

/** Libraries that the build makes one file of each: as they are installed they are hundreds, and take longer to read than a job to run. */
export type LibraryName = "@duckdb/node-api" | "apache-arrow" | "msgpackr" | "piscina";

/** What `require` gives for a library, loaded at its first use. The caller says its type, which `typeof import("…")` knows. */
export const requireLibrary = (name: LibraryName): unknown =>
  bundled ? loadCode(`libraries/${name}/index.js`) : createRequire(import.meta.url)(name);
