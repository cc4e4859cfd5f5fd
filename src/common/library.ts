import { createRequire } from "node:module";
import { bundled } from "./beside.js";
import { loadCode } from "./bytecode.js";

/** Where a library is that the build makes one file of: as they are installed most are many, and take longer to read than a job to run. */
const libraries = {
  "@duckdb/node-api": "@duckdb/node-api",
  acorn: "acorn",
  "apache-arrow": "apache-arrow",
  msgpackr: "msgpackr",
  piscina: "piscina",
} as const;

export type LibraryName = keyof typeof libraries;

/** What `require` gives for a library, loaded at its first use. The caller says its type, which `typeof import("…")` knows. */
export const requireLibrary = (name: LibraryName): unknown =>
  bundled ? loadCode(`libraries/${name}/index.js`) : createRequire(import.meta.url)(libraries[name]);
