// Numbers that the walker converts as it meets them: up to eight characters behind the minus, no exponent, which is what most numbers are. A
// column's kernel goes over the pairs only when some value of the batch was something else.
import { combine, HIGH, notDigits, powers, upperBytes, ZEROS } from "../numbers";

// A column (u32 each): address and length of its key, kinds that its kernel takes, where quick numbers go, and the struct that it is a field of.
export const COLUMN_BYTES: usize = 28;
const QUICK: usize = 12; // bits of the kind; 0: the column's kernel does it all
const VALUES: usize = 16;
const VALID: usize = 20; // per row: 0 null or not there, 1 a value, 2 something for the kernel
export const PARENT: usize = 24; // number of a column, or `TOP`

// Bits of QUICK.
const TAKEN: u32 = 1;
const WIDE: u32 = 2;
const FLOAT: u32 = 4;
const UNSIGNED: u32 = 8;

const NULL: u8 = 0;
const THERE: u8 = 1;
const LEFT: u8 = 2;

/** Rows whose marks are cleared at a time. */
export const CLEARED: u32 = 1024;

@inline
export function isQuick(column: usize): bool {
  return load<u32>(column, QUICK) != 0;
}

/** Clears the marks of rows [row, row + CLEARED). */
export function clearRows(column: usize, columns: u32, row: u32): void {
  for (let i: u32 = 0; i < columns; i++, column += COLUMN_BYTES) {
    if (isQuick(column)) memory.fill(<usize>load<u32>(column, VALID) + row, NULL, CLEARED);
  }
}

/** Clears the marks of one row. */
export function clearRow(column: usize, columns: u32, row: u32): void {
  for (let i: u32 = 0; i < columns; i++, column += COLUMN_BYTES) {
    if (isQuick(column)) store<u8>(<usize>load<u32>(column, VALID) + row, NULL);
  }
}

/** Notes that a row's value is no quick number, or null. */
@inline
export function leaveValue(column: usize, row: u32, isNull: bool): void {
  if (isQuick(column)) store<u8>(<usize>load<u32>(column, VALID) + row, isNull ? NULL : LEFT);
}

/** Converts the number from `p` to `end`, whose grammar is judged. */
@inline
export function keepNumber(column: usize, row: u32, p: usize, end: usize): void {
  const quick = load<u32>(column, QUICK);
  if (quick == 0) return;
  const mark = <usize>load<u32>(column, VALID) + row;
  const values = <usize>load<u32>(column, VALUES);
  const minus = <u32>(load<u8>(p) == 45);
  const n = <u32>(end - p) - minus;
  if (n > 8) {
    store<u8>(mark, LEFT);
    return;
  }
  let x = (load<u64>(end - 8) ^ ZEROS) & load<u64>(changetype<usize>(upperBytes) + (<usize>n << 3));
  if ((quick & FLOAT) != 0) {
    const t = x ^ 0x1e1e1e1e1e1e1e1e;
    const points = (t - 0x0101010101010101) & ~t & HIGH;
    let behind: usize = 0;
    if (points != 0) {
      behind = 7 - <usize>(ctz(points) >> 3);
      // What lies below the lowest point moves up to where it was; the point itself and all above stay.
      const below = (points - 1) & ~points;
      const upper = x & ~(((below >> 7) << 8) | 255);
      x = upper | ((x & (below >> 7)) << 8);
    }
    const size = <f64>(<i32>combine(x)) / load<f64>(changetype<usize>(powers) + (behind << 3));
    const value = reinterpret<f64>(reinterpret<u64>(size) | (<u64>minus << 63));
    if ((quick & WIDE) != 0) store<f64>(values + (<usize>row << 3), value);
    else store<f32>(values + (<usize>row << 2), <f32>value);
  } else {
    const value = (<i32>combine(x) ^ (0 - <i32>minus)) + <i32>minus;
    if ((quick & WIDE) != 0) store<i64>(values + (<usize>row << 3), <i64>value);
    else store<i32>(values + (<usize>row << 2), value);
  }
  // A point in a whole number, or an exponent, is seen as what it is: no digit.
  const taken = notDigits(x) == 0 && (quick & UNSIGNED & (0 - minus)) == 0;
  store<u8>(mark, taken ? THERE : LEFT);
}

/** How many of `rows` marks say null; -1 when one says that the kernel is needed. */
export function jsonMarks(valid: usize, rows: u32): i32 {
  let there: u32 = 0;
  let seen: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const mark = <u32>load<u8>(valid + i);
    seen |= mark;
    there += mark;
  }
  return (seen & <u32>LEFT) != 0 ? -1 : <i32>(rows - there);
}
