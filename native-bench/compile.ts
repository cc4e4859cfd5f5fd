import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import amaro from "amaro";

/**
 * Strips the types once, up front: otherwise every measured process would pay for the TypeScript loader. The copies stay inside the
 * project so that `import "millrace"` finds the built package.
 */
export function compileChildren(root: string, target: string): string {
  rmSync(target, { recursive: true, force: true });
  for (const file of [...typescriptFiles(root, "native-bench"), ...typescriptFiles(root, "examples")]) {
    const { code } = amaro.transformSync(readFileSync(join(root, file), "utf8"), { mode: "strip-only" });
    const out = join(target, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, code.replace(/((?:from|import\()\s*"\.{1,2}\/[^"]*)\.ts"/g, '$1.js"'));
  }
  return join(target, "native-bench/child.js");
}

const typescriptFiles = (root: string, folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));
