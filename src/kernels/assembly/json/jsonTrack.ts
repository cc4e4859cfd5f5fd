// The track: what the lines of a file have in common, learnt from some of them, as vectors to compare whole stretches of a line with.
//
// A stretch is what stands between two values whose length varies: marks, keys, and texts that had the same length in every sample. It
// is compared 16 bytes at a time, without a branch between: bytes of the marks and keys must be equal, bytes of a text must be none that
// ends it or needs a closer look. One exclusive or and one comparison do for both: a byte is wrong where it, flipped, is more than what is allowed.
// A mark is flipped to 0 and nothing more is allowed; in a text, quotes and control characters, and nothing else, are flipped to more than `PLAIN`.
// Backslashes are looked for aside. A line that leaves the track is not wrong, it is read member by member.
//
// Objects inside a line are part of it where all samples have the same keys in them: their marks and keys stand in stretches, their values between.
import { BASE } from "./jsonContext";
import { fieldsEnd } from "./jsonObject";
import { afterSpace, BACKSLASHES, keyEnd, nestedEnd, numberEnd, plainKey, stringStop } from "./jsonScan";
import { FIELDS, fillColumn, forgetPairs, KIND_ANY, KIND_TEXT, NUMBER, otherValue, storePair, TOP } from "./jsonValues";

// Layout (u32 each).
const STATE: usize = 0;
const LEVEL: usize = 4; // how often a track was learnt
const MISSES: usize = 8; // lines off the track since it was learnt
const SEEN: usize = 12; // lines since then
const MEMBERS: usize = 64; // of the sample line, 24 bytes each
const STRETCHES: usize = 64 + 64 * 24;

const UNKNOWN: u32 = 0;
const ON: u32 = 1;
const OFF: u32 = 2;

// A member: where its value begins and ends, counted from the line; its pair and the kinds it takes; how it is laid. Those of an object that is part
// of the track follow in its place; one whose fields are columns comes before them, without a length.
const START: usize = 0;
const END: usize = 4;
const PAIR: usize = 8;
const TAKES: usize = 12;
const HOW: usize = 16;
const MEMBER: usize = 24;
const MOST_MEMBERS: u32 = 64;
/** Objects inside objects deeper than this are values. */
const MOST_DEPTH: u32 = 8;

// How a member is laid.
const STEADY: u32 = 0; // a text of one length
const VARIED: u32 = 1;
const OPENED: u32 = 2; // an object whose fields are columns

// A stretch: header, then texts that it holds (begin and end counted from the stretch, pair), then vectors (what bytes are flipped by, and the most
// that is allowed).
const LENGTH: usize = 0;
const VECTORS: usize = 4;
const TEXTS: usize = 8;
const NEXT: usize = 12; // what follows
const OFFSET: usize = 16; // pair of the value that follows
const KINDS: usize = 20;
const TEXT: usize = 32;
const MOST_TEXTS: u32 = 12;
const VECTOR: usize = 32 + 12 * 12 + 16;
const STRIDE: usize = 32 + 12 * 12 + 16 + 12 * 32;
const LONGEST: u32 = 192;
const MOST_STRETCHES: u32 = 72;

const TEXT_FLIP: u8 = 0xfd;
const PLAIN: u8 = 0xde;
/** What is allowed of bytes behind a stretch. */
const ANY_BYTE: u8 = 0xff;

/** What follows a stretch: another one, a value, or the next line. */
const MORE: u32 = 0;
const VALUE: u32 = 1;
const LINE: u32 = 2;

/** A track is learnt anew when so many lines, and more than one in MISS_RATE, left it; in vain too often, it is given up. */
const MOST_MISSES: u32 = 64;
const MISS_RATE: u32 = 16;
const LAST_LEVEL: u32 = 6;
/** From this level on no text is taken to have a length of its own. */
const LOOSE_LEVEL: u32 = 3;

/** Bytes of a track. */
export function trackBytes(): u32 {
  return <u32>(STRETCHES + STRIDE * <usize>MOST_STRETCHES);
}

export function forgetTrack(track: usize): void {
  memory.fill(track, 0, STRETCHES);
}

/** Whether lines may be tried on the track. Learns it from the line at `p` on when nothing was learnt so far. */
export function trackReady(context: usize, track: usize, p: usize, end: usize): bool {
  if (load<u32>(track, STATE) == UNKNOWN) learn(context, track, p, end);
  return load<u32>(track, STATE) == ON;
}

/** Takes note of a line that left the track, `seen` lines after the last call; false when lines need not be tried any longer. */
export function leftTrack(context: usize, track: usize, p: usize, end: usize, seen: u32): bool {
  const misses = load<u32>(track, MISSES) + 1;
  const all = load<u32>(track, SEEN) + seen;
  store<u32>(track, misses, MISSES);
  store<u32>(track, all, SEEN);
  if (misses < MOST_MISSES) return true;
  store<u32>(track, 0, MISSES);
  store<u32>(track, 0, SEEN);
  if (all > MOST_MISSES * MISS_RATE) return true;
  learn(context, track, p, end);
  return load<u32>(track, STATE) == ON;
}

/** Where the first line begins that `follow` did not read. */
export let followedTo: usize = 0;

/**
 * Reads lines from `p` on, those that begin before `limit`, until one leaves the track or `startsEnd` is reached: stores where each begins from `start`
 * on and their pairs from `row` on. Answers how many it read. Of the line that leaves the track some pairs may be stored.
 */
export function follow(context: usize, track: usize, row: usize, width: usize, start: usize, startsEnd: usize, p: usize, limit: usize): usize {
  const base = <usize>load<u32>(context, BASE);
  const from = start;
  while (p < limit && start < startsEnd) {
    forgetPairs(row, width);
    const next = followLine(context, track, base, row, p);
    if (next == 0) break;
    store<u32>(start, <u32>(p - base));
    start += 4;
    row += width;
    p = next;
  }
  followedTo = p;
  return (start - from) >> 2;
}

/** Where the line after that at `p` begins, or 0 when it leaves the track. */
@inline
function followLine(context: usize, track: usize, base: usize, row: usize, p: usize): usize {
  const backslash = v128.load(BACKSLASHES);
  let stretch = track + STRETCHES;
  while (true) {
    let wrong = i8x16.splat(0);
    const stop = p + <usize>load<u32>(stretch, VECTORS);
    let vector = stretch + VECTOR;
    for (let at = p; at < stop; at += 16, vector += 32) {
      const v = v128.load(at);
      const over = i8x16.sub_sat_u(v128.xor(v, v128.load(vector)), v128.load(vector, 16));
      wrong = v128.or(wrong, v128.or(over, i8x16.eq(v, backslash)));
    }
    if (v128.any_true(wrong) && !isPlain(stretch, p)) return 0;
    const texts = load<u32>(stretch, TEXTS);
    for (let i: u32 = 0, text = stretch + TEXT; i < texts; i++, text += 12) {
      storePair(row + <usize>load<u32>(text, 8), base, p + <usize>load<u32>(text), p + <usize>load<u32>(text, 4));
    }
    p += <usize>load<u32>(stretch, LENGTH);
    const next = load<u32>(stretch, NEXT);
    if (next == LINE) return p;
    if (next == VALUE) {
      const kinds = load<u32>(stretch, KINDS);
      const pair = row + <usize>load<u32>(stretch, OFFSET);
      const c = <u32>load<u8>(p);
      let end: usize = 0;
      // What nobody needs has a pair as well, which nobody reads.
      if (c == 34) {
        const close = stringStop(p + 1);
        // The empty string is another kind.
        if (load<u8>(close) == 34 && close != p + 1 && (kinds & KIND_TEXT) != 0) {
          storePair(pair, base, p + 1, close);
          end = close + 1;
        }
      } else if (c < 58 && (kinds & NUMBER) != 0) {
        end = numberEnd(p);
        storePair(pair, base, p, end);
      }
      if (end == 0) {
        end = (kinds & FIELDS) != 0 ? fieldsEnd(context, base, row, p, load<u32>(stretch, OFFSET)) : otherValue(base, p, kinds, pair);
        if (end == 0) return 0;
      }
      p = end;
    }
    stretch += STRIDE;
  }
}

/** Whether the stretch at `p`, where something is wrong, is right but for a backslash behind it. */
function isPlain(stretch: usize, p: usize): bool {
  const stop = p + <usize>load<u32>(stretch, VECTORS);
  let wrong = i8x16.splat(0);
  for (let at = p, vector = stretch + VECTOR; at < stop; at += 16, vector += 32) {
    const v = v128.load(at);
    const most = v128.load(vector, 16);
    const escapes = v128.andnot(i8x16.eq(v, v128.load(BACKSLASHES)), i8x16.eq(most, i8x16.splat(<i8>ANY_BYTE)));
    wrong = v128.or(wrong, v128.or(escapes, i8x16.sub_sat_u(v128.xor(v, v128.load(vector)), most)));
  }
  return !v128.any_true(wrong);
}

/** Learns a track from lines from `p` to `end`. */
function learn(context: usize, track: usize, p: usize, end: usize): void {
  const level = load<u32>(track, LEVEL);
  store<u32>(track, level + 1, LEVEL);
  store<u32>(track, OFF, STATE);
  if (level >= LAST_LEVEL) return;
  opening = true;
  let laid = sampleAndLay(context, track, p, end, level);
  if (!laid && opened) {
    opening = false;
    laid = sampleAndLay(context, track, p, end, level);
  }
  if (laid) store<u32>(track, ON, STATE);
}

/** Lays a track by samples; false when the line at `p` is not fit for it, or objects were opened that are not the same in all samples. */
function sampleAndLay(context: usize, track: usize, p: usize, end: usize, level: u32): bool {
  const first = p;
  opened = false;
  again = false;
  const members = sampleLine(context, track, p, first);
  if (members == 0) return false;
  again = true;
  p = sampledEnd;
  const samples: u32 = 32 << (2 * min<u32>(level, LOOSE_LEVEL - 1));
  for (let i: u32 = 0; i < samples && p < end; i++) {
    if (sampleLine(context, track, p, first) != members) {
      if (opened) return false;
      break;
    }
    p = sampledEnd;
  }
  for (let i: u32 = 0; level >= LOOSE_LEVEL && i < members; i++) {
    const member = track + MEMBERS + <usize>i * MEMBER;
    if (load<u32>(member, HOW) == STEADY) store<u32>(member, VARIED, HOW);
  }
  return layTrack(track, first, members);
}

/** Whether the next samples are to open objects, and whether one did. */
let opening: bool = false;
let opened: bool = false;
/** Whether the sample is compared with the first one. */
let again: bool = false;
/** Set by `sampleLine`: after the line. */
let sampledEnd: usize = 0;
/** The sample, and the first one; where the last value of each ended; members noted so far. */
let line: usize = 0;
let firstLine: usize = 0;
let gap: usize = 0;
let firstGap: usize = 0;
let noted: u32 = 0;

/**
 * Steps through the line at `p`, and counts its members; 0 when it is not valid or too rich. The first sample notes them; a further one must have
 * the same bytes between the values, and notes which lengths differ.
 */
function sampleLine(context: usize, track: usize, p: usize, first: usize): u32 {
  line = gap = p;
  firstLine = firstGap = first;
  noted = 0;
  p = afterSpace(p);
  if (load<u8>(p) != 123) return 0;
  p = sampleObject(context, track, p, TOP, 0);
  if (p == 0) return 0;
  p = afterSpace(p);
  if (load<u8>(p) != 10) return 0;
  sampledEnd = p + 1;
  return noted;
}

/** Which column a key of the sample belongs to. */
const found: usize = memory.data(8, 4);

/** Steps through the object at `p`, which is the struct column `parent`; answers its end, or 0. */
function sampleObject(context: usize, track: usize, p: usize, parent: u32, depth: u32): usize {
  while (true) {
    const key = afterSpace(p + 1);
    const start = plainKey(key);
    if (start == 0) return 0;
    fillColumn(context, parent, found, 0, 4, key + 1, <u32>(keyEnd - key - 1));
    const offset = load<u32>(found);
    const kinds = load<u32>(found, 4);
    if (depth < MOST_DEPTH && canOpen(start, kinds)) {
      opened = true;
      if ((kinds & FIELDS) != 0 && !note(context, track, start + 1, start + 1, offset, kinds)) return 0;
      // What nobody needs is the struct of no column's field.
      p = sampleObject(context, track, start, offset >> 3, depth + 1);
      if (p == 0) return 0;
    } else {
      p = nestedEnd(start);
      if (p == 0 || !note(context, track, start, p, offset, kinds)) return 0;
    }
    p = afterSpace(p);
    const mark = load<u8>(p);
    if (mark == 125) return p + 1;
    if (mark != 44) return 0;
  }
}

/** Whether a value is an object with keys whose place as a whole nobody needs. */
function canOpen(start: usize, kinds: u32): bool {
  if (!opening || load<u8>(start) != 123 || load<u8>(afterSpace(start + 1)) != 34) return false;
  return kinds == KIND_ANY || (kinds & FIELDS) != 0;
}

/** Notes a value of the first sample, or compares one with it; false where there are too many, or they differ. */
function note(context: usize, track: usize, start: usize, end: usize, offset: u32, kinds: u32): bool {
  if (noted == MOST_MEMBERS) return false;
  const member = track + MEMBERS + <usize>noted * MEMBER;
  if (!again) {
    // Of two objects for one struct the second counts, and the fields of the first do not: such lines are the host's.
    if ((kinds & FIELDS) != 0 && isNoted(track, offset)) return false;
    store<u32>(member, <u32>(start - line), START);
    store<u32>(member, <u32>(end - line), END);
    store<u32>(member, offset, PAIR);
    store<u32>(member, kinds, TAKES);
    store<u32>(member, start == end ? OPENED : isSteady(context, start, end, member) ? STEADY : VARIED, HOW);
  } else {
    const firstStart = firstLine + <usize>load<u32>(member, START);
    const firstEnd = firstLine + <usize>load<u32>(member, END);
    if (start - gap != firstStart - firstGap || memory.compare(gap, firstGap, start - gap) != 0) return false;
    if (start != end && (end - start != firstEnd - firstStart || load<u8>(start) != 34)) store<u32>(member, VARIED, HOW);
    firstGap = firstEnd;
  }
  noted++;
  gap = end;
  return true;
}

function isNoted(track: usize, offset: u32): bool {
  for (let i: u32 = 0; i < noted; i++) if (load<u32>(track + MEMBERS + <usize>i * MEMBER, PAIR) == offset) return true;
  return false;
}

/** Whether the value is a text without escapes that the column takes as it stands. */
function isSteady(context: usize, start: usize, end: usize, member: usize): bool {
  const kinds = load<u32>(member, TAKES);
  return load<u8>(start) == 34 && end - start > 2 && stringStop(start + 1) == end - 1 && (kinds & KIND_TEXT) != 0;
}

let laying: usize = 0;
let laid: u32 = 0;
let lastStretch: usize = 0;

/** Lays the stretches for the sample line `first`; false when they are too many. */
function layTrack(track: usize, first: usize, members: u32): bool {
  laying = track + STRETCHES;
  lastStretch = laying + STRIDE * <usize>(MOST_STRETCHES - 2);
  beginStretch();
  let p = first;
  let member = track + MEMBERS;
  for (let i: u32 = 0; i < members; i++, member += MEMBER) {
    const start = first + <usize>load<u32>(member, START);
    const end = first + <usize>load<u32>(member, END);
    layMarks(p, start);
    if (laying > lastStretch) return false;
    const pair = load<u32>(member, PAIR);
    const kinds = load<u32>(member, TAKES);
    const how = load<u32>(member, HOW);
    if (how == OPENED) {
      // Where its first field begins: what counts is that the struct is there.
      layText(0, pair);
    } else if (how == VARIED) {
      store<u32>(laying, pair, OFFSET);
      store<u32>(laying, kinds, KINDS);
      endStretch(VALUE);
    } else {
      layMarks(start, start + 1);
      for (let at = start + 1; at < end - 1; at++) layByte(TEXT_FLIP, PLAIN);
      if (kinds != KIND_ANY) layText(<u32>(end - start - 2), pair);
      layMarks(end - 1, end);
    }
    if (laying > lastStretch) return false;
    p = end;
  }
  // The rest of the line, with its line feed.
  let after = p;
  while (load<u8>(after) != 10) after++;
  layMarks(p, after + 1);
  endStretch(LINE);
  return laying <= lastStretch + STRIDE;
}

function layMarks(from: usize, to: usize): void {
  for (let at = from; at < to; at++) layByte(load<u8>(at), 0);
}

function layByte(flip: u8, most: u8): void {
  if (laid == LONGEST) endStretch(MORE);
  if (laying > lastStretch) return;
  const at = laying + VECTOR + <usize>(laid >> 4) * 32 + <usize>(laid & 15);
  store<u8>(at, flip);
  store<u8>(at, most, 16);
  laid++;
}

/** Notes a needed text of `length` bytes that ends here. */
function layText(length: u32, pair: u32): void {
  if (load<u32>(laying, TEXTS) == MOST_TEXTS) endStretch(MORE);
  if (laying > lastStretch) return;
  const texts = load<u32>(laying, TEXTS);
  const text = laying + TEXT + <usize>texts * 12;
  store<u32>(text, laid - length);
  store<u32>(text, laid, 4);
  store<u32>(text, pair, 8);
  store<u32>(laying, texts + 1, TEXTS);
}

function endStretch(next: u32): void {
  if (laying > lastStretch) return;
  store<u32>(laying, laid, LENGTH);
  store<u32>(laying, ((laid + 15) >> 4) << 4, VECTORS);
  store<u32>(laying, next, NEXT);
  laying += STRIDE;
  beginStretch();
}

function beginStretch(): void {
  memory.fill(laying, 0, VECTOR);
  memory.fill(laying + VECTOR, ANY_BYTE, STRIDE - VECTOR);
  laid = 0;
}
