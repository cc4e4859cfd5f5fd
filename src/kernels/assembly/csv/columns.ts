// One kernel per column type: text fields, found through the structural index, straight into column arrays.
//
// Every kernel takes the address of a context (u32 each). A field it does not recognise is not an error: its row number goes to the
// slow list, and the host decides. Kernels only accept what they convert exactly.
import { BASE, COUNT, FIELD, JSON, LIMIT, MARKED, NULLS, PARAM, QUOTE, ROWS, SEPS, SLOW, SLOWS, STRIDE, STRIP, VALID, VALUES } from "./context";
import { date, evenTimestamps, noTime, timestamp } from "../dates";
import { evenEnd, evenFloats, evenIntegers } from "../evenNumbers";
import { bool01, decimal, failed, float, forgetFailure, integer, quickFloats, quickIntegers } from "../numbers";

const INT: i32 = 0;
const FLOAT: i32 = 1;
const BOOL: i32 = 2;
const DATE: i32 = 3;
const TIMESTAMP: i32 = 4;
const DECIMAL: i32 = 5;

@inline
function isBlank(c: u32): bool {
  return c == 32 || c - 9 < 5;
}

/**
 * Converts a value without what does not count: blanks around it, a plus, and in JSON zeros behind a whole number's point. False where it is none then.
 * A function of its own: what is compiled for every row stays small.
 */
function bare<T>(context: usize, kind: i32, s: usize, e: usize, out: usize): bool {
  const length = e - s;
  if (kind == INT && load<u32>(context, JSON) != 0 && load<u8>(s - 1) != 34) e = wholeEnd(s, e);
  while (s < e && isBlank(load<u8>(s))) s++;
  while (s < e && isBlank(load<u8>(e - 1))) e--;
  if ((kind == INT || kind == DECIMAL) && e - s > 1 && load<u8>(s) == 43 && <u32>load<u8>(s, 1) - 48 <= 9) s++;
  forgetFailure();
  if (s == e || e - s == length) return false;
  if (isFloat<T>()) store<T>(out, <T>float(s, e));
  else if (kind == INT) store<T>(out, integer<T>(s, e));
  else if (sizeof<T>() == 1) store<T>(out, <T>bool01(s, e));
  else if (sizeof<T>() == 4) store<T>(out, <T>date(s, e));
  else if (kind == TIMESTAMP) store<T>(out, <T>timestamp(s, e));
  else store<T>(out, <T>decimal(s, e, load<u32>(context, PARAM), load<u64>(<usize>load<u32>(context, LIMIT))));
  const isNone = kind == DATE || kind == TIMESTAMP ? noTime : failed;
  forgetFailure();
  return !isNone;
}

/** Where a number ends before a point behind which there are only zeros, if a double holds it exactly. */
function wholeEnd(s: usize, e: usize): usize {
  let p = e;
  while (p > s && load<u8>(p - 1) == 48) p--;
  const isWhole = p < e && p - s > 1 && p - s <= 16 && load<u8>(p - 1) == 46;
  return isWhole ? p - 1 : e;
}

@inline
function column<T>(context: usize, kind: i32): void {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const strip = load<u32>(context, STRIP) != 0;
  const quote = load<i32>(context, QUOTE);
  const marked = load<u32>(context, MARKED) != 0;
  const valid = <usize>load<u32>(context, VALID);
  const scale = load<u32>(context, PARAM);
  const limit = kind == DECIMAL ? load<u64>(<usize>load<u32>(context, LIMIT)) : 0;
  const values = <usize>load<u32>(context, VALUES);
  const slowList = <usize>load<u32>(context, SLOW);
  let slow = slowList;
  let nulls: u32 = 0;
  if (!marked) memory.fill(valid, 1, count);
  const stride = load<u32>(context, STRIDE);
  const step = <usize>stride << 2;
  let end: u32 = 0; // of the run of even rows
  // How often the loops for them may stop before they are not worth their start.
  let patience: u32 = step != 0 && !marked && (kind == INT || kind == FLOAT || kind == TIMESTAMP) ? (count >> 5) + 1 : 0;
  for (let i: u32 = 0; i < count; i++) {
    if (patience != 0) {
      if (i == end) end = evenEnd(rows, i, count, stride);
      patience--;
      const next = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
      if (kind == INT) i = evenIntegers<T>(base, next, step, values, i, end);
      else if (kind == FLOAT) i = evenFloats<T>(base, next, step, values, i, end);
      else if (kind == TIMESTAMP) i = evenTimestamps(base, next, step, values, i, end);
      if (i == end) {
        i--;
        continue;
      }
    } else if (kind == INT) i = quickIntegers<T>(base, field, rows, <u32>strip, valid, values, i, count);
    else if (kind == FLOAT) i = quickFloats<T>(base, field, rows, <u32>strip, valid, values, i, count);
    if (i == count) break;
    const out = values + <usize>i * sizeof<T>();
    if (marked && load<u8>(valid + i) == 0) {
      nulls++;
      continue;
    }
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    let s = base + <usize>(load<u32>(at - 4) + 1);
    let e = base + <usize>load<u32>(at);
    if (strip && e > s && load<u8>(e - 1) == 13) e--;
    if (e > s && <i32>load<u8>(s) == quote && e - s >= 2 && <i32>load<u8>(e - 1) == quote) {
      s++;
      e--;
    }
    if (s == e) {
      store<u8>(valid + i, 0);
      store<T>(out, 0);
      nulls++;
      continue;
    }
    store<u8>(valid + i, 1);
    if (kind == INT) store<T>(out, integer<T>(s, e));
    else if (kind == FLOAT) store<T>(out, <T>float(s, e));
    else if (kind == BOOL) store<T>(out, <T>bool01(s, e));
    else if (kind == DATE) store<T>(out, <T>date(s, e));
    else if (kind == TIMESTAMP) store<T>(out, <T>timestamp(s, e));
    else store<T>(out, <T>decimal(s, e, scale, limit));
    if ((kind == DATE || kind == TIMESTAMP ? noTime : failed) && !bare<T>(context, kind, s, e, out)) {
      store<u32>(slow, i);
      slow += 4;
    }
  }
  store<u32>(context, nulls, NULLS);
  store<u32>(context, <u32>((slow - slowList) >> 2), SLOWS);
}

export function int8Column(context: usize): void {
  column<i8>(context, INT);
}
export function int16Column(context: usize): void {
  column<i16>(context, INT);
}
export function int32Column(context: usize): void {
  column<i32>(context, INT);
}
export function int64Column(context: usize): void {
  column<i64>(context, INT);
}
export function uint8Column(context: usize): void {
  column<u8>(context, INT);
}
export function uint16Column(context: usize): void {
  column<u16>(context, INT);
}
export function uint32Column(context: usize): void {
  column<u32>(context, INT);
}
export function uint64Column(context: usize): void {
  column<u64>(context, INT);
}
export function float32Column(context: usize): void {
  column<f32>(context, FLOAT);
}
export function float64Column(context: usize): void {
  column<f64>(context, FLOAT);
}
export function boolColumn(context: usize): void {
  column<u8>(context, BOOL);
}
export function dateColumn(context: usize): void {
  column<i32>(context, DATE);
}
export function timestampColumn(context: usize): void {
  column<i64>(context, TIMESTAMP);
}
export function decimalColumn(context: usize): void {
  column<i64>(context, DECIMAL);
}

