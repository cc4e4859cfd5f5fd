// Reads the lines of a block of JSON lines: for every line the place of each value that is needed. No index of the block is made first: a
// line is tried on the track that the lines before it left, then read member by member.
//
// The block ends with a line feed, and 128 readable bytes follow it; what lies further behind, up to 192 bytes, may be looked at as well.
import { FIRST, forgetSpellings, TRACK, walk } from "./json";
import {
  BASE,
  CAPACITY,
  COLUMNS,
  CONTEXT_MEMO,
  END,
  EXACT,
  EXACTS,
  FROM,
  LIMIT,
  LINES,
  ROWS,
  SPANS,
  STARTS,
  SUSPECT,
} from "./jsonContext";
import { afterSpace } from "./jsonScan";
import { follow, followedTo, forgetTrack, leftTrack, trackBytes, trackReady } from "./jsonTrack";
import { forgetPairs } from "./jsonValues";
import { findByte, isAscii } from "../text";

/** Bytes of a memo. */
export function jsonMemoBytes(): u32 {
  return <u32>TRACK + trackBytes();
}

/** Makes a memo empty. */
export function jsonReset(memo: usize): void {
  forgetSpellings(memo);
  forgetTrack(memo + TRACK);
}

/** Notes where each row's pairs begin: `count` numbers at `to`, `stride` apart. */
export function jsonRows(to: usize, count: u32, stride: u32): void {
  for (let i: u32 = 0, at: u32 = 0; i < count; i++, at += stride) store<u32>(to + (<usize>i << 2), at);
}

/** Reads lines until the limit, the block's end or the capacity. */
export function jsonLines(context: usize): void {
  const base = <usize>load<u32>(context, BASE);
  const end = base + <usize>load<u32>(context, END);
  const limit = min<usize>(end, base + <usize>load<u32>(context, LIMIT));
  const first = <usize>load<u32>(context, CONTEXT_MEMO) + FIRST;
  const track = <usize>load<u32>(context, CONTEXT_MEMO) + TRACK;
  const width = (<usize>load<u32>(context, COLUMNS) + 1) << 3;
  const suspect = load<u32>(context, SUSPECT) != 0;
  const starts = <usize>load<u32>(context, STARTS);
  const startsEnd = starts + (<usize>load<u32>(context, CAPACITY) << 2);
  const exact = <usize>load<u32>(context, EXACT);
  let start = starts;
  let host = exact;
  let row = <usize>load<u32>(context, SPANS);
  let p = base + <usize>load<u32>(context, FROM);
  let blank: u32 = 0;
  let onTrack = !suspect && p < limit && trackReady(context, track, p, end);
  while (p < limit && start < startsEnd) {
    if (onTrack) {
      const count = follow(context, track, row, width, start, startsEnd, p, limit);
      start += count << 2;
      row += count * width;
      p = followedTo;
      if (p >= limit || start == startsEnd) break;
      onTrack = leftTrack(context, track, p, end, <u32>count + 1);
    }
    forgetPairs(row, width);
    let next = walk(context, base, first, row, p);
    if (suspect && next != 0 && isAscii(p, <u32>(next - p)) == 0) next = 0;
    if (next == 0) {
      next = afterSpace(p);
      if (load<u8>(next) == 10) {
        p = next + 1;
        blank++;
        continue;
      }
      next += <usize>findByte(next, <u32>(end - next), 10) + 1;
      forgetPairs(row, width);
      store<u32>(host, <u32>((start - starts) >> 2));
      host += 4;
    }
    store<u32>(start, <u32>(p - base));
    start += 4;
    row += width;
    p = next;
  }
  const rows = <u32>((start - starts) >> 2);
  store<u32>(context, <u32>(p - base), FROM);
  store<u32>(context, rows, ROWS);
  store<u32>(context, rows + blank, LINES);
  store<u32>(context, <u32>((host - exact) >> 2), EXACTS);
}
