// Sorts the records of rows.
import { bigEndian } from "../groups/orderedKeys";
import { storeRecord } from "./sortPrefixes";

/** Whether record b may stand behind record a. */
@inline
export function notAfter(a: usize, b: usize, bytes: usize, offsets: usize, from: u32): bool {
  const pa = load<u64>(a);
  const pb = load<u64>(b);
  return pa < pb || (pa == pb && tailNotAfter(load<u32>(a, 8), load<u32>(b, 8), bytes, offsets, from));
}

/**
 * Sorts records, stable; answers which of both places has them. Strings are alike up to byte `from` where prefixes are. Many are sorted by the digits of
 * their prefixes (Knuth, The Art of Computer Programming, volume 3, 5.2.5), then those of each prefix by the bytes behind it.
 */
export function sortRecords(records: usize, spare: usize, n: u32, bytes: usize, offsets: usize, from: u32, depth: u32 = 0): usize {
  if (n < leastDigits || depth > mostDepth) return mergeSort(records, spare, n, bytes, offsets, from);
  const sorted = sortDigits(records, spare, n);
  const other = sorted == records ? spare : records;
  for (let first: u32 = 0; first < n; ) {
    const prefix = load<u64>(sorted + (<usize>first << 4));
    let end = first + 1;
    while (end < n && load<u64>(sorted + (<usize>end << 4)) == prefix) end++;
    if (end - first > 1) {
      const place = <usize>first << 4;
      const at = sortAlike(sorted + place, other + place, end - first, bytes, offsets, from, depth);
      if (at != sorted + place) memory.copy(sorted + place, at, <usize>(end - first) << 4);
    }
    first = end;
  }
  return sorted;
}

/** Fewer records are merged. */
const leastDigits: u32 = 256;
/** Fewer records with one prefix are compared by their bytes. */
const leastAlike: u32 = 12;
/** Strings that go on alike for longer than that many times differ in too few rows each time for digits to pay. */
const mostDepth: u32 = 32;

/** The same of records that all have one prefix. */
function sortAlike(records: usize, spare: usize, n: u32, bytes: usize, offsets: usize, from: u32, depth: u32): usize {
  if (n < leastAlike) {
    insertionSort(records, 0, n, bytes, offsets, from);
    return records;
  }
  const end = records + (<usize>n << 4);
  const start = load<u32>(offsets + (<usize>load<u32>(records, 8) << 2));
  const length = load<u32>(offsets + (<usize>load<u32>(records, 8) << 2), 4) - start;
  let shortest = length;
  let longest = length;
  let shared = length;
  for (let at = records + 16; at < end; at += 16) {
    const place = offsets + (<usize>load<u32>(at, 8) << 2);
    const other = load<u32>(place);
    const long = load<u32>(place, 4) - other;
    shortest = min(shortest, long);
    longest = max(longest, long);
    shared = min(shared, long);
    let j = from;
    while (j + 8 <= shared && load<u64>(bytes + start + j) == load<u64>(bytes + other + j)) j += 8;
    while (j < shared && load<u8>(bytes + start + j) == load<u8>(bytes + other + j)) j++;
    shared = j < shared ? j : shared;
  }
  // Equal strings stay as they came.
  if (shared >= longest) return records;
  const next = max(shared, from);
  // Those that end here come first, which prefixes would not say.
  if (shortest <= next) return mergeSort(records, spare, n, bytes, offsets, from);
  for (let at = records; at < end; at += 16) storeRecord(bytes, offsets, load<u32>(at, 8), next, at);
  return sortRecords(records, spare, n, bytes, offsets, next + 8, depth + 1);
}

/** How often each value of each byte of a prefix occurs. */
const digits = memory.data(8 * 256 * 4, 16);

/** Sorts records by their prefixes alone, stable. Bytes that are the same everywhere cost no pass. */
function sortDigits(records: usize, spare: usize, n: u32): usize {
  memory.fill(digits, 0, 8 * 256 * 4);
  const end = records + (<usize>n << 4);
  for (let at = records; at < end; at += 16) {
    let word = load<u64>(at);
    for (let byte: usize = 0; byte < 8; byte++) {
      const count = digits + (byte << 10) + (<usize>(word & 255) << 2);
      store<u32>(count, load<u32>(count) + 1);
      word >>= 8;
    }
  }
  let a = records;
  let b = spare;
  for (let byte: usize = 0; byte < 8; byte++) {
    const counts = digits + (byte << 10);
    const shift = <u64>(byte << 3);
    if (load<u32>(counts + (<usize>((load<u64>(a) >> shift) & 255) << 2)) == n) continue;
    let sum: usize = b;
    for (let value: usize = 0; value < 256; value++) {
      const count = <usize>load<u32>(counts + (value << 2));
      store<u32>(counts + (value << 2), <u32>sum);
      sum += count << 4;
    }
    const stop = a + (<usize>n << 4);
    for (let at = a; at < stop; at += 16) {
      const place = counts + (<usize>((load<u64>(at) >> shift) & 255) << 2);
      const to = <usize>load<u32>(place);
      store<u32>(place, <u32>(to + 16));
      v128.store(to, v128.load(at));
    }
    const swap = a;
    a = b;
    b = swap;
  }
  return a;
}

/** Sorts records, stable, by comparing them. */
function mergeSort(records: usize, spare: usize, n: u32, bytes: usize, offsets: usize, from: u32): usize {
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

/** Merges two neighbouring runs of records. */
export function merge(records: usize, first: u32, middle: u32, end: u32, out: usize, bytes: usize, offsets: usize, from: u32): void {
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
