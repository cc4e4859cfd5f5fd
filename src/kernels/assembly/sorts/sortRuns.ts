// Sorts rows by byte strings.
import { storeRecords } from "./sortPrefixes";
import { merge, notAfter, sortRecords } from "./sortRecords";

/**
 * Sorts rows by their byte strings, stable: `order` gets the rows. `records` and `spare` hold 16 bytes a row. The rows may consist of `runs` parts
 * that are sorted by themselves: `bounds` (u32, one more than runs) says where each begins; 0 runs where nothing is known. Uses `bounds`
 * up. Reads up to 15 bytes past the last string.
 */
export function sortKeys(
  bytes: usize,
  offsets: usize,
  n: u32,
  bounds: usize,
  runs: u32,
  records: usize,
  spare: usize,
  order: usize,
): void {
  if (n == 0) return;
  const from = storeRecords(bytes, offsets, n, records);
  let sorted = records;
  // What is not known yet has room for what it says of runs.
  const found = runs == 0 ? naturalRuns(records, n, bytes, offsets, from, order) : 0;
  if (found > 0) sorted = mergeRuns(records, spare, order, found, bytes, offsets, from);
  else if (runs == 0) sorted = sortRecords(records, spare, n, bytes, offsets, from);
  else sorted = mergeRuns(records, spare, bounds, runs, bytes, offsets, from);
  for (let i: u32 = 0; i < n; i++) store<u32>(order + (<usize>i << 2), load<u32>(sorted + (<usize>i << 4), 8));
}

/** Rows of a run from which on it is worth knowing of. */
const leastRun: u32 = 32;

/**
 * The runs in which rows stand in order already, as numbers that count up and times do in most files (natural merge sort: Knuth, The Art of Computer
 * Programming, volume 3, 5.2.4). `bounds` gets where each begins; 0 where they are short.
 */
function naturalRuns(records: usize, n: u32, bytes: usize, offsets: usize, from: u32, bounds: usize): u32 {
  const most = n / leastRun;
  let runs: u32 = 0;
  let before = records;
  for (let i: u32 = 1; i < n; i++) {
    const at = before + 16;
    if (!notAfter(before, at, bytes, offsets, from)) {
      if (++runs > most) return 0;
      store<u32>(bounds + (<usize>runs << 2), i);
    }
    before = at;
  }
  store<u32>(bounds, 0);
  store<u32>(bounds + (<usize>(++runs) << 2), n);
  return runs;
}

/** Merges neighbours until one run is left. */
function mergeRuns(records: usize, spare: usize, bounds: usize, runs: u32, bytes: usize, offsets: usize, from: u32): usize {
  let a = records;
  let b = spare;
  while (runs > 1) {
    let left: u32 = 0;
    for (let run: u32 = 0; run < runs; run += 2) {
      const first = load<u32>(bounds + (<usize>run << 2));
      const middle = load<u32>(bounds + (<usize>(run + 1) << 2));
      const end = run + 1 < runs ? load<u32>(bounds + (<usize>(run + 2) << 2)) : middle;
      merge(a, first, middle, end, b, bytes, offsets, from);
      store<u32>(bounds + (<usize>left << 2), first);
      left++;
      store<u32>(bounds + (<usize>left << 2), end);
    }
    runs = left;
    const swap = a;
    a = b;
    b = swap;
  }
  return a;
}
