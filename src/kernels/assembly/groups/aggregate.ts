// Folds the values of a column into the states of groups. Row j of the input is physical row `selection[j]` (row j where `selection` is 0) and
// belongs to group `groups[j]`; `valid` is 0 where a column has no nulls. States are arrays by group; see `aggregateKernels.ts`.

import { groupAt, rowAt } from "./aggregateRows";

/** A loop over all rows of a column without nulls, which is the usual case, has nothing to ask of a row. */
@inline
function sumFloats<T>(values: usize, valid: usize, groups: usize, selection: usize, n: u32, sums: usize, lost: usize, seen: usize): void {
  if ((valid | selection) == 0) sumFloatRows<T>(values, 0, groups, 0, n, sums, lost, seen);
  else sumFloatRows<T>(values, valid, groups, selection, n, sums, lost, seen);
}

@inline
function sumFloatRows<T>(values: usize, valid: usize, groups: usize, selection: usize, n: u32, sums: usize, lost: usize, seen: usize): void {
  for (let j: u32 = 0; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const group = groupAt(groups, j);
    const value = <f64>load<T>(values + row * sizeof<T>());
    const sum = load<f64>(sums + (group << 3));
    const next = sum + value;
    const error = abs(sum) >= abs(value) ? sum - next + value : value - next + sum;
    store<u8>(seen + group, 1);
    store<f64>(sums + (group << 3), next);
    store<f64>(lost + (group << 3), load<f64>(lost + (group << 3)) + error);
  }
}

/** Sums of doubles (`width` 8) or floats (4) in row order, and the rounding errors they lose (Neumaier). */
export function addFloats(
  width: u32,
  values: usize,
  valid: usize,
  groups: usize,
  selection: usize,
  n: u32,
  sums: usize,
  lost: usize,
  seen: usize,
): void {
  if (width == 8) sumFloats<f64>(values, valid, groups, selection, n, sums, lost, seen);
  else sumFloats<f32>(values, valid, groups, selection, n, sums, lost, seen);
}

@inline
function sumIntegers<T>(values: usize, valid: usize, groups: usize, selection: usize, n: u32, sums: usize, seen: usize): void {
  if ((valid | selection) == 0) sumIntegerRows<T>(values, 0, groups, 0, n, sums, seen);
  else sumIntegerRows<T>(values, valid, groups, selection, n, sums, seen);
}

@inline
function sumIntegerRows<T>(values: usize, valid: usize, groups: usize, selection: usize, n: u32, sums: usize, seen: usize): void {
  for (let j: u32 = 0; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const group = groupAt(groups, j);
    const value = <u64>load<T>(values + row * sizeof<T>());
    const at = sums + (group << 4);
    store<u8>(seen + group, 1);
    const low = load<u64>(at) + value;
    store<u64>(at, low);
    // A sum of fewer than 2^32 values of up to 32 bits does not leave 64 bits; it is widened when it is read.
    if (sizeof<T>() == 8) {
      const above: u64 = isSigned<T>() ? <u64>(<i64>value >> 63) : 0;
      store<u64>(at, load<u64>(at, 8) + above + <u64>(low < value), 8);
    }
  }
}

/** Exact sums of integers: 128 bits a group, of which types of up to 32 bits use the lower 64. `kind` is one of the integer kinds below. */
export function addIntegers(
  kind: u32,
  values: usize,
  valid: usize,
  groups: usize,
  selection: usize,
  n: u32,
  sums: usize,
  seen: usize,
): void {
  switch (kind) {
    case 0:
      return sumIntegers<i8>(values, valid, groups, selection, n, sums, seen);
    case 1:
      return sumIntegers<i16>(values, valid, groups, selection, n, sums, seen);
    case 2:
      return sumIntegers<i32>(values, valid, groups, selection, n, sums, seen);
    case 3:
      return sumIntegers<i64>(values, valid, groups, selection, n, sums, seen);
    case 4:
      return sumIntegers<u8>(values, valid, groups, selection, n, sums, seen);
    case 5:
      return sumIntegers<u16>(values, valid, groups, selection, n, sums, seen);
    case 6:
      return sumIntegers<u32>(values, valid, groups, selection, n, sums, seen);
    default:
      return sumIntegers<u64>(values, valid, groups, selection, n, sums, seen);
  }
}

/** Counts rows, or the rows with a value where `valid` is not 0. One double a group. */
export function addCounts(valid: usize, groups: usize, selection: usize, n: u32, counts: usize): void {
  if (valid == 0) {
    for (let j: u32 = 0; j < n; j++) {
      const at = counts + (groupAt(groups, j) << 3);
      store<f64>(at, load<f64>(at) + 1);
    }
    return;
  }
  for (let j: u32 = 0; j < n; j++) {
    const at = counts + (groupAt(groups, j) << 3);
    store<f64>(at, load<f64>(at) + <f64>load<u8>(valid + rowAt(selection, j)));
  }
}

/** NaN is above every number. */
@inline
function above<T>(a: T, b: T): bool {
  if (isFloat<T>()) return a > b || (a != a && b == b);
  return a > b;
}

@inline
function extremes<T>(greatest: bool, values: usize, valid: usize, groups: usize, selection: usize, n: u32, kept: usize, seen: usize): void {
  for (let j: u32 = 0; j < n; j++) {
    const row = rowAt(selection, j);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const group = groupAt(groups, j);
    const value = load<T>(values + row * sizeof<T>());
    const old = load<T>(kept + group * sizeof<T>());
    // What a float group begins with is not comparable, so that its first value never ends here.
    if (isFloat<T>() && (greatest ? old >= value : old <= value)) continue;
    const replaces = greatest ? above<T>(value, old) : above<T>(old, value);
    if (replaces || load<u8>(seen + group) == 0) {
      store<u8>(seen + group, 1);
      store<T>(kept + group * sizeof<T>(), value);
    }
  }
}

@inline
function extremesOf<T>(greatest: u32, values: usize, valid: usize, groups: usize, selection: usize, n: u32, kept: usize, seen: usize): void {
  if ((valid | selection) == 0) {
    if (greatest != 0) extremes<T>(true, values, 0, groups, 0, n, kept, seen);
    else extremes<T>(false, values, 0, groups, 0, n, kept, seen);
  } else if (greatest != 0) extremes<T>(true, values, valid, groups, selection, n, kept, seen);
  else extremes<T>(false, values, valid, groups, selection, n, kept, seen);
}

/** The least or greatest value of each group, the first of equal ones; new groups of floats begin with NaN. Kinds: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64. */
export function addExtremes(
  kind: u32,
  greatest: u32,
  values: usize,
  valid: usize,
  groups: usize,
  selection: usize,
  n: u32,
  kept: usize,
  seen: usize,
): void {
  switch (kind) {
    case 0:
      return extremesOf<i8>(greatest, values, valid, groups, selection, n, kept, seen);
    case 1:
      return extremesOf<i16>(greatest, values, valid, groups, selection, n, kept, seen);
    case 2:
      return extremesOf<i32>(greatest, values, valid, groups, selection, n, kept, seen);
    case 3:
      return extremesOf<i64>(greatest, values, valid, groups, selection, n, kept, seen);
    case 4:
      return extremesOf<u8>(greatest, values, valid, groups, selection, n, kept, seen);
    case 5:
      return extremesOf<u16>(greatest, values, valid, groups, selection, n, kept, seen);
    case 6:
      return extremesOf<u32>(greatest, values, valid, groups, selection, n, kept, seen);
    case 7:
      return extremesOf<u64>(greatest, values, valid, groups, selection, n, kept, seen);
    case 8:
      return extremesOf<f32>(greatest, values, valid, groups, selection, n, kept, seen);
    default:
      return extremesOf<f64>(greatest, values, valid, groups, selection, n, kept, seen);
  }
}

/** Counts as whole numbers of 64 bits, row i that of group `order[i]`. */
export function orderedCounts(counts: usize, order: usize, n: u32, to: usize): void {
  for (let i: u32 = 0; i < n; i++) store<i64>(to + (<usize>i << 3), <i64>load<f64>(counts + (groupAt(order, i) << 3)));
}

/** Sums of `addIntegers` as whole numbers of 64 bits, in an order as above; 0 where one of them, of which all 128 bits were kept (`bits`), has more. */
export function orderedSums(sums: usize, bits: u32, order: usize, n: u32, to: usize): u32 {
  let lost: i64 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const at = sums + (groupAt(order, i) << 4);
    const low = load<i64>(at);
    lost |= (low >> 63) ^ load<i64>(at, 8);
    store<i64>(to + (<usize>i << 3), low);
  }
  return bits == 64 || lost == 0 ? 1 : 0;
}

/** Sums of `addFloats` with what they lost, in an order as above. An infinite sum makes the error NaN; the sum itself is right then. */
export function orderedFloats(sums: usize, lost: usize, order: usize, n: u32, to: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    const group = groupAt(order, i);
    const sum = load<f64>(sums + (group << 3));
    const careful = sum + load<f64>(lost + (group << 3));
    store<f64>(to + (<usize>i << 3), careful != careful ? sum : careful);
  }
}

/** Bytes that are 0 or 1, in an order as above; whether all are 1. */
export function orderedSeen(seen: usize, order: usize, n: u32, to: usize): u32 {
  let all: u8 = 1;
  for (let i: u32 = 0; i < n; i++) {
    const one = load<u8>(seen + groupAt(order, i));
    all &= one;
    store<u8>(to + <usize>i, one);
  }
  return all;
}
