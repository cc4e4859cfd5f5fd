// Puts rows into another order: by bucket of their hash, or by their keys.

/**
 * Where each of the rows [0, n) stands once they are in the order of the upper `bits` (1 or more) of their hashes, stable. `bounds` (u32, 2^bits + 1
 * of them) gets where each bucket begins.
 */
export function bucketPlaces(hashes: usize, n: u32, bits: u32, bounds: usize, places: usize): void {
  const buckets: u32 = 1 << bits;
  memory.fill(bounds, 0, (<usize>buckets + 1) << 2);
  const shift: u32 = 32 - bits;
  for (let i: u32 = 0; i < n; i++) {
    const b = bounds + (<usize>(load<u32>(hashes + (<usize>i << 2)) >> shift) << 2);
    store<u32>(b, load<u32>(b) + 1);
  }
  let sum: u32 = 0;
  for (let b: u32 = 0; b <= buckets; b++) {
    const p = bounds + (<usize>b << 2);
    const size = load<u32>(p);
    store<u32>(p, sum);
    sum += size;
  }
  for (let i: u32 = 0; i < n; i++) {
    const b = bounds + (<usize>(load<u32>(hashes + (<usize>i << 2)) >> shift) << 2);
    const at = load<u32>(b);
    store<u32>(b, at + 1);
    store<u32>(places + (<usize>i << 2), at);
  }
  // Each bucket's cursor now stands where the next one began.
  for (let b = buckets; b > 0; b--) store<u32>(bounds + (<usize>b << 2), load<u32>(bounds + (<usize>(b - 1) << 2)));
  store<u32>(bounds, 0);
}

/** The rows in their new order, from the place of each: order[places[i]] = i. */
export function orderOfPlaces(places: usize, n: u32, order: usize): void {
  for (let i: u32 = 0; i < n; i++) store<u32>(order + (<usize>load<u32>(places + (<usize>i << 2)) << 2), i);
}

/**
 * out[places[i]] = values[i] for values of `width` bytes (1, 2, 4, 8 or 16). With few buckets this reads in one stream and writes in as many as there
 * are buckets, where `permuteFixed` would fetch each piece of memory once for every bucket.
 */
export function placeFixed(values: usize, width: u32, places: usize, n: u32, out: usize): void {
  const end = places + (<usize>n << 2);
  switch (width) {
    case 1:
      for (; places < end; places += 4) store<u8>(out + <usize>load<u32>(places), load<u8>(values++));
      break;
    case 2:
      for (; places < end; places += 4, values += 2) store<u16>(out + (<usize>load<u32>(places) << 1), load<u16>(values));
      break;
    case 4:
      for (; places < end; places += 4, values += 4) store<u32>(out + (<usize>load<u32>(places) << 2), load<u32>(values));
      break;
    case 8:
      for (; places < end; places += 4, values += 8) store<u64>(out + (<usize>load<u32>(places) << 3), load<u64>(values));
      break;
    default:
      for (; places < end; places += 4, values += 16) v128.store(out + (<usize>load<u32>(places) << 4), v128.load(values));
  }
}

/** Records of `count` 8-byte words, each to its place. */
export function placeWords(words: usize, count: u32, places: usize, n: u32, out: usize): void {
  const size = <usize>count << 3;
  for (let i: u32 = 0; i < n; i++) {
    const to = out + <usize>load<u32>(places + (<usize>i << 2)) * size;
    for (let k: usize = 0; k < size; k += 8) store<u64>(to + k, load<u64>(words + k));
    words += size;
  }
}

/** out[i] = values[order[i]] for values of `width` bytes (1, 2, 4, 8 or 16). */
export function permuteFixed(values: usize, width: u32, order: usize, n: u32, out: usize): void {
  const end = order + (<usize>n << 2);
  switch (width) {
    case 1:
      for (; order < end; order += 4) store<u8>(out++, load<u8>(values + <usize>load<u32>(order)));
      break;
    case 2:
      for (; order < end; order += 4, out += 2) store<u16>(out, load<u16>(values + (<usize>load<u32>(order) << 1)));
      break;
    case 4:
      for (; order < end; order += 4, out += 4) store<u32>(out, load<u32>(values + (<usize>load<u32>(order) << 2)));
      break;
    case 8:
      for (; order < end; order += 4, out += 8) store<u64>(out, load<u64>(values + (<usize>load<u32>(order) << 3)));
      break;
    default:
      for (; order < end; order += 4, out += 16) v128.store(out, v128.load(values + (<usize>load<u32>(order) << 4)));
  }
}

/** Byte strings in another order, one after the other; `outOffsets` has n + 1 entries. Reads and writes up to 7 bytes past the ends. */
export function permuteBytes(bytes: usize, offsets: usize, order: usize, n: u32, out: usize, outOffsets: usize): void {
  let at: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    store<u32>(outOffsets + (<usize>i << 2), at);
    const row = offsets + (<usize>load<u32>(order + (<usize>i << 2)) << 2);
    const start = load<u32>(row);
    const length = load<u32>(row, 4) - start;
    const from = bytes + start;
    const to = out + at;
    if (length > 64) memory.copy(to, from, length);
    else for (let j: u32 = 0; j < length; j += 8) store<u64>(to + j, load<u64>(from + j));
    at += length;
  }
  store<u32>(outOffsets + (<usize>n << 2), at);
}

/** Appends the byte strings of n rows; `offsets` gets n + 1 entries that begin with `at`. Null rows are empty. */
export function appendTexts(
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  selection: usize,
  n: u32,
  out: usize,
  at: u32,
  offsets: usize,
): void {
  for (let i: u32 = 0; i < n; i++) {
    store<u32>(offsets + (<usize>i << 2), at);
    const row = selection == 0 ? <usize>i : <usize>load<u32>(selection + (<usize>i << 2));
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    const from = bytes + start;
    if (length > 64) memory.copy(out + at, from, length);
    else for (let j: u32 = 0; j < length; j += 8) store<u64>(out + at + j, load<u64>(from + j));
    at += length;
  }
  store<u32>(offsets + (<usize>n << 2), at);
}

/** Whether offset i is `each` * i, for i from 0 up to `n`. */
export function areEven(offsets: usize, n: u32, each: u32): u32 {
  let other: u32 = 0;
  for (let i: u32 = 0; i <= n; i++) other |= load<u32>(offsets + (<usize>i << 2)) ^ (i * each);
  return other == 0 ? 1 : 0;
}
