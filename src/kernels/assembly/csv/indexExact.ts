// The structural index of any CSV block, byte by byte; see `csv.ts` for what it consists of.
import { ANOMALY, INNER, INSIDE, LINES, MARKS, SEPS, WIDE } from "./indexAnswer";

const MARK_UNCLOSED: u32 = 1;
const MARK_STRAY: u32 = 2;
const MARK_LINE_END: u32 = 3;
/** Position after the closing quote of the field that opens at `at`, or 0 when it is not closed before `len`. */
@inline
function closingQuote(base: usize, at: u32, len: u32, quote: i32, escape: i32): u32 {
  let p = at + 1;
  while (p < len) {
    const c = <i32>load<u8>(base + p);
    if (c == escape && p + 1 < len) {
      const next = <i32>load<u8>(base + p + 1);
      if (next == quote || (next == escape && escape != quote)) {
        p += 2;
        continue;
      }
    }
    if (c == quote) return p + 1;
    p++;
  }
  return 0;
}

@inline
function holdsByte(base: usize, from: u32, to: u32, byte: i32): bool {
  for (let p = from; p < to; p++) if (<i32>load<u8>(base + p) == byte) return true;
  return false;
}

/**
 * Indexes any block byte by byte. `quote`, `escape`, `comment` are -1 where the dialect has none. Marked records go to `marks` as pairs
 * (first byte, kind), in order. A quoted field that nothing closes, or that holds a line end and is followed by text, was opened by a
 * quote too many: its record ends with the line in which it opens. `last`: the block ends with the file, so that a quote which is not
 * closed in it never is.
 *
 * With `strict`, a stray quote behind a quoted field that holds a line end says that this field was opened by a quote too many.
 */
export function indexExact(
  base: usize,
  len: u32,
  seps: usize,
  lines: usize,
  marks: usize,
  delimiter: i32,
  newline: i32,
  quote: i32,
  escape: i32,
  comment: i32,
  strict: u32,
  last: u32,
  answer: usize,
): void {
  let o = seps;
  let l = lines;
  let mk = marks;
  let p: u32 = 0;
  let open: u32 = 0;
  while (p < len) {
    const start = p;
    const first = o;
    let over: u32 = 0; // 1 more than where the first quoted field opens that holds a line end
    let stray = false;
    let ended = false;
    let unclosed = false;
    let opened: u32 = 0;
    let decided = false;
    let lineEnd = false;
    if (comment >= 0 && <i32>load<u8>(base + p) == comment) {
      while (p < len && <i32>load<u8>(base + p) != newline) p++;
      ended = p < len;
    } else {
      while (true) {
        let c = p < len ? <i32>load<u8>(base + p) : -2;
        if (quote >= 0 && c == quote) {
          const after = closingQuote(base, p, len, quote, escape);
          opened = p;
          if (after == 0) {
            unclosed = true;
            decided = last != 0;
            break;
          }
          p = after;
          c = p < len ? <i32>load<u8>(base + p) : -2;
          const crBeforeEnd = c == 13 && p + 1 < len && <i32>load<u8>(base + p + 1) == newline;
          if (c != -2 && c != delimiter && c != newline && !crBeforeEnd) {
            // Whether a CR at the block's end belongs to the line end is known when the block goes on.
            if (c == 13 && p + 1 >= len) break;
            if (holdsByte(base, opened, p, newline)) {
              unclosed = true;
              decided = true;
              break;
            }
            stray = true;
          } else if (strict != 0 && over == 0 && holdsByte(base, opened, p, newline)) over = opened + 1;
        }
        while (p < len) {
          c = <i32>load<u8>(base + p);
          if (c == delimiter || c == newline) break;
          if (c == quote) stray = true;
          else if (c == 13 ? p + 1 < len && <i32>load<u8>(base + p + 1) != newline : c == 10) lineEnd = true;
          p++;
        }
        if (p >= len) break;
        if (c == newline) {
          ended = true;
          break;
        }
        store<u32>(o, p);
        o += 4;
        p++;
      }
    }
    if (stray && ended && over != 0) {
      // Its quotes are out of step from there on.
      unclosed = true;
      decided = true;
      opened = over - 1;
    }
    if (decided) {
      o = first;
      p = opened;
      while (p < len && <i32>load<u8>(base + p) != newline) p++;
      ended = p < len;
      store<u32>(mk, start);
      store<u32>(mk, MARK_UNCLOSED, 4);
      mk += 8;
    } else if (strict != 0 && ended && (stray || lineEnd)) {
      store<u32>(mk, start);
      store<u32>(mk, stray ? MARK_STRAY : MARK_LINE_END, 4);
      mk += 8;
    }
    if (!ended) {
      o = first;
      p = start;
      open = <u32>unclosed;
      break;
    }
    store<u32>(l, <u32>((o - seps) >> 2));
    l += 4;
    store<u32>(o, p);
    o += 4;
    p++;
  }
  store<u32>(answer, <u32>((o - seps) >> 2), SEPS);
  store<u32>(answer, <u32>((l - lines) >> 2), LINES);
  store<u32>(answer, 0, ANOMALY);
  store<u32>(answer, open, INSIDE);
  store<u32>(answer, <u32>((mk - marks) >> 3), MARKS);
  store<u32>(answer, 1, INNER);
  store<u32>(answer, 1, WIDE);
}
