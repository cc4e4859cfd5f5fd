// The items of list columns, each as a row of its own with pairs of its own: they are converted by the kernels of all columns.
import { BASE as COLUMN_BASE, COUNT, ENDS, FIELD, NULLS, ROWS as LISTS, SEPS, SLOW, SLOWS, VALID, VALUES } from "../csv/context";
import { CAPACITY, COLUMNS, FROM, KEYS, ROWS, SPANS } from "./jsonContext";
import { fieldsEnd } from "./jsonObject";
import { afterSpace, numberEnd } from "./jsonScan";
import { FIELDS, forgetPairs, NUMBER, otherValue, storePair, TAKES } from "./jsonValues";

/** Where the pairs of the items of the last list end. */
let after: usize = 0;
/** Whether the list had more items than there was room for. */
let crowded: bool = false;

/**
 * Stores the pairs of the items of the list at `p`, which is known to be valid JSON, from `pair` on; false where it is no list, or an item is of a kind
 * that its column does not take.
 */
@inline
function readList(items: usize, base: usize, p: usize, pair: usize, width: usize, kinds: u32, last: usize): bool {
  after = pair;
  if (load<u8>(p) != 91) return false;
  p = afterSpace(p + 1);
  if (load<u8>(p) == 93) return true;
  const numbers = (kinds & NUMBER) != 0;
  const opened = (kinds & FIELDS) != 0;
  while (true) {
    if (pair == last) {
      crowded = true;
      return false;
    }
    const c = <u32>load<u8>(p);
    if (numbers && (c - 48 < 10 || c == 45)) {
      const end = numberEnd(p);
      storePair(pair, base, p, end);
      p = end;
    } else if (opened) {
      forgetPairs(pair, width);
      p = fieldsEnd(items, base, pair, p, 0);
    } else {
      p = otherValue(base, p, kinds, pair);
    }
    if (p == 0) return false;
    pair += width;
    p = afterSpace(p);
    if (load<u8>(p) == 93) break;
    p = afterSpace(p + 1);
  }
  after = pair;
  return true;
}

/**
 * Marks and nulls of a list column, and which items its rows have. Takes the context of the column kernels, and one of the items that is laid out like
 * that of the lines. A row whose list is not one of such items is slow and has none. Stops at the first row whose items find no room, and says which it is.
 */
export function jsonListColumn(context: usize, items: usize): void {
  const base = <usize>load<u32>(context, COLUMN_BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, LISTS);
  const count = load<u32>(context, COUNT);
  const valid = <usize>load<u32>(context, VALID);
  const starts = <usize>load<u32>(context, VALUES);
  const ends = <usize>load<u32>(context, ENDS);
  const slowList = <usize>load<u32>(context, SLOW);
  const kinds = load<u32>(<usize>load<u32>(items, KEYS), TAKES);
  // Only the keys of objects can be those of no column.
  const width = (<usize>load<u32>(items, COLUMNS) + <usize>((kinds & FIELDS) != 0)) << 3;
  const spans = <usize>load<u32>(items, SPANS);
  const last = spans + <usize>load<u32>(items, CAPACITY) * width;
  let pair = spans;
  let item: u32 = 0;
  let slow = slowList;
  let nulls: u32 = 0;
  crowded = false;
  let i: u32 = 0;
  for (; i < count; i++) {
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    const present = <u32>(load<u32>(at) != 0);
    store<u8>(valid + i, <u8>present);
    nulls += 1 - present;
    store<u32>(starts + (<usize>i << 2), item);
    if (present != 0) {
      if (readList(items, base, base + <usize>(load<u32>(at - 4) + 1), pair, width, kinds, last)) {
        item += <u32>((after - pair) / width);
        pair = after;
      } else if (!crowded) {
        store<u32>(slow, i);
        slow += 4;
      }
    }
    store<u32>(ends + (<usize>i << 2), item);
    if (crowded) break;
  }
  store<u32>(context, nulls, NULLS);
  store<u32>(context, <u32>((slow - slowList) >> 2), SLOWS);
  store<u32>(items, item, ROWS);
  store<u32>(items, i, FROM);
}
