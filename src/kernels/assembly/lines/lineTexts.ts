// Texts as cells of JSON lines and CSV. Sixteen bytes are read and stored at a time: there must be so much room behind both.
import { isUtf8 } from "../text";

const QUOTE: u8 = 34;
const BACKSLASH: u8 = 92;

/** Bits of the bytes of `v` that JSON does not take as they are. */
@inline
function marked(v: v128): u32 {
  const named = v128.or(i8x16.eq(v, i8x16.splat(QUOTE)), i8x16.eq(v, i8x16.splat(BACKSLASH)));
  return <u32>i8x16.bitmask(v128.or(named, i8x16.lt_u(v, i8x16.splat(32))));
}

/** Bits of those that stand before `left` bytes are over. */
@inline
function within(mask: u32, left: usize): u32 {
  return left < 16 ? mask & ((1 << <u32>left) - 1) : mask;
}

/** A text in quotes; 0 where some byte has to be escaped. */
export function quotedText(out: usize, text: usize, length: usize): usize {
  store<u8>(out, QUOTE);
  const to = out + 1;
  for (let i: usize = 0; i < length; i += 16) {
    const v = v128.load(text + i);
    v128.store(to + i, v);
    if (within(marked(v), length - i) != 0) return 0;
  }
  store<u8>(to + length, QUOTE);
  return to + length + 1;
}

/** How many bytes more a text may be once it is escaped. */
export function escapedMore(text: usize, length: usize): usize {
  let count: usize = 0;
  for (let i: usize = 0; i < length; i += 16) count += <usize>popcnt(within(marked(v128.load(text + i)), length - i));
  return count * 5;
}

/** The letter that stands for a control character behind a backslash; 0 for those that have none. */
@inline
function letterOf(c: u32): u32 {
  switch (c) {
    case 8:
      return 98;
    case 9:
      return 116;
    case 10:
      return 110;
    case 12:
      return 102;
    case 13:
      return 114;
    default:
      return 0;
  }
}

/** A text in quotes, escaped as JavaScript does; 0 where it is not UTF-8, so that the host has to say what it reads as. */
export function escapedText(out: usize, text: usize, length: usize): usize {
  if (isUtf8(text, <u32>length) == 0) return 0;
  store<u8>(out++, QUOTE);
  for (let i: usize = 0; i < length; i++) {
    const c = <u32>load<u8>(text + i);
    if (c >= 32 && c != QUOTE && c != BACKSLASH) {
      store<u8>(out++, <u8>c);
      continue;
    }
    const letter = c >= 32 ? c : letterOf(c);
    store<u8>(out++, BACKSLASH);
    if (letter != 0) {
      store<u8>(out++, <u8>letter);
      continue;
    }
    store<u32>(out, 0x30303075);
    store<u8>(out, <u8>(48 + (c >> 4)), 3);
    const low = c & 15;
    store<u8>(out, <u8>(low < 10 ? 48 + low : 87 + low), 4);
    out += 5;
  }
  store<u8>(out, QUOTE);
  return out + 1;
}

/** A text as a cell of CSV; 0 where it needs quotes: an empty one, and one with a delimiter, a quote or the end of a line in it. */
export function plainCell(out: usize, text: usize, length: usize, delimiter: u32, quote: u32): usize {
  if (length == 0) return 0;
  const d = i8x16.splat(<u8>delimiter);
  const q = i8x16.splat(<u8>quote);
  const feed = i8x16.splat(10);
  const back = i8x16.splat(13);
  for (let i: usize = 0; i < length; i += 16) {
    const v = v128.load(text + i);
    v128.store(out + i, v);
    const marks = v128.or(v128.or(i8x16.eq(v, d), i8x16.eq(v, q)), v128.or(i8x16.eq(v, feed), i8x16.eq(v, back)));
    if (within(<u32>i8x16.bitmask(marks), length - i) != 0) return 0;
  }
  return out + length;
}

/** A text in quotes, those in it doubled. */
export function quotedCell(out: usize, text: usize, length: usize, quote: u32): usize {
  store<u8>(out++, <u8>quote);
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(text + i);
    store<u8>(out++, c);
    if (c == <u8>quote) store<u8>(out++, c);
  }
  store<u8>(out, <u8>quote);
  return out + 1;
}
