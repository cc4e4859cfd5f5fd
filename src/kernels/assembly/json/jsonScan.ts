// Steps over single JSON values (RFC 8259). Every function answers the address after what it stepped over, or 0 when the text is not
// valid or not of the simple kind that it handles. None passes a line feed: a line that ends early always stops it.

const QUOTE: u32 = 34;
const BACKSLASH: u32 = 92;

/** Exclusive or with it puts quotes and control characters, and nothing else, below `LOW` in the order of signed bytes. */
const FLIP: usize = memory.data<u8>([130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130, 130], 16);
const LOW: usize = memory.data<u8>([161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161, 161], 16);
export const BACKSLASHES: usize = memory.data<u8>([92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92, 92], 16);
const ZEROS: usize = memory.data<u8>([48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48], 16);
const NINES: usize = memory.data<u8>([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], 16);

/** Nested values deeper than this are left to the host. */
const MAX_DEPTH: u32 = 60;

/** Set by `escapedEnd`: the string has half of a surrogate pair, so it is no text. */
export let loneSurrogate: bool = false;

/** Steps over spaces, tabs and carriage returns. */
@inline
export function afterSpace(p: usize): usize {
  while (isSpace(<u32>load<u8>(p))) p++;
  return p;
}

@inline
export function isSpace(c: u32): bool {
  return c == 32 || c == 9 || c == 13;
}

/** The first byte at or after `p` that is a quote, a backslash or a control character. */
@inline
export function stringStop(p: usize): usize {
  const flip = v128.load(FLIP);
  const low = v128.load(LOW);
  const backslash = v128.load(BACKSLASHES);
  while (true) {
    const v = v128.load(p);
    const m = i8x16.bitmask(v128.or(i8x16.eq(v, backslash), i8x16.lt_s(v128.xor(v, flip), low)));
    if (m != 0) return p + <usize>ctz(m);
    p += 16;
  }
}

@inline
function hexDigit(c: u32): i32 {
  if (c - 48 < 10) return <i32>(c - 48);
  const letter = (c | 32) - 97;
  return letter < 6 ? <i32>(letter + 10) : -1;
}

/** The code unit in four hexadecimal digits, negative when they are none. */
export function hexUnit(p: usize): i32 {
  let unit: i32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const digit = hexDigit(<u32>load<u8>(p + i));
    // Stops at the first byte that is none: the bytes after it may belong to the next line.
    if (digit < 0) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

/** The closing quote of a string whose first backslash stands at `p`; judges every escape. */
export function escapedEnd(p: usize): usize {
  loneSurrogate = false;
  while (true) {
    const kind = <u32>load<u8>(p, 1);
    if (kind == 117) {
      const unit = hexUnit(p + 2);
      if (unit < 0) return 0;
      p += 6;
      if ((unit & 0xf800) == 0xd800) {
        const low = (unit & 0x0400) == 0 && load<u16>(p) == 0x755c ? hexUnit(p + 2) : -1;
        if (low >= 0 && (low & 0xfc00) == 0xdc00) p += 6;
        else loneSurrogate = true;
      }
    } else if (isEscape(kind)) {
      p += 2;
    } else {
      return 0;
    }
    p = stringStop(p);
    const c = <u32>load<u8>(p);
    if (c == QUOTE) return p;
    if (c != BACKSLASH) return 0;
  }
}

@inline
function isEscape(c: u32): bool {
  return c == 34 || c == 92 || c == 47 || c == 98 || c == 102 || c == 110 || c == 114 || c == 116;
}

/** Which of the 16 bytes at `p` are digits. */
@inline
function digitMask(p: usize): u32 {
  const v = i8x16.sub(v128.load(p), v128.load(ZEROS));
  return <u32>i8x16.bitmask(i8x16.eq(i8x16.min_u(v, v128.load(NINES)), v));
}

/**
 * The end of a number; 0 when it has not the grammar of one. Whoever reads on waits for the end alone: it is found in as few steps as can be, and
 * what stands before it is judged aside.
 */
@inline
export function numberEnd(p: usize): usize {
  const minus = <u32>(load<u8>(p) == 45);
  const others = ~(digitMask(p) | minus);
  const whole = <u32>ctz(others);
  if (whole > 14) return longNumberEnd(p);
  // One branch that is never taken: whether a number has more than one digit could not be guessed.
  if ((<u32>(whole <= minus) | (<u32>(whole > minus + 1) & <u32>(load<u8>(p + <usize>minus) == 48))) != 0) return 0;
  let end = p + <usize>whole;
  if (load<u8>(end) == 46) {
    const last = <u32>ctz(others & (others - 1));
    if (last == whole + 1) return 0;
    if (last == 16) return longNumberEnd(p);
    end = p + <usize>last;
  }
  return (<u32>load<u8>(end) | 32) == 101 ? longNumberEnd(p) : end;
}

@inline
function afterDigits(p: usize): usize {
  while (true) {
    const digits = digitMask(p);
    if (digits != 0xffff) return p + <usize>ctz(~digits);
    p += 16;
  }
}

/** `numberEnd` for numbers of any length. */
function longNumberEnd(p: usize): usize {
  if (load<u8>(p) == 45) p++;
  let q = afterDigits(p);
  if (q == p || (load<u8>(p) == 48 && q > p + 1)) return 0;
  if (load<u8>(q) == 46) {
    p = q + 1;
    q = afterDigits(p);
    if (q == p) return 0;
  }
  if ((load<u8>(q) | 32) == 101) {
    p = q + 1;
    const sign = load<u8>(p);
    if (sign == 43 || sign == 45) p++;
    q = afterDigits(p);
    if (q == p) return 0;
  }
  return q;
}

/** The end of `true`, `false` or `null`. Which of them it is decides no branch: nobody could guess it. */
@inline
export function literalEnd(p: usize): usize {
  const word = load<u32>(p);
  const isFalse = <u32>(word == 0x736c6166);
  const known = <u32>(word == 0x65757274) | <u32>(word == 0x6c6c756e) | (isFalse & <u32>(load<u8>(p, 4) == 101));
  return known != 0 ? p + 4 + <usize>isFalse : 0;
}

/** The end of a string, number or literal. */
function scalarEnd(p: usize): usize {
  const c = <u32>load<u8>(p);
  if (c == QUOTE) {
    let q = stringStop(p + 1);
    if (load<u8>(q) == 92) q = escapedEnd(q);
    return q != 0 && load<u8>(q) == 34 ? q + 1 : 0;
  }
  return c == 45 || c - 48 < 10 ? numberEnd(p) : literalEnd(p);
}

/** Steps over a key and its colon, to the first byte of the value. */
function afterKey(p: usize): usize {
  if (load<u8>(p) != 34) return 0;
  p = scalarEnd(p);
  if (p == 0) return 0;
  p = afterSpace(p);
  return load<u8>(p) == 58 ? afterSpace(p + 1) : 0;
}

/** Where the key of the last `plainKey` ends: at its closing quote. */
export let keyEnd: usize = 0;

/** As `afterKey`, for a key without escapes; 0 for any other. */
@inline
export function plainKey(p: usize): usize {
  if (load<u8>(p) != 34) return 0;
  keyEnd = stringStop(p + 1);
  if (load<u8>(keyEnd) != 34) return 0;
  p = afterSpace(keyEnd + 1);
  return load<u8>(p) == 58 ? afterSpace(p + 1) : 0;
}

/** The end of the object or array that opens at `p`. */
export function nestedEnd(p: usize): usize {
  let objects: u64 = 0; // one bit a level, the innermost lowest: 1 in an object, 0 in an array
  let depth: u32 = 0;
  while (true) {
    const c = <u32>load<u8>(p);
    if (c == 123 || c == 91) {
      if (depth == MAX_DEPTH) return 0;
      p = afterSpace(p + 1);
      // `}` and `]` stand two after their opening bracket.
      const empty = <u32>load<u8>(p) == c + 2;
      if (!empty) {
        objects = (objects << 1) | <u64>(c == 123);
        depth++;
        if (c == 123) p = afterKey(p);
        if (p == 0) return 0;
        continue;
      }
      p++;
    } else {
      p = scalarEnd(p);
      if (p == 0) return 0;
    }
    while (true) {
      if (depth == 0) return p;
      p = afterSpace(p);
      const inObject = (objects & 1) != 0;
      const mark = <u32>load<u8>(p);
      if (mark == 44) {
        p = afterSpace(p + 1);
        if (inObject) p = afterKey(p);
        if (p == 0) return 0;
        break;
      }
      if (mark != <u32>(inObject ? 125 : 93)) return 0;
      p++;
      depth--;
      objects >>= 1;
    }
  }
}
