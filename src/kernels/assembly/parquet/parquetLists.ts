// Rows of a list column and their slots: one for each item, and one for a list that is null, empty, or not there. A slot's definition level says how far
// the way to its value is there, its repetition level (0 where a row begins) which list it goes on with.
import { rowAt } from "../groups/aggregateRows";

@inline
function isThere(above: usize, most: u32, i: usize): bool {
  return above == 0 || <u32>load<u8>(above + i) == most;
}

/**
 * How many slots the lists of `n` slots come to. The first item that they reach, where the last one ends (u32 each) and the number of items (f64, at 8)
 * go to `out`. `above`: their definition levels, `most` where a list is there; 0: they all are. `rows`: the row of each slot; 0: they are the rows.
 */
export function listSlots(rows: usize, n: usize, above: usize, most: u32, starts: usize, ends: usize, out: usize): f64 {
  let low = u32.MAX_VALUE;
  let high: u32 = 0;
  let items: u64 = 0;
  let without: u64 = 0;
  for (let i: usize = 0; i < n; i++) {
    let count: u32 = 0;
    if (isThere(above, most, i)) {
      const at = rowAt(rows, <u32>i) << 2;
      const start = load<u32>(starts + at);
      const end = load<u32>(ends + at);
      count = end - start;
      if (count > 0) {
        low = min(low, start);
        high = max(high, end);
      }
    }
    items += <u64>count;
    without += <u64>(count == 0);
  }
  store<u32>(out, min(low, high));
  store<u32>(out, high, 4);
  store<f64>(out, <f64>items, 8);
  return <f64>(items + without);
}

/**
 * Writes the slots that the lists of `n` slots come to: levels (a byte each) and the row of its item, counted from `low`, or with `isPacked` from 0 on by
 * one. `reps`: repetition levels of the slots that the lists have; 0: each begins a row. `depth`: how manieth list on the way this one is, from 1.
 */
export function putSlots(
  rows: usize,
  n: usize,
  above: usize,
  most: u32,
  reps: usize,
  depth: u32,
  starts: usize,
  ends: usize,
  low: u32,
  isPacked: bool,
  toLevels: usize,
  toReps: usize,
  toRows: usize,
): void {
  let slot: usize = 0;
  let packed: u32 = 0;
  for (let i: usize = 0; i < n; i++) {
    const rep = reps != 0 ? load<u8>(reps + i) : 0;
    let count: u32 = 0;
    let item: u32 = 0;
    const there = isThere(above, most, i);
    if (there) {
      const at = rowAt(rows, <u32>i) << 2;
      const start = load<u32>(starts + at);
      count = load<u32>(ends + at) - start;
      item = isPacked ? packed : start - low;
    }
    store<u8>(toReps + slot, rep);
    if (count == 0) {
      store<u8>(toLevels + slot, there ? <u8>most : load<u8>(above + i));
      store<u32>(toRows + (slot << 2), 0);
      slot++;
      continue;
    }
    packed += count;
    store<u8>(toLevels + slot, <u8>(most + 1));
    store<u32>(toRows + (slot << 2), item);
    slot++;
    for (let k: u32 = 1; k < count; k++) {
      store<u8>(toReps + slot, <u8>depth);
      store<u8>(toLevels + slot, <u8>(most + 1));
      store<u32>(toRows + (slot << 2), item + k);
      slot++;
    }
  }
}
