import type { FlatPage } from "./parquetFlatPages.js";
import { decodeHybrid } from "./parquetRle.js";

/** Which dictionary value each live row of a page has; null where one is not there. */
export function placesOf({ bytes, at, live }: FlatPage, size: number): Int32Array | null {
  const places = new Int32Array(live);
  if (live === 0) return places;
  const bits = bytes[at];
  if (bits === undefined || !decodeHybrid(bytes, at + 1, bytes.length, bits, live, places)) return null;
  let most = 0;
  for (let i = 0; i < live; i++) if ((places[i] as number) > most) most = places[i] as number;
  return most < size ? places : null;
}

/** Which rows are there, once a page has nulls. */
export class Validity {
  bytes: Uint8Array | null = null;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  add({ valid }: FlatPage, at: number): void {
    if (valid === null) return;
    this.bytes ??= new Uint8Array(this.#rows).fill(1);
    this.bytes.set(valid, at);
  }
}
