import { type PackageFile, packageFile } from "../common/packageFile.js";

/** Versions of what a run stands on, by name: this package, Node, the machine's system, and the libraries that touch data. */
export function productVersions(): { readonly [name: string]: string } {
  const { version, dependencies } = manifest();
  const libraries = ["@duckdb/node-api", "parquet-wasm", "apache-arrow"].flatMap((name) => {
    const found = dependencies?.[name];
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    millrace: version ?? "unknown",
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    ...Object.fromEntries(libraries),
  };
}

/** A report without versions is better than none. */
function manifest(): Partial<PackageFile> {
  try {
    return packageFile();
  } catch {
    return {};
  }
}
