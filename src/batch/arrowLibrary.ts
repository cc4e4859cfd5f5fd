import type * as Arrow from "apache-arrow";
import { bundled } from "../common/beside.js";
import { requireLibrary } from "../common/library.js";

let library: typeof Arrow | null = null;

/**
 * Apache Arrow, loaded at its first use: most tasks never need it. In the package it is a copy of the library in one file. What it makes is
 * recognised by `instanceof` and by the predicates of any other copy from version 21.2 on (`Table`, `RecordBatch`, `Schema`, `Field`,
 * `Vector`, `Data`, `DataType`); classes of single types are not, where `DataType.isUtf8(type)` and its siblings say the same.
 */
export const arrow: typeof Arrow = new Proxy({} as typeof Arrow, {
  get(_, name) {
    library ??= requireLibrary("apache-arrow") as typeof Arrow;
    return library[name as keyof typeof Arrow];
  },
});

/** Loads Arrow before it is needed. Among the modules, where nothing is bundled, it is the copy that `import … from "apache-arrow"` gives. */
export async function loadArrow(): Promise<void> {
  library = bundled ? (requireLibrary("apache-arrow") as typeof Arrow) : await import("apache-arrow");
}
