// Sorts the rows of every group by themselves.
import { sharedPrefix, storeRecord } from "../sorts/sortPrefixes";
import { sortRecords } from "../sorts/sortRecords";

/** The rows [0, n) group by group, stable: `order` gets the rows, `bounds` (u32, one more than groups) where each group begins. */
export function groupRows(groups: usize, n: u32, count: u32, bounds: usize, order: usize): void {
  memory.fill(bounds, 0, (<usize>count + 1) << 2);
  for (let i: u32 = 0; i < n; i++) {
    const b = bounds + (<usize>load<u32>(groups + (<usize>i << 2)) << 2);
    store<u32>(b, load<u32>(b) + 1);
  }
  let sum: u32 = 0;
  for (let g: u32 = 0; g <= count; g++) {
    const b = bounds + (<usize>g << 2);
    const size = load<u32>(b);
    store<u32>(b, sum);
    sum += size;
  }
  for (let i: u32 = 0; i < n; i++) {
    const b = bounds + (<usize>load<u32>(groups + (<usize>i << 2)) << 2);
    const at = load<u32>(b);
    store<u32>(b, at + 1);
    store<u32>(order + (<usize>at << 2), i);
  }
  // Each group's cursor now stands where the next one began.
  for (let g = count; g > 0; g--) store<u32>(bounds + (<usize>g << 2), load<u32>(bounds + (<usize>(g - 1) << 2)));
  store<u32>(bounds, 0);
}

/**
 * Sorts the rows of each group by their byte strings, stable: `order` has them group by group as `bounds` says. `records` and `spare` hold 16 bytes
 * for each row of the largest group. Reads up to 7 bytes past the last string.
 */
export function sortGroups(
  bytes: usize,
  offsets: usize,
  n: u32,
  bounds: usize,
  count: u32,
  records: usize,
  spare: usize,
  order: usize,
): void {
  if (n == 0) return;
  const skip = sharedPrefix(bytes, offsets, n);
  for (let g: u32 = 0; g < count; g++) {
    const first = load<u32>(bounds + (<usize>g << 2));
    const size = load<u32>(bounds + (<usize>g << 2), 4) - first;
    if (size < 2) continue;
    const rows = order + (<usize>first << 2);
    for (let i: u32 = 0; i < size; i++) storeRecord(bytes, offsets, load<u32>(rows + (<usize>i << 2)), skip, records + (<usize>i << 4));
    const sorted = sortRecords(records, spare, size, bytes, offsets, skip + 8);
    for (let i: u32 = 0; i < size; i++) store<u32>(rows + (<usize>i << 2), load<u32>(sorted + (<usize>i << 4), 8));
  }
}

/** Marks (1) the rows in `order` whose string is not that of the row before, but for its last `suffix` bytes. */
export function markChanges(bytes: usize, offsets: usize, n: u32, suffix: u32, order: usize, marks: usize): void {
  let before: usize = 0;
  let beforeLength: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const place = offsets + (<usize>load<u32>(order + (<usize>i << 2)) << 2);
    const start = load<u32>(place);
    const length = load<u32>(place, 4) - start - suffix;
    const at = bytes + start;
    let same = i > 0 && length == beforeLength;
    let j: u32 = 0;
    for (; same && j + 8 <= length; j += 8) same = load<u64>(at + j) == load<u64>(before + j);
    for (; same && j < length; j++) same = load<u8>(at + j) == load<u8>(before + j);
    store<u8>(marks + i, <u8>!same);
    before = at;
    beforeLength = length;
  }
}
