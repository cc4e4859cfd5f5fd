import { createRequire } from "node:module";

type ParquetWasm = typeof import("parquet-wasm");

let loaded: ParquetWasm | undefined;

/** parquet-wasm, loaded when it is first needed: compiling it takes longer than many a whole task without Parquet input. */
export function parquetWasm(): ParquetWasm {
  loaded ??= createRequire(import.meta.url)("parquet-wasm") as ParquetWasm;
  return loaded;
}
