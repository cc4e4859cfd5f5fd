// The track: what the lines of a file have in common, learnt from some of them, as vectors to compare whole stretches of a line with.
//
// A stretch is what stands between two values whose length varies: marks, keys, and texts that had the same length in every sample. It
// is compared 16 bytes at a time, without a branch between: bytes of the marks and keys must be equal, bytes of a text must be none that
// ends it or needs a closer look. A line that leaves the track is not wrong, it is read member by member.
import { CONTEXT_MEMO, columnOf, fillColumn, KEYS, KIND_ANY, KIND_TEXT, NULL_PAIR, otherValue, storePair } from "./json";
import { isQuick, keepNumber, leaveValue } from "./jsonNumbers";
import { afterSpace, BACKSLASHES, FLIP, LOW, nestedEnd, numberEnd, stringStop } from "./jsonScan";

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

// A member: where its value begins and ends, counted from the line; its pair and the kinds it takes; 1 if its length varies.
const START: usize = 0;
const END: usize = 4;
const PAIR: usize = 8;
const TAKES: usize = 12;
const VARIES: usize = 16;
const MEMBER: usize = 24;
const MOST_MEMBERS: u32 = 64;

// A stretch: header, then texts that it holds (begin and end counted from the stretch, pair), then vectors (bytes that must be equal, which
// those are, which ones belong to texts).
const LENGTH: usize = 0;
const VECTORS: usize = 4;
const TEXTS: usize = 8;
const NEXT: usize = 12; // what follows
const OFFSET: usize = 16; // pair of the value that follows
const KINDS: usize = 20;
const TEXT: usize = 32;
const MOST_TEXTS: u32 = 12;
const VECTOR: usize = 32 + 12 * 12 + 16;
const STRIDE: usize = 32 + 12 * 12 + 16 + 12 * 48;
const LONGEST: u32 = 192;
const MOST_STRETCHES: u32 = 72;

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

/**
 * Reads line `index` at `p` along the track and stores its pairs. Answers where the next line begins, or 0 when the line leaves the track;
 * pairs stored before that are of members that the line has.
 */
@inline
export function follow(track: usize, keys: usize, base: usize, row: usize, index: u32, p: usize): usize {
  const flip = v128.load(FLIP);
  const low = v128.load(LOW);
  const backslash = v128.load(BACKSLASHES);
  let stretch = track + STRETCHES;
  while (true) {
    let wrong = i8x16.splat(0);
    const stop = p + <usize>load<u32>(stretch, VECTORS);
    let vector = stretch + VECTOR;
    for (let at = p; at < stop; at += 16, vector += 48) {
      const v = v128.load(at);
      const ends = v128.or(i8x16.eq(v, backslash), i8x16.lt_s(v128.xor(v, flip), low));
      const text = v128.and(ends, v128.load(vector, 32));
      const marks = v128.and(v128.xor(v, v128.load(vector)), v128.load(vector, 16));
      wrong = v128.or(wrong, v128.or(text, marks));
    }
    if (v128.any_true(wrong)) return 0;
    const texts = load<u32>(stretch, TEXTS);
    for (let i: u32 = 0, text = stretch + TEXT; i < texts; i++, text += 12) {
      storePair(row + <usize>load<u32>(text, 8), base, p + <usize>load<u32>(text), p + <usize>load<u32>(text, 4));
    }
    p += <usize>load<u32>(stretch, LENGTH);
    const next = load<u32>(stretch, NEXT);
    if (next == LINE) return p;
    if (next == VALUE) {
      const kinds = load<u32>(stretch, KINDS);
      const offset = <usize>load<u32>(stretch, OFFSET);
      const pair = row + offset;
      const c = <u32>load<u8>(p);
      let end: usize = 0;
      if (c == 34) {
        const close = stringStop(p + 1);
        // The empty string is another kind.
        if (load<u8>(close) == 34 && close != p + 1 && (kinds & KIND_TEXT) != 0) {
          if (kinds != KIND_ANY) {
            storePair(pair, base, p + 1, close);
            leaveValue(columnOf(keys, offset), index, false);
          }
          end = close + 1;
        }
      } else if (c - 48 < 10 || c == 45) {
        end = numberOn(columnOf(keys, offset), index, base, p, kinds, pair);
      }
      if (end == 0) {
        end = otherValue(base, p, kinds, pair);
        if (end == 0) return 0;
        if (kinds != KIND_ANY) leaveValue(columnOf(keys, offset), index, load<u64>(pair) == NULL_PAIR);
      }
      p = end;
    }
    stretch += STRIDE;
  }
}

@inline
function numberOn(column: usize, index: u32, base: usize, p: usize, kinds: u32, pair: usize): usize {
  const end = numberEnd(p);
  if (end == 0 || (kinds & 8) == 0) return 0;
  if (kinds != KIND_ANY) {
    storePair(pair, base, p, end);
    keepNumber(column, index, p, end);
  }
  return end;
}

/** Learns a track from lines from `p` to `end`. */
function learn(context: usize, track: usize, p: usize, end: usize): void {
  const level = load<u32>(track, LEVEL);
  store<u32>(track, level + 1, LEVEL);
  store<u32>(track, OFF, STATE);
  if (level >= LAST_LEVEL) return;
  const first = p;
  const members = sampleLine(context, track, p, false, 0);
  if (members == 0) return;
  const samples: u32 = level < LOOSE_LEVEL ? 32 << (2 * level) : 0;
  p = sampledEnd;
  for (let i: u32 = 0; i < samples && p < end; i++) {
    if (sampleLine(context, track, p, true, first) != members) break;
    p = sampledEnd;
  }
  for (let i: u32 = 0; samples == 0 && i < members; i++) store<u32>(track + MEMBERS + <usize>i * MEMBER, 1, VARIES);
  if (layTrack(track, first, members)) store<u32>(track, ON, STATE);
}

/** Set by `sampleLine`: after the line. */
let sampledEnd: usize = 0;

/**
 * Steps through a line, and counts its members; 0 when it is not valid or too rich. The first sample notes them; a further one must have
 * the same bytes between the values, and notes which lengths differ.
 */
function sampleLine(context: usize, track: usize, line: usize, again: bool, first: usize): u32 {
  let p = afterSpace(line);
  if (load<u8>(p) != 123) return 0;
  let count: u32 = 0;
  let gap = line;
  let firstGap = first;
  let member = track + MEMBERS;
  while (true) {
    const key = afterSpace(p + 1);
    if (load<u8>(key) != 34 || count == MOST_MEMBERS) return 0;
    const keyEnd = stringStop(key + 1);
    if (load<u8>(keyEnd) != 34) return 0;
    p = afterSpace(keyEnd + 1);
    if (load<u8>(p) != 58) return 0;
    const start = afterSpace(p + 1);
    const end = nestedEnd(start);
    if (end == 0) return 0;
    if (!again) {
      store<u32>(member, <u32>(start - line), START);
      store<u32>(member, <u32>(end - line), END);
      fillColumn(context, member, PAIR, TAKES, key + 1, <u32>(keyEnd - key - 1));
      store<u32>(member, <u32>!isSteady(context, start, end, member), VARIES);
    } else {
      const firstStart = first + <usize>load<u32>(member, START);
      const firstEnd = first + <usize>load<u32>(member, END);
      if (start - gap != firstStart - firstGap || memory.compare(gap, firstGap, start - gap) != 0) return 0;
      if (end - start != firstEnd - firstStart || load<u8>(start) != 34) store<u32>(member, 1, VARIES);
      firstGap = firstEnd;
    }
    count++;
    gap = end;
    p = afterSpace(end);
    const mark = load<u8>(p);
    if (mark == 125) break;
    if (mark != 44) return 0;
    member += MEMBER;
  }
  p = afterSpace(p + 1);
  if (load<u8>(p) != 10) return 0;
  sampledEnd = p + 1;
  return count;
}

/** Whether the value is a text without escapes that the column takes as it stands; one that takes numbers at once has marks to keep. */
function isSteady(context: usize, start: usize, end: usize, member: usize): bool {
  const kinds = load<u32>(member, TAKES);
  if (isQuick(columnOf(<usize>load<u32>(context, KEYS), <usize>load<u32>(member, PAIR)))) return false;
  return load<u8>(start) == 34 && end - start > 2 && stringStop(start + 1) == end - 1 && (kinds & KIND_TEXT) != 0;
}

let laying: usize = 0;
let laid: u32 = 0;
let lastStretch: usize = 0;

/** Lays the stretches for the sample line `first`; false when they are too many. */
function layTrack(track: usize, first: usize, members: u32): bool {
  laying = track + STRETCHES;
  lastStretch = laying + STRIDE * <usize>(MOST_STRETCHES - 2);
  memory.fill(laying, 0, STRIDE);
  laid = 0;
  let p = first;
  let member = track + MEMBERS;
  for (let i: u32 = 0; i < members; i++, member += MEMBER) {
    const start = first + <usize>load<u32>(member, START);
    const end = first + <usize>load<u32>(member, END);
    layMarks(p, start);
    if (laying > lastStretch) return false;
    const pair = load<u32>(member, PAIR);
    const kinds = load<u32>(member, TAKES);
    if (load<u32>(member, VARIES) != 0) {
      store<u32>(laying, pair, OFFSET);
      store<u32>(laying, kinds, KINDS);
      endStretch(VALUE);
    } else {
      layMarks(start, start + 1);
      for (let at = start + 1; at < end - 1; at++) layByte(0, 0, 0xff);
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
  for (let at = from; at < to; at++) layByte(load<u8>(at), 0xff, 0);
}

function layByte(byte: u8, equal: u8, text: u8): void {
  if (laid == LONGEST) endStretch(MORE);
  if (laying > lastStretch) return;
  const at = laying + VECTOR + <usize>(laid >> 4) * 48 + <usize>(laid & 15);
  store<u8>(at, byte);
  store<u8>(at, equal, 16);
  store<u8>(at, text, 32);
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
  memory.fill(laying, 0, STRIDE);
  laid = 0;
}
