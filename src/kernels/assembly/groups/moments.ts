// Counts, means and sums of squared differences from the mean by group, 24 bytes each. Arguments as in `aggregate.ts`; rows before `from` are left out,
// and where `groups` is 0 all rows belong to the first group.
import { groupAt, rowAt } from "./aggregateRows";

/** Integers up to this are exact doubles. */
const mostExact: i64 = 9007199254740991;

/** Folds one value more into a group (Welford). */
@inline
function fold(state: usize, value: f64): void {
  const n = load<f64>(state) + 1;
  const before = load<f64>(state, 8);
  const delta = value - before;
  const mean = before + delta / n;
  store<f64>(state, n);
  store<f64>(state, mean, 8);
  store<f64>(state, load<f64>(state, 16) + delta * (value - mean), 16);
}

/** As `fold`, for rows of one group: what is folded is not stored between them. */
@inline
function foldGroup<T>(values: usize, valid: usize, selection: usize, from: u32, n: u32, state: usize): u32 {
  let count = load<f64>(state);
  let mean = load<f64>(state, 8);
  let squares = load<f64>(state, 16);
  for (let j = from; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const value = <f64>load<T>(values + row * sizeof<T>());
    count += 1;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  store<f64>(state, count);
  store<f64>(state, mean, 8);
  store<f64>(state, squares, 16);
  return n;
}

@inline
function foldRows<T>(values: usize, valid: usize, groups: usize, selection: usize, from: u32, n: u32, states: usize): u32 {
  if (groups == 0) return foldGroup<T>(values, valid, selection, from, n, states);
  for (let j = from; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    fold(states + groupAt(groups, j) * 24, <f64>load<T>(values + row * sizeof<T>()));
  }
  return n;
}

/** A decimal is divided by `unit` where it is an exact double. Ends at the first row where it is not. */
@inline
function foldDecimals(words: u32, values: usize, valid: usize, groups: usize, selection: usize, from: u32, n: u32, unit: f64, states: usize): u32 {
  for (let j = from; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const at = values + row * (<usize>words << 3);
    const whole = load<i64>(at);
    if (whole > mostExact || whole < -mostExact || (words == 2 && load<i64>(at, 8) != whole >> 63)) return j;
    fold(groups == 0 ? states : states + groupAt(groups, j) * 24, <f64>whole / unit);
  }
  return n;
}

/**
 * Folds the rows from `from` on; answers the first that was not done. `kind`: 0 to 3 signed and 4 to 7 unsigned integers of 1, 2, 4 and 8 bytes, 8 and 9
 * floats, 10 and 11 decimals of 8 and 16 bytes, which are divided by `unit`.
 */
export function addMoments(kind: u32, values: usize, valid: usize, groups: usize, selection: usize, from: u32, n: u32, unit: f64, states: usize): u32 {
  switch (kind) {
    case 0:
      return foldRows<i8>(values, valid, groups, selection, from, n, states);
    case 1:
      return foldRows<i16>(values, valid, groups, selection, from, n, states);
    case 2:
      return foldRows<i32>(values, valid, groups, selection, from, n, states);
    case 3:
      return foldRows<i64>(values, valid, groups, selection, from, n, states);
    case 4:
      return foldRows<u8>(values, valid, groups, selection, from, n, states);
    case 5:
      return foldRows<u16>(values, valid, groups, selection, from, n, states);
    case 6:
      return foldRows<u32>(values, valid, groups, selection, from, n, states);
    case 7:
      return foldRows<u64>(values, valid, groups, selection, from, n, states);
    case 8:
      return foldRows<f32>(values, valid, groups, selection, from, n, states);
    case 9:
      return foldRows<f64>(values, valid, groups, selection, from, n, states);
    case 10:
      return foldDecimals(1, values, valid, groups, selection, from, n, unit, states);
    default:
      return foldDecimals(2, values, valid, groups, selection, from, n, unit, states);
  }
}
