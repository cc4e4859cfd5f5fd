import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Texts of the same form that are no codes of ours: environment variables, and a function of SQL. */
const notCodes = new Set(["NO_COLOR", "TRY_CAST"]);

/** Codes that errors and rejects carry, by the files that use them. */
export function errorCodes(root: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("assembly/"))
    .map((file) => join(root, "src", file));
  const constructors = "planError|dataError|configError|resourceError|externalError|usageError|RowFailure|rowFailure|reject|fail";
  const called = new RegExp(`\\b(?:${constructors})\\(\\s*"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"`, "g");
  const made = /new MillraceError\(\s*"\w+",\s*"([A-Z][A-Z0-9_]*)"/g;
  const literal = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;
  for (const file of files) {
    const text = readFileSync(file, "utf8");
    for (const pattern of [called, made, literal]) {
      for (const [, code = ""] of text.matchAll(pattern)) {
        if (notCodes.has(code) || code.startsWith("ERR_")) continue;
        const users = found.get(code) ?? new Set<string>();
        found.set(code, users.add(relative(root, file)));
      }
    }
  }
  return found;
}
