// Snappy block format (raw, without framing). A block of 64 KiB is matched at a time through a table of 2^14 u16 positions.

const BLOCK: usize = 65536;
const HASH_BITS: u32 = 14;
const TABLE_BYTES: usize = 32768;
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
/** Bits of a word above the six bytes that have to be equal: a copy of fewer is hardly shorter than they are, and chance finds many of them. */
const ABOVE_LEAST: u64 = 16;
/** Near a block's end nothing is matched, so that the loops may read 8 bytes ahead. */
const MARGIN: usize = 15;

@inline
function slot(table: usize, word: u64): usize {
  return table + (<usize>(((word << ABOVE_LEAST) * MULTIPLIER) >> (64 - HASH_BITS)) << 1);
}

/**
 * Copies 16 bytes at a time: up to 15 bytes behind the literal are read and written as well. Whether there is one, and how far back a copy reaches,
 * nobody can predict: neither is a branch.
 */
@inline
function emitLiteral(to: usize, from: usize, length: usize): usize {
  if (length <= 16) {
    store<u8>(to, <u8>((length - 1) << 2));
    v128.store(to, v128.load(from), 1);
    return to + select<usize>(length + 1, 0, length != 0);
  }
  return emitLongLiteral(to, from, length);
}

function emitLongLiteral(to: usize, from: usize, length: usize): usize {
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
  if (length > 256) memory.copy(to, from, length);
  else for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
  return to + length;
}

@inline
function emitCopy(to: usize, distance: usize, length: usize): usize {
  if (length > 64) return emitLongCopy(to, distance, length);
  const isShort = <u32>(length < 12) & <u32>(distance < 2048);
  const short = 1 | (<u32>(length - 4) << 2) | (<u32>(distance >> 8) << 5) | (<u32>(distance & 255) << 8);
  const long = (<u32>(length - 1) << 2) | 2 | (<u32>distance << 8);
  store<u32>(to, select<u32>(short, long, isShort));
  return to + 3 - <usize>isShort;
}

function emitLongCopy(to: usize, distance: usize, length: usize): usize {
  while (length >= 68) {
    store<u32>(to, (63 << 2) | 2 | (<u32>distance << 8));
    to += 3;
    length -= 64;
  }
  if (length > 64) {
    store<u32>(to, (59 << 2) | 2 | (<u32>distance << 8));
    to += 3;
    length -= 60;
  }
  store<u32>(to, <u32>((length - 1) << 2) | 2 | (<u32>distance << 8));
  return to + 3;
}

@inline
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
      const word = load<u64>(at);
      const entry = slot(table, word);
      const candidate = base + <usize>load<u16>(entry);
      store<u16>(entry, <u16>(at - base));
      if ((load<u64>(candidate) ^ word) << ABOVE_LEAST != 0) {
        // The longer nothing matches, the larger the steps: incompressible data passes quickly.
        at += <usize>(skip++ >> 5);
        continue;
      }
      to = emitLiteral(to, literal, at - literal);
      const distance = at - candidate;
      const length = matchLength(at, candidate, end);
      to = emitCopy(to, distance, length);
      at += length;
      // Values of one width, as columns mostly have them, match at one distance again and again: behind a few bytes that differ the
      // next match stands, and no table is needed to find it.
      while (at + 16 <= end) {
        const equal = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(at - distance)));
        const fours = equal & (equal >> 1) & (equal >> 2) & (equal >> 3);
        // Shorter ones are left to the table, which may know of a longer one elsewhere.
        const runs = fours & (fours >> 4);
        if (runs == 0) break;
        const differ = <usize>ctz(runs);
        to = emitLiteral(to, at, differ);
        at += differ;
        let run = <usize>ctz(~(equal >> <u32>differ));
        if (differ + run == 16) run += matchLength(at + run, at + run - distance, end);
        to = emitCopy(to, distance, run);
        at += run;
      }
      literal = at;
      skip = 32;
      if (at <= last) store<u16>(slot(table, load<u64>(at - 1)), <u16>(at - 1 - base));
    }
  }
  return literal < end ? emitLiteral(to, literal, end - literal) : to;
}

/** Bytes of room that `snappyBlocks` and `snappyLength` together need for `length` bytes of input. */
export function snappyBound(length: u32): u32 {
  return 64 + length + length / 6;
}

/** Begins a stream of `length` bytes: stores its length at `to`, and returns the bytes stored. */
export function snappyLength(length: u32, to: usize): u32 {
  const start = to;
  let rest = length;
  while (rest >= 128) {
    store<u8>(to++, <u8>(rest | 128));
    rest >>= 7;
  }
  store<u8>(to++, <u8>rest);
  return <u32>(to - start);
}

/**
 * Compresses `length` bytes at `from` to `to`, with `table` as 32 KiB of scratch space: blocks of a stream whose length stands before
 * them. Up to 15 bytes behind the input are read. Returns the bytes written. The result depends on the input alone.
 */
export function snappyBlocks(from: usize, length: usize, to: usize, table: usize): u32 {
  const start = to;
  const end = from + length;
  while (from < end) {
    const blockEnd = from + min<usize>(BLOCK, end - from);
    to = compressBlock(from, blockEnd, to, table);
    from = blockEnd;
  }
  return <u32>(to - start);
}

/**
 * Undoes the elements of a block, which follow its length, in [from, from + length), into the `room` bytes at `to`. Returns how many bytes came out,
 * or -1 where the elements make no sense. Up to 15 bytes behind the input are read, and up to 15 behind the output written.
 */
export function snappyElements(from: usize, length: usize, to: usize, room: usize): i32 {
  const end = from + length;
  const last = to + room;
  let out = to;
  while (from < end) {
    const tag = <usize>load<u8>(from++);
    if ((tag & 3) == 0) {
      // One less than the literal's length, which may not fit into a word.
      let less = tag >> 2;
      if (less >= 60) {
        const width = less - 59;
        if (width > end - from) return -1;
        less = <usize>(load<u32>(from) & (<u32>0xffffffff >> ((4 - <u32>width) << 3)));
        from += width;
      }
      if (less >= end - from || less >= last - out) return -1;
      const size = less + 1;
      if (size > 64) memory.copy(out, from, size);
      else for (let at: usize = 0; at < size; at += 16) v128.store(out + at, v128.load(from + at));
      from += size;
      out += size;
      continue;
    }
    const kind = tag & 3;
    let size = (tag >> 2) + 1;
    let back: usize;
    if (kind == 1) {
      size = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | <usize>load<u8>(from);
      from += 1;
    } else if (kind == 2) {
      back = <usize>load<u16>(from);
      from += 2;
    } else {
      back = <usize>load<u32>(from);
      from += 4;
    }
    if (from > end || back == 0 || back > out - to || size > last - out) return -1;
    undoCopy(out, back, size);
    out += size;
  }
  return <i32>(out - to);
}

/** What is copied may be what was just written: steps are no longer than the way back. */
@inline
function undoCopy(out: usize, back: usize, size: usize): void {
  const from = out - back;
  if (back >= 16) for (let at: usize = 0; at < size; at += 16) v128.store(out + at, v128.load(from + at));
  else if (back >= 8) for (let at: usize = 0; at < size; at += 8) store<u64>(out + at, load<u64>(from + at));
  else for (let at: usize = 0; at < size; at++) store<u8>(out + at, load<u8>(from + at));
}
