import { register } from "node:module";
import { importModule } from "./bytecode.js";

let registered = false;

/**
 * A module of the program, in JavaScript or TypeScript.
 * @throws whatever it throws while it is loaded
 */
export function importProgram(url: string): Promise<object> {
  if (/\.[mc]?ts$/.test(new URL(url).pathname)) registerTypeScript();
  return importModule(url);
}

/**
 * Makes `import()` of .ts, .mts and .cts files work in this thread from now on. Types are removed, not checked; `./x.js` finds `./x.ts`
 * where only that exists. Calling it again does nothing.
 */
function registerTypeScript(): void {
  if (registered) return;
  registered = true;
  // When this module itself runs as TypeScript, under a loader, its neighbour is TypeScript as well.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  register(`./typescriptHooks.${extension}`, import.meta.url);
}
