import { readFileSync } from "node:fs";

export interface PackageFile {
  readonly version: string;
  readonly dependencies: { readonly [name: string]: string };
}

/** This package's package.json. It lies two folders up from here, among the modules as in the bundles. Throws where it is missing. */
export const packageFile = (): PackageFile =>
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as PackageFile;
