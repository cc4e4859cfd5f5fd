import { createRequire } from "node:module";
import type * as Arrow from "apache-arrow";

let library: typeof Arrow | null = null;

/**
 * Apache Arrow, loaded at its first use: it takes a tenth of a second, and most tasks never need it. Its classes are the CommonJS ones
 * until `loadArrow` was awaited; nobody outside sees those.
 */
export const arrow: typeof Arrow = new Proxy({} as typeof Arrow, {
  get(_, name) {
    library ??= createRequire(import.meta.url)("apache-arrow") as typeof Arrow;
    return library[name as keyof typeof Arrow];
  },
});

/** Makes tables and batches from now on instances of the classes that a program gets by `import … from "apache-arrow"`. */
export async function loadArrow(): Promise<void> {
  library = await import("apache-arrow");
}
