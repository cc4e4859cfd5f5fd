/**
 * Lets the project's own scripts run as TypeScript before anything is built: `node --import ./.ci/typescript.mjs script.ts`.
 * Types are blanked out in place, so line and column of an error are those of the source.
 */
import { register } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !/\.m?ts$/.test(new URL(url).pathname)) return nextLoad(url, context);
  const { default: amaro } = await import("amaro");
  const { code } = amaro.transformSync(readFileSync(fileURLToPath(url), "utf8"), { mode: "strip-only", filename: url });
  return { format: "module", shortCircuit: true, source: code };
}

if (isMainThread) register(import.meta.url);
