// Records of 16 bytes that rows are sorted by: a prefix, which is 8 bytes of a row's string as a number, and the row.
import { bigEndian } from "../groups/orderedKeys";

/** The records of the rows [0, n). Answers up to which byte strings are alike where prefixes are. */
export function storeRecords(bytes: usize, offsets: usize, n: u32, records: usize): u32 {
  const start = load<u32>(offsets);
  const length = load<u32>(offsets, 4) - start;
  if (length > 0 && length <= mostEven && areEven(offsets, n, length)) return storeVarying(bytes + start, length, n, records);
  const skip = sharedPrefix(bytes, offsets, n);
  for (let i: u32 = 0; i < n; i++) storeRecord(bytes, offsets, i, skip, records + (<usize>i << 4));
  return skip + 8;
}

/** The record of a row; strings are compared from byte `skip` on. */
export function storeRecord(bytes: usize, offsets: usize, row: u32, skip: u32, record: usize): void {
  const start = load<u32>(offsets + (<usize>row << 2)) + skip;
  const length = load<u32>(offsets + (<usize>row << 2), 4) - start;
  const word = length >= 8 ? load<u64>(bytes + start) : length == 0 ? 0 : load<u64>(bytes + start) & (~(<u64>0) >> <u64>((8 - length) << 3));
  store<u64>(record, bigEndian(word));
  store<u32>(record, row, 8);
}

/** How many bytes all strings begin with alike. */
export function sharedPrefix(bytes: usize, offsets: usize, n: u32): u32 {
  const start = load<u32>(offsets);
  let shared = load<u32>(offsets, 4) - start;
  for (let i: u32 = 1; i < n && shared > 0; i++) {
    const other = load<u32>(offsets + (<usize>i << 2));
    shared = min(shared, load<u32>(offsets + (<usize>i << 2), 4) - other);
    let j: u32 = 0;
    while (j + 8 <= shared && load<u64>(bytes + start + j) == load<u64>(bytes + other + j)) j += 8;
    while (j < shared && load<u8>(bytes + start + j) == load<u8>(bytes + other + j)) j++;
    shared = j;
  }
  return shared;
}

/** Longer strings are told apart by what stands behind the bytes that all begin with. */
const mostEven: u32 = 64;
const varying = memory.data(64, 16);
/** For each 16 bytes of a string which of them go where in the prefix; what is beyond 15 goes nowhere. */
const masks = memory.data(64, 16);

function areEven(offsets: usize, n: u32, length: u32): bool {
  const end = offsets + (<usize>n << 2);
  for (; offsets < end; offsets += 4) if (load<u32>(offsets, 4) - load<u32>(offsets) != length) return false;
  return true;
}

/** Records of strings of one length. Prefixes are the first 8 bytes that are not the same everywhere, which packed numbers have few of. */
function storeVarying(strings: usize, length: u32, n: u32, records: usize): u32 {
  const end = strings + <usize>n * length;
  for (let c: u32 = 0; c < length; c += 16) {
    const first = v128.load(strings + c);
    let different = i64x2.splat(0);
    for (let at = strings + c; at < end; at += length) different = v128.or(different, v128.xor(v128.load(at), first));
    v128.store(varying + c, different);
  }
  memory.fill(masks, 0x80, mostEven);
  let used: u32 = 0;
  let from = length;
  for (let j: u32 = 0; j < length; j++) {
    if (load<u8>(varying + j) == 0) continue;
    store<u8>(masks + (j & ~15) + (7 - used), <u8>(j & 15));
    if (++used < 8) continue;
    from = j + 1;
    break;
  }
  for (let i: u32 = 0; i < n; i++) {
    let prefix = i64x2.splat(0);
    for (let c: u32 = 0; c < from; c += 16) {
      prefix = v128.or(prefix, v128.swizzle(v128.load(strings + c), v128.load(masks + c)));
    }
    store<u64>(records, i64x2.extract_lane(prefix, 0));
    store<u32>(records, i, 8);
    strings += length;
    records += 16;
  }
  return from;
}
