// Records of a CSV block that are rejected: where they stand, and their bytes, many at a time.
import { countByte } from "../text";

// A record to be rejected takes 16 bytes: its first byte and its line end, relative to the block, the line ends of the block before it, and the
// number of what is wrong with it.
const LINE_END: usize = 4;
const LINES: usize = 8;
const REASON: usize = 12;

/** Line ends before a record that nobody has counted. */
const UNCOUNTED: u32 = 0xffffffff;

const COUNTED_LINES: u32 = 0;
const LISTED_LINES: u32 = 1;

/** Records that are placed at a time: each column of what is known of them has room for so many. */
const ROOM: u32 = 1024;
const PLACED_LINES: usize = 0; // f64
const PLACED_BYTES: usize = 8 * 1024; // f64
const PLACED_LENGTHS: usize = 16 * 1024; // f64
const PLACED_REASONS: usize = 24 * 1024; // i32
const PLACED_BOUNDS: usize = 28 * 1024; // i32, one more

/**
 * Lists rows of the row list. `failed`: `count` numbers of rows, ascending; `reasons`: a number for each. `how`: 0 where every record has `fields`
 * fields, so that the number of its line follows from its first separator; 1 where it is found in `lines`; else nobody knows it.
 */
export function listRejected(
  seps: usize,
  rows: usize,
  fields: u32,
  how: u32,
  lines: usize,
  lineCount: u32,
  failed: usize,
  reasons: usize,
  count: u32,
  out: usize,
): void {
  const toEnd = (<usize>fields - 1) << 2;
  let line: u32 = 0;
  for (let i: usize = 0; i < <usize>count << 2; i += 4) {
    const first = load<u32>(rows + (<usize>load<u32>(failed + i) << 2));
    const at = seps + (<usize>first << 2);
    if (how == COUNTED_LINES) line = first / fields;
    else if (how == LISTED_LINES) {
      // The line whose last separator is the first at or behind the record's first one.
      let high = lineCount;
      while (line < high) {
        const middle = (line + high) >>> 1;
        if (load<u32>(lines + (<usize>middle << 2)) < first) line = middle + 1;
        else high = middle;
      }
    } else line = UNCOUNTED;
    store<u32>(out, load<u32>(at - 4) + 1);
    store<u32>(out, load<u32>(at + toEnd), LINE_END);
    store<u32>(out, line, LINES);
    store<u32>(out, load<u32>(reasons + i), REASON);
    out += 16;
  }
}

/**
 * Places records: answers how many of the `count` were, which is as many as there is room for. A CR before an LF belongs to the line end.
 *
 * `byte` is the file's offset of the block, `line` the number of its first line. For lines that nobody has counted: the first `counted` bytes
 * of the block, which must not reach beyond the first record, have `countedLines` line ends. `raws` has `room` bytes for the records, each
 * with a line end behind it.
 */
export function placeRejected(
  base: usize,
  newline: u32,
  records: usize,
  count: u32,
  byte: f64,
  line: f64,
  counted: u32,
  countedLines: u32,
  out: usize,
  raws: usize,
  room: u32,
): u32 {
  const most = min(count, ROOM);
  let from = counted;
  let lines = countedLines;
  let used: u32 = 0;
  store<i32>(out, 0, PLACED_BOUNDS);
  for (let i: u32 = 0; i < most; i++) {
    const record = records + (<usize>i << 4);
    const start = load<u32>(record);
    let end = load<u32>(record, LINE_END);
    if (newline == 10 && end > start && load<u8>(base + end - 1) == 13) end--;
    const length = end - start;
    if (used + length >= room) return i;
    let before = load<u32>(record, LINES);
    if (before == UNCOUNTED) {
      lines += countByte(base + from, start - from, newline);
      from = start;
      before = lines;
    }
    const wide = out + (<usize>i << 3);
    store<f64>(wide, line + <f64>before, PLACED_LINES);
    store<f64>(wide, byte + <f64>start, PLACED_BYTES);
    store<f64>(wide, <f64>length, PLACED_LENGTHS);
    memory.copy(raws + used, base + start, length);
    used += length;
    store<u8>(raws + used++, <u8>newline);
    const narrow = out + (<usize>i << 2);
    store<i32>(narrow, <i32>load<u32>(record, REASON), PLACED_REASONS);
    store<i32>(narrow + 4, <i32>used, PLACED_BOUNDS);
  }
  return most;
}
