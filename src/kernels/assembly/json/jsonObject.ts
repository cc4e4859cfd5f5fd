// Objects whose fields are columns of their own, read key by key: where a line is not on the track, or its objects differ too much for one.
import { COLUMNS, KEYS } from "./jsonContext";
import { afterSpace, keyEnd, plainKey } from "./jsonScan";
import { COLUMN_BYTES, FIELDS, fillColumn, isKeyOf, NULL, NULL_PAIR, otherValue, storePair, TAKES } from "./jsonValues";

/** Where `fillColumn` says which column a key belongs to. */
const found: usize = memory.data(8, 4);
const OFFSET: usize = 0;
const KINDS: usize = 4;

/**
 * The end of the object or null at `p`, a value of the struct column at `offset`, or 0. A second object for one struct is the host's: it would have
 * to undo the fields of the first.
 */
export function fieldsEnd(context: usize, base: usize, row: usize, p: usize, offset: usize): usize {
  const pair = row + offset;
  if (load<u64>(pair) != NULL_PAIR) return 0;
  p = afterSpace(p);
  if (load<u8>(p) != 123) return otherValue(base, p, NULL, pair);
  storePair(pair, base, p, p + 1);
  p = afterSpace(p + 1);
  if (load<u8>(p) == 125) return p + 1;
  const parent = <u32>(offset >> 3);
  const keys = <usize>load<u32>(context, KEYS);
  const columns = load<u32>(context, COLUMNS);
  // Fields stand behind their struct, and mostly come in their order.
  let next = parent + 1;
  while (true) {
    const entry = keys + <usize>next * COLUMN_BYTES;
    let kinds: u32;
    let at: usize;
    if (next < columns && isKeyOf(entry, parent, p)) {
      p = afterSpace(p + <usize>load<u32>(entry, 4) + 2);
      if (load<u8>(p) != 58) return 0;
      p = afterSpace(p + 1);
      kinds = load<u32>(entry, TAKES);
      at = <usize>next << 3;
      next++;
    } else {
      const key = p + 1;
      p = plainKey(p);
      if (p == 0) return 0;
      fillColumn(context, parent, found, OFFSET, KINDS, key, <u32>(keyEnd - key));
      kinds = load<u32>(found, KINDS);
      at = <usize>load<u32>(found, OFFSET);
      if (<u32>(at >> 3) < columns) next = <u32>(at >> 3) + 1;
    }
    p = (kinds & FIELDS) != 0 ? fieldsEnd(context, base, row, p, at) : otherValue(base, p, kinds, row + at);
    if (p == 0) return 0;
    p = afterSpace(p);
    if (load<u8>(p) == 125) return p + 1;
    if (load<u8>(p) != 44) return 0;
    p = afterSpace(p + 1);
  }
}
