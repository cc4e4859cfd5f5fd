import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** A spilling operator frees its files within a tenth of a second of its peak; a look costs some 20 µs. */
const everyMs = 20;

/** Looks at the folder that DuckDB spills to while a query runs; the function that it gives ends that and tells the most bytes it held. */
export function watchSpill(folder: string): () => number {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, bytesIn(folder));
  };
  const timer = setInterval(look, everyMs).unref();
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

/** DuckDB makes the folder when it spills, and removes files while they are looked at. */
function bytesIn(folder: string): number {
  try {
    return readdirSync(folder).reduce(
      (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  } catch {
    return 0;
  }
}
