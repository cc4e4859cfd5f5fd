// Reads a line of JSON lines member by member: the place of each value that is needed.
//
// Lines of one file mostly spell the same keys in the same order, so the walker keeps the spellings
// it has met (everything between two values: comma, blanks, key, colon) and for each the one that came next the last time; a guess
// costs one comparison of 32 bytes. What a value's bytes must look like is checked in full, needed or not: a line counts as read only
// when it is proven to be one valid JSON object. Every other line is the host's.
import { CONTEXT_MEMO } from "./jsonContext";
import { fieldsEnd } from "./jsonObject";
import { afterSpace, keyEnd, numberEnd, plainKey, stringStop } from "./jsonScan";
import { EMPTY, escaped, FIELDS, fillColumn, KIND_ANY, KIND_TEXT, NUMBER, otherValue, storePair, TOP } from "./jsonValues";

// A spelling: header (u32 each, 32 bytes), 64 bytes of text, 64 bytes that mask them.
const NEXT: usize = 0; // the spelling that followed last
const LENGTH: usize = 4;
const OFFSET: usize = 8; // of the column's pair in a row
const KINDS: usize = 12;
const LAST: usize = 16; // bytes of the string that followed last
const RUN: usize = 20; // how many strings in a row had that length
const SPELLING: usize = 32;
const MASK: usize = 96;
const STRIDE: usize = 160;
const LONGEST: u32 = 64;
/** A run that is taken for a column of equal lengths. */
const STEADY: u32 = 32;

// The memo: how many spellings there are (u32), then from FIRST on the line's begin, the one that never matches, and those met.
export const FIRST: usize = 16;
const NEVER: usize = 16 + 160;
const MET: usize = 16 + 320;
const MOST: u32 = 64;
/** Holds a key that is not kept. */
const LOOSE: usize = 16 + 320 + 64 * 160;
/** Behind the spellings: the track. */
export const TRACK: usize = 16 + 320 + 65 * 160;

/** Where the value of the last `member` begins, or its closing brace when it was none. */
let resume: usize = 0;

/** Makes the spellings of a memo empty. */
export function forgetSpellings(memo: usize): void {
  memory.fill(memo, 0, LOOSE + STRIDE);
  const never = memo + NEVER;
  store<u32>(memo + FIRST, <u32>never, NEXT);
  store<u32>(memo + LOOSE, <u32>never, NEXT);
  store<u32>(never, <u32>never, NEXT);
  // A byte that no JSON begins with, and a key that takes no kind: were it met, the line would be the host's.
  store<u32>(never, 1, LENGTH);
  store<u8>(never, 0xff, SPELLING);
  store<u8>(never, 0xff, MASK);
}

@inline
function spelled(p: usize, spelling: usize): bool {
  const low = v128.and(v128.xor(v128.load(p), v128.load(spelling, SPELLING)), v128.load(spelling, MASK));
  const high = v128.and(v128.xor(v128.load(p, 16), v128.load(spelling, SPELLING + 16)), v128.load(spelling, MASK + 16));
  if (v128.any_true(v128.or(low, high))) return false;
  const length = load<u32>(spelling, LENGTH);
  return length <= 32 || memory.compare(p + 32, spelling + SPELLING + 32, length - 32) == 0;
}

/**
 * Reads the comma (after FIRST: the opening brace), key and colon at `p`. Answers the spelling and sets `resume` to the value; 0 where
 * none stands, with `resume` at a closing brace, or 0.
 */
function member(context: usize, p: usize, before: usize): usize {
  const begin = p;
  const memo = <usize>load<u32>(context, CONTEXT_MEMO);
  const first = before == memo + FIRST;
  resume = 0;
  p = afterSpace(p);
  const mark = <u32>load<u8>(p);
  if (mark != <u32>(first ? 123 : 44)) {
    if (mark == 125 && !first) resume = p;
    return 0;
  }
  const key = afterSpace(p + 1);
  p = plainKey(key);
  if (p == 0) return 0;
  resume = p;
  const length = <u32>(p - begin);
  const count = load<u32>(memo);
  let spelling = memo + MET;
  for (let i: u32 = 0; i < count; i++, spelling += STRIDE) {
    if (load<u32>(spelling, LENGTH) == length && spelled(begin, spelling)) {
      store<u32>(before, <u32>spelling, NEXT);
      return spelling;
    }
  }
  if (length > LONGEST || count == MOST) {
    fillColumn(context, TOP, memo + LOOSE, OFFSET, KINDS, key + 1, <u32>(keyEnd - key - 1));
    return memo + LOOSE;
  }
  store<u32>(memo, count + 1);
  store<u32>(spelling, <u32>(memo + NEVER), NEXT);
  store<u32>(spelling, length, LENGTH);
  memory.copy(spelling + SPELLING, begin, length);
  memory.fill(spelling + MASK, 0xff, length);
  fillColumn(context, TOP, spelling, OFFSET, KINDS, key + 1, <u32>(keyEnd - key - 1));
  store<u32>(before, <u32>spelling, NEXT);
  return spelling;
}

/** After the line feed that follows the closing brace at `p`, or 0 when something else stands between. */
@inline
function afterLine(p: usize): usize {
  if (load<u8>(p, 1) == 10) return p + 2;
  p = afterSpace(p + 1);
  return load<u8>(p) == 10 ? p + 1 : 0;
}

/** Reads the line at `p` and stores its pairs at `row`. Answers where the next line begins, or 0 when the line is the host's. */
@inline
export function walk(context: usize, base: usize, first: usize, row: usize, p: usize): usize {
  let spelling = first;
  while (true) {
    const guess = <usize>load<u32>(spelling, NEXT);
    if (spelled(p, guess)) {
      spelling = guess;
      p += <usize>load<u32>(guess, LENGTH);
    } else {
      spelling = member(context, p, spelling);
      p = resume;
      if (spelling == 0) return p != 0 ? afterLine(p) : 0;
    }
    const kinds = load<u32>(spelling, KINDS);
    const pair = row + <usize>load<u32>(spelling, OFFSET);
    const c = <u32>load<u8>(p);
    if (c == 34) {
      const end = stringStop(p + 1);
      if (load<u8>(end) == 34) {
        if (kinds != KIND_ANY) {
          if ((kinds & (end == p + 1 ? EMPTY : KIND_TEXT)) == 0) return 0;
          storePair(pair, base, p + 1, end);
        }
        p = stringAfter(spelling, p, end);
      } else {
        p = escaped(base, p + 1, end, kinds, pair);
        if (p == 0) return 0;
      }
    } else if (c - 48 < 10 || c == 45) {
      const end = numberEnd(p);
      if (end == 0 || (kinds & NUMBER) == 0) return 0;
      if (kinds != KIND_ANY) storePair(pair, base, p, end);
      p = end;
    } else {
      p = (kinds & FIELDS) != 0 ? fieldsEnd(context, base, row, p, load<u32>(spelling, OFFSET)) : otherValue(base, p, kinds, pair);
      if (p == 0) return 0;
    }
    if (load<u8>(p) == 125) return afterLine(p);
  }
}

/**
 * After the closing quote `end` of the string that opens at `p`. Where lengths have stayed the same for a while the answer is computed
 * from that length: then the processor begins with the next key before it has found this end. Where they change, a wrong guess costs
 * more than waiting.
 */
@inline
function stringAfter(spelling: usize, p: usize, end: usize): usize {
  const run = load<u32>(spelling, RUN);
  const last = <usize>load<u32>(spelling, LAST);
  const length = end - p;
  if (run >= STEADY) {
    if (length == last) return p + last + 1;
    store<u32>(spelling, 0, RUN);
  } else {
    store<u32>(spelling, length == last ? run + 1 : 0, RUN);
  }
  store<u32>(spelling, <u32>length, LAST);
  return end + 1;
}
