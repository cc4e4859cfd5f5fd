import { register } from "node:module";

let registered = false;

/**
 * Makes `import()` of .ts, .mts and .cts files work in this thread from now on. Types are removed, not checked; `./x.js` finds `./x.ts`
 * where only that exists. Calling it again does nothing.
 */
export function registerTypeScript(): void {
  if (registered) return;
  registered = true;
  // When this module itself runs as TypeScript, under a loader, its neighbour is TypeScript as well.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  register(`./typescriptHooks.${extension}`, import.meta.url);
}
