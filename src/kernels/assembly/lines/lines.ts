// Rows of a slice as lines of text: JSON lines and CSV.
//
// The kernel writes cell after cell to `OUT` and stops where the host has to do something: it answers 0 at the end of the rows, 1 where there is no room
// for the next cell and 2 where the host has to write the value of a cell, whose head stands behind `OUT` already. The host changes what it must and
// calls again.
import { doubleText, floatText } from "./lineDoubles";
import { decimalText, signed, unsigned } from "./lineNumbers";
import { escapedMore, escapedText, plainCell, quotedCell, quotedText } from "./lineTexts";
import { dateText, timestampText } from "./lineTimes";

// The context: u32 each.
const ROWS: usize = 0;
const COLUMNS: usize = 4; // address of the descriptions
const COUNT: usize = 8; // columns
const LIMIT: usize = 12; // end of the room for text
const OUT: usize = 16; // where the next byte goes
const START: usize = 20; // where the row begins
const ROW: usize = 24; // next cell
const COLUMN: usize = 28;
const TAIL: usize = 32; // what ends a line: address, bytes
const TAIL_BYTES: usize = 36;
const NONE: usize = 40; // what stands for null: address, bytes
const NONE_BYTES: usize = 44;
const JSON: usize = 48; // 1: JSON lines; 0: CSV
const DELIMITER: usize = 52; // of CSV
const QUOTE: usize = 56;

// The description of a column: u32 each.
const CELL: usize = 48;
const KIND: usize = 0;
const LIST: usize = 4; // address of the row numbers; 0: all rows in order
const VALID: usize = 8; // a byte a row; 0: no nulls
const VALUES: usize = 12; // of texts: where they begin
const ENDS: usize = 16;
const BYTES: usize = 20; // texts: address that starts and ends count from
const HEAD: usize = 24; // what stands before the value: address, bytes
const HEAD_BYTES: usize = 28;
const SCALE: usize = 32; // of decimals
const BARE: usize = 36; // decimals: 1 where no 0 stands before the point
const POWER: usize = 40; // decimals: 10^SCALE (u64)

/** More than any value but a text, and than what stores of sixteen bytes reach over. */
const ROOM: usize = 80;

const DONE: u32 = 0;
const FULL: u32 = 1;
const HOST: u32 = 2;

const BOOL: u32 = 1;
const INT8: u32 = 2;
const UINT8: u32 = 3;
const INT16: u32 = 4;
const UINT16: u32 = 5;
const INT32: u32 = 6;
const UINT32: u32 = 7;
const INT64: u32 = 8;
const UINT64: u32 = 9;
const DECIMAL: u32 = 10;
const WIDE: u32 = 11;
const DATE: u32 = 12;
const TIMESTAMP: u32 = 13;
const DOUBLE: u32 = 14;
const FLOAT: u32 = 15;
const TEXT: u32 = 16;

/** A copy of `length` bytes, and of up to 15 that follow. */
@inline
function copy(to: usize, from: usize, length: usize): usize {
  for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
  return to + length;
}

@inline
function boolText(out: usize, value: u32): usize {
  if (value != 0) {
    store<u32>(out, 0x65757274); // true
    return out + 4;
  }
  store<u32>(out, 0x736c6166); // fals
  store<u8>(out, 101, 4);
  return out + 5;
}

/** A decimal of 128 bits; 0 where it needs more than 64. */
function wideText(cell: usize, out: usize, at: usize): usize {
  const low = load<i64>(at);
  return load<i64>(at, 8) == low >> 63 ? decimal(cell, out, low) : 0;
}

@inline
function decimal(cell: usize, out: usize, value: i64): usize {
  return decimalText(out, value, load<u32>(cell, SCALE), load<u64>(cell, POWER), load<u32>(cell, BARE) != 0);
}

function jsonDate(out: usize, day: i32): usize {
  store<u8>(out, 34);
  const end = dateText(out + 1, day);
  if (end == 0) return 0;
  store<u8>(end, 34);
  return end + 1;
}

function jsonTimestamp(out: usize, micros: i64): usize {
  store<u8>(out, 34);
  const end = timestampText(out + 1, micros, 84);
  if (end == 0) return 0;
  store<u8>(end, 34);
  return end + 1;
}

/** The text of a value that is no text; 0 where the host has to write it. */
function valueText(cell: usize, out: usize, row: usize, json: bool): usize {
  const values = <usize>load<u32>(cell, VALUES);
  switch (load<u32>(cell, KIND)) {
    case BOOL:
      return boolText(out, load<u8>(values + row));
    case INT8:
      return signed(out, load<i8>(values + row));
    case UINT8:
      return unsigned(out, load<u8>(values + row));
    case INT16:
      return signed(out, load<i16>(values + (row << 1)));
    case UINT16:
      return unsigned(out, load<u16>(values + (row << 1)));
    case INT32:
      return signed(out, load<i32>(values + (row << 2)));
    case UINT32:
      return unsigned(out, load<u32>(values + (row << 2)));
    case INT64:
      return signed(out, load<i64>(values + (row << 3)));
    case UINT64:
      return unsigned(out, load<u64>(values + (row << 3)));
    case DECIMAL:
      return decimal(cell, out, load<i64>(values + (row << 3)));
    case WIDE:
      return wideText(cell, out, values + (row << 4));
    case DATE: {
      const day = load<i32>(values + (row << 2));
      return json ? jsonDate(out, day) : dateText(out, day);
    }
    case TIMESTAMP: {
      const micros = load<i64>(values + (row << 3));
      return json ? jsonTimestamp(out, micros) : timestampText(out, micros, 32);
    }
    case DOUBLE:
      return doubleText(out, load<f64>(values + (row << 3)), !json);
    case FLOAT:
      return floatText(out, load<f32>(values + (row << 2)), !json);
    default:
      return 0;
  }
}

function stop(context: usize, why: u32, out: usize, row: u32, column: u32): u32 {
  store<u32>(context, <u32>out, OUT);
  store<u32>(context, row, ROW);
  store<u32>(context, column, COLUMN);
  return why;
}

export function writeLines(context: usize): u32 {
  const rows = load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const columns = <usize>load<u32>(context, COLUMNS);
  const limit = <usize>load<u32>(context, LIMIT);
  const tail = <usize>load<u32>(context, TAIL);
  const tailBytes = <usize>load<u32>(context, TAIL_BYTES);
  const none = <usize>load<u32>(context, NONE);
  const noneBytes = <usize>load<u32>(context, NONE_BYTES);
  const json = load<u32>(context, JSON) != 0;
  const delimiter = load<u32>(context, DELIMITER);
  const quote = load<u32>(context, QUOTE);
  const around = ROOM + tailBytes + noneBytes;
  let out = <usize>load<u32>(context, OUT);
  let column = load<u32>(context, COLUMN);
  for (let i = load<u32>(context, ROW); i < rows; i++) {
    if (column == 0) store<u32>(context, <u32>out, START);
    for (; column < count; column++) {
      const cell = columns + <usize>column * CELL;
      const headBytes = <usize>load<u32>(cell, HEAD_BYTES);
      if (out + headBytes + around > limit) return stop(context, FULL, out, i, column);
      const to = copy(out, <usize>load<u32>(cell, HEAD), headBytes);
      const list = <usize>load<u32>(cell, LIST);
      const row = list != 0 ? <usize>load<u32>(list + (<usize>i << 2)) : <usize>i;
      const valid = <usize>load<u32>(cell, VALID);
      if (valid != 0 && load<u8>(valid + row) == 0) {
        out = copy(to, none, noneBytes);
        continue;
      }
      let end: usize;
      if (load<u32>(cell, KIND) != TEXT) end = valueText(cell, to, row, json);
      else {
        const start = <usize>load<u32>(<usize>load<u32>(cell, VALUES) + (row << 2));
        const length = <usize>load<u32>(<usize>load<u32>(cell, ENDS) + (row << 2)) - start;
        const text = <usize>load<u32>(cell, BYTES) + start;
        if (to + length + around > limit) return stop(context, FULL, out, i, column);
        end = json ? quotedText(to, text, length) : plainCell(to, text, length, delimiter, quote);
        if (end == 0) {
          const more = json ? escapedMore(text, length) : length;
          if (to + length + more + around > limit) return stop(context, FULL, out, i, column);
          end = json ? escapedText(to, text, length) : quotedCell(to, text, length, quote);
        }
      }
      if (end == 0) return stop(context, HOST, out, i, column);
      out = end;
    }
    column = 0;
    out = copy(out, tail, tailBytes);
  }
  return stop(context, DONE, out, rows, 0);
}
