/** Numbers of the rows of a batch, one after the other: stretches of it are copied faster than they are counted out. */
let everyRow = new Int32Array(0);

/** The first failure of each row, in the order of the rows. Those of one column come in that order already. */
export function firstOfRows<Failure extends { readonly row: number }>(failures: readonly Failure[]): readonly Failure[] {
  let last = -1;
  for (const { row } of failures) {
    if (row <= last) return sorted(failures);
    last = row;
  }
  return failures;
}

function sorted<Failure extends { readonly row: number }>(failures: readonly Failure[]): readonly Failure[] {
  const byRow = new Map<number, Failure>();
  for (const failure of failures) if (!byRow.has(failure.row)) byRow.set(failure.row, failure);
  return [...byRow.values()].sort((a, b) => a.row - b.row);
}

/** Selections of one reader: each is good until the next one is made, as the reader's batches are. */
export class LiveRows {
  #memory = new Int32Array(0);

  /** The rows of `count` but for the failed ones, which come in ascending order, each once. */
  without(count: number, failed: readonly { readonly row: number }[]): Int32Array {
    if (everyRow.length < count) everyRow = Int32Array.from({ length: count }, (_, row) => row);
    if (this.#memory.length < count) this.#memory = new Int32Array(count);
    const live = this.#memory;
    let at = 0;
    let from = 0;
    for (const { row } of failed) {
      live.set(everyRow.subarray(from, row), at);
      at += row - from;
      from = row + 1;
    }
    live.set(everyRow.subarray(from, count), at);
    return live.subarray(0, at + count - from);
  }
}
