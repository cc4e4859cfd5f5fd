// Snappy block format (raw, without framing). A block of 64 KiB is matched at a time through a table of 2^14 u16 positions.

const BLOCK: usize = 65536;
const HASH_BITS: u32 = 14;
const TABLE_BYTES: usize = 32768;
const MULTIPLIER: u32 = 0x1e35a7bd;
/** Near a block's end nothing is matched, so that the loops may read 8 bytes ahead. */
const MARGIN: usize = 15;

@inline
function slot(table: usize, word: u32): usize {
  return table + (<usize>((word * MULTIPLIER) >> (32 - HASH_BITS)) << 1);
}

function emitLiteral(to: usize, from: usize, length: usize): usize {
  const n = length - 1;
  if (n < 60) {
    store<u8>(to++, <u8>(n << 2));
  } else if (n < 256) {
    store<u8>(to, 60 << 2);
    store<u8>(to, <u8>n, 1);
    to += 2;
  } else {
    store<u8>(to, 61 << 2);
    store<u16>(to, <u16>n, 1);
    to += 3;
  }
  memory.copy(to, from, length);
  return to + length;
}

function emitCopy(to: usize, distance: usize, length: usize): usize {
  while (length >= 68) {
    store<u8>(to, (63 << 2) | 2);
    store<u16>(to, <u16>distance, 1);
    to += 3;
    length -= 64;
  }
  if (length > 64) {
    store<u8>(to, (59 << 2) | 2);
    store<u16>(to, <u16>distance, 1);
    to += 3;
    length -= 60;
  }
  if (length < 12 && distance < 2048) {
    store<u8>(to, <u8>(1 | ((length - 4) << 2) | ((distance >> 8) << 5)));
    store<u8>(to, <u8>distance, 1);
    return to + 2;
  }
  store<u8>(to, <u8>(((length - 1) << 2) | 2));
  store<u16>(to, <u16>distance, 1);
  return to + 3;
}

function matchLength(a: usize, b: usize, end: usize): usize {
  const start = a;
  while (a + 8 <= end) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference != 0) return a - start + <usize>(ctz(difference) >> 3);
    a += 8;
    b += 8;
  }
  while (a < end && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
  }
  return a - start;
}

function compressBlock(base: usize, end: usize, to: usize, table: usize): usize {
  let literal = base;
  if (end - base > MARGIN) {
    memory.fill(table, 0, TABLE_BYTES);
    const last = end - MARGIN;
    let at = base + 1;
    let skip: u32 = 32;
    while (at <= last) {
      const word = load<u32>(at);
      const entry = slot(table, word);
      const candidate = base + <usize>load<u16>(entry);
      store<u16>(entry, <u16>(at - base));
      if (candidate >= at || load<u32>(candidate) != word) {
        // The longer nothing matches, the larger the steps: incompressible data passes quickly.
        at += <usize>(skip++ >> 5);
        continue;
      }
      if (at > literal) to = emitLiteral(to, literal, at - literal);
      const length = 4 + matchLength(at + 4, candidate + 4, end);
      to = emitCopy(to, at - candidate, length);
      at += length;
      literal = at;
      skip = 32;
      if (at <= last) store<u16>(slot(table, load<u32>(at - 1)), <u16>(at - 1 - base));
    }
  }
  return literal < end ? emitLiteral(to, literal, end - literal) : to;
}

/** Most bytes that `snappyCompress` writes for `length` bytes of input. */
export function snappyBound(length: u32): u32 {
  return 32 + length + length / 6;
}

/**
 * Compresses `length` bytes at `from` to `to` (room for `snappyBound(length)`), with `table` as 32 KiB of scratch space.
 * Returns the bytes written. The result depends on the input alone.
 */
export function snappyCompress(from: usize, length: usize, to: usize, table: usize): u32 {
  const start = to;
  let rest = length;
  while (rest >= 128) {
    store<u8>(to++, <u8>(rest | 128));
    rest >>= 7;
  }
  store<u8>(to++, <u8>rest);
  const end = from + length;
  while (from < end) {
    const blockEnd = from + min<usize>(BLOCK, end - from);
    to = compressBlock(from, blockEnd, to, table);
    from = blockEnd;
  }
  return <u32>(to - start);
}
