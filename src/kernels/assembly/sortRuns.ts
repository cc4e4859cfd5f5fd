// Sorts rows by byte strings. A record is 16 bytes: a prefix of the string as a number, and the row.
import { bigEndian } from "./orderedKeys";

/** How many bytes all strings begin with alike. */
export function sharedPrefix(bytes: usize, offsets: usize, n: u32): u32 {
  const start = load<u32>(offsets);
  let shared = load<u32>(offsets, 4) - start;
  for (let i: u32 = 1; i < n && shared > 0; i++) {
    const other = load<u32>(offsets + (<usize>i << 2));
    shared = min(shared, load<u32>(offsets + (<usize>i << 2), 4) - other);
    let j: u32 = 0;
    while (j + 8 <= shared && load<u64>(bytes + start + j) == load<u64>(bytes + other + j)) j += 8;
    while (j < shared && load<u8>(bytes + start + j) == load<u8>(bytes + other + j)) j++;
    shared = j;
  }
  return shared;
}

/** Whether row a's string is not after row b's, where both prefixes are equal; bytes from `from` on decide. */
function tailNotAfter(a: u32, b: u32, bytes: usize, offsets: usize, from: u32): bool {
  const sa = load<u32>(offsets + (<usize>a << 2));
  const sb = load<u32>(offsets + (<usize>b << 2));
  const la = load<u32>(offsets + (<usize>a << 2), 4) - sa;
  const lb = load<u32>(offsets + (<usize>b << 2), 4) - sb;
  const shared = min(la, lb);
  let j = from;
  for (; j + 8 <= shared; j += 8) {
    const x = load<u64>(bytes + sa + j);
    const y = load<u64>(bytes + sb + j);
    if (x != y) return bigEndian(x) < bigEndian(y);
  }
  for (; j < shared; j++) {
    const x = load<u8>(bytes + sa + j);
    const y = load<u8>(bytes + sb + j);
    if (x != y) return x < y;
  }
  return la <= lb;
}

/**
 * Sorts rows by their byte strings, stable: `order` gets the rows. `records` and `spare` hold 16 bytes a row. The rows may consist of `runs` parts
 * that are sorted by themselves: `bounds` (u32, one more than runs) says where each begins; 0 runs where nothing is known. Uses `bounds`
 * up. Reads up to 7 bytes past the last string.
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
  const skip = sharedPrefix(bytes, offsets, n);
  for (let i: u32 = 0; i < n; i++) storeRecord(bytes, offsets, i, skip, records + (<usize>i << 4));
  const from = skip + 8;
  let sorted = records;
  // What is not known yet has room for what it says of runs.
  const found = runs == 0 ? naturalRuns(records, n, bytes, offsets, from, order) : 0;
  if (found > 0) sorted = mergeRuns(records, spare, order, found, bytes, offsets, from);
  else if (runs == 0) sorted = sortRecords(records, spare, n, bytes, offsets, from);
  else sorted = mergeRuns(records, spare, bounds, runs, bytes, offsets, from);
  for (let i: u32 = 0; i < n; i++) store<u32>(order + (<usize>i << 2), load<u32>(sorted + (<usize>i << 4), 8));
}

/** The record of a row; strings are compared from byte `skip` on. */
export function storeRecord(bytes: usize, offsets: usize, row: u32, skip: u32, record: usize): void {
  const start = load<u32>(offsets + (<usize>row << 2)) + skip;
  const length = load<u32>(offsets + (<usize>row << 2), 4) - start;
  const word = length >= 8 ? load<u64>(bytes + start) : length == 0 ? 0 : load<u64>(bytes + start) & (~(<u64>0) >> <u64>((8 - length) << 3));
  store<u64>(record, bigEndian(word));
  store<u32>(record, row, 8);
}

/** Whether record b may stand behind record a. */
@inline
function notAfter(a: usize, b: usize, bytes: usize, offsets: usize, from: u32): bool {
  const pa = load<u64>(a);
  const pb = load<u64>(b);
  return pa < pb || (pa == pb && tailNotAfter(load<u32>(a, 8), load<u32>(b, 8), bytes, offsets, from));
}

/** Sorts records, stable; answers which of both places has them. Strings are alike up to byte `from` where prefixes are. */
export function sortRecords(records: usize, spare: usize, n: u32, bytes: usize, offsets: usize, from: u32): usize {
  const run: u32 = 8;
  for (let first: u32 = 0; first < n; first += run) insertionSort(records, first, min(first + run, n), bytes, offsets, from);
  let a = records;
  let b = spare;
  for (let size = run; size < n; size <<= 1) {
    for (let first: u32 = 0; first < n; first += size << 1) {
      const middle = min(first + size, n);
      merge(a, first, middle, min(middle + size, n), b, bytes, offsets, from);
    }
    const swap = a;
    a = b;
    b = swap;
  }
  return a;
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

function insertionSort(records: usize, first: u32, end: u32, bytes: usize, offsets: usize, from: u32): void {
  for (let i = first + 1; i < end; i++) {
    const p = load<u64>(records + (<usize>i << 4));
    const r = load<u32>(records + (<usize>i << 4), 8);
    let j = i;
    for (; j > first; j--) {
      const q = records + (<usize>(j - 1) << 4);
      const before = load<u64>(q);
      if (before < p || (before == p && tailNotAfter(load<u32>(q, 8), r, bytes, offsets, from))) break;
      v128.store(records + (<usize>j << 4), v128.load(q));
    }
    store<u64>(records + (<usize>j << 4), p);
    store<u32>(records + (<usize>j << 4), r, 8);
  }
}

function merge(records: usize, first: u32, middle: u32, end: u32, out: usize, bytes: usize, offsets: usize, from: u32): void {
  let a = records + (<usize>first << 4);
  const aEnd = records + (<usize>middle << 4);
  let b = aEnd;
  const bEnd = records + (<usize>end << 4);
  let o = out + (<usize>first << 4);
  if (a == aEnd || b == bEnd || notAfter(aEnd - 16, b, bytes, offsets, from)) {
    memory.copy(o, a, bEnd - a);
    return;
  }
  while (a < aEnd && b < bEnd) {
    const pa = load<u64>(a);
    const pb = load<u64>(b);
    // Which comes next cannot be foreseen: it is computed, not jumped on.
    let left: usize = pa < pb ? 16 : 0;
    if (pa == pb) left = tailNotAfter(load<u32>(a, 8), load<u32>(b, 8), bytes, offsets, from) ? 16 : 0;
    v128.store(o, v128.load(select<usize>(a, b, left != 0)));
    o += 16;
    a += left;
    b += 16 - left;
  }
  if (a < aEnd) memory.copy(o, a, aEnd - a);
  else memory.copy(o, b, bEnd - b);
}
