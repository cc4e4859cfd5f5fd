// Objects whose fields are columns of their own, read key by key: where a line is not on the track, or its objects differ too much for one.
import { KEYS } from "./jsonContext";
import { keepNumber, leaveValue } from "./jsonNumbers";
import { afterSpace, keyEnd, numberEnd, plainKey } from "./jsonScan";
import { columnOf, FIELDS, fillColumn, KIND_ANY, NULL, NULL_PAIR, NUMBER, otherValue, storePair } from "./jsonValues";

/** Where `fillColumn` says which column a key belongs to. */
const found: usize = memory.data(8, 4);
const OFFSET: usize = 0;
const KINDS: usize = 4;

/**
 * The end of the object or null at `p`, a value of the struct column at `offset`, or 0. A second object for one struct is the host's: it would have
 * to undo the fields of the first.
 */
export function fieldsEnd(context: usize, base: usize, row: usize, index: u32, p: usize, offset: usize): usize {
  const pair = row + offset;
  if (load<u64>(pair) != NULL_PAIR) return 0;
  p = afterSpace(p);
  if (load<u8>(p) != 123) return otherValue(base, p, NULL, pair);
  storePair(pair, base, p, p + 1);
  p = afterSpace(p + 1);
  if (load<u8>(p) == 125) return p + 1;
  while (true) {
    const key = p + 1;
    p = plainKey(p);
    if (p == 0) return 0;
    fillColumn(context, <u32>(offset >> 3), found, OFFSET, KINDS, key, <u32>(keyEnd - key));
    p = fieldEnd(context, base, row, index, p, load<u32>(found, OFFSET), load<u32>(found, KINDS));
    if (p == 0) return 0;
    p = afterSpace(p);
    if (load<u8>(p) == 125) return p + 1;
    if (load<u8>(p) != 44) return 0;
    p = afterSpace(p + 1);
  }
}

/** The end of a field's value, or 0. */
function fieldEnd(context: usize, base: usize, row: usize, index: u32, p: usize, offset: usize, kinds: u32): usize {
  const pair = row + offset;
  if (kinds == KIND_ANY) return otherValue(base, p, kinds, pair);
  if ((kinds & FIELDS) != 0) return fieldsEnd(context, base, row, index, p, offset);
  const column = columnOf(<usize>load<u32>(context, KEYS), offset);
  const c = <u32>load<u8>(p);
  if (c - 48 < 10 || c == 45) return numberOn(column, index, base, p, kinds, pair);
  const end = otherValue(base, p, kinds, pair);
  if (end != 0) leaveValue(column, index, load<u64>(pair) == NULL_PAIR);
  return end;
}

/** The end of the number at `p`, or 0; keeps it where a column takes it. */
@inline
export function numberOn(column: usize, index: u32, base: usize, p: usize, kinds: u32, pair: usize): usize {
  const end = numberEnd(p);
  if (end == 0 || (kinds & NUMBER) == 0) return 0;
  if (kinds != KIND_ANY) {
    storePair(pair, base, p, end);
    keepNumber(column, index, p, end);
  }
  return end;
}
