// Packed keys as byte strings that sort as the keys do.

@inline
export function bigEndian(w: u64): u64 {
  return (
    (w >> 56) |
    ((w >> 40) & 0xff00) |
    ((w >> 24) & 0xff0000) |
    ((w >> 8) & 0xff000000) |
    ((w << 8) & 0xff00000000) |
    ((w << 24) & 0xff0000000000) |
    ((w << 40) & 0xff000000000000) |
    (w << 56)
  );
}

/** The word of a fixed key so that unsigned order is the order of its values. Orders: 0 unsigned, 1 to 4 signed of that many 16-bit units, 5 float32, 6 float64. */
@inline
function orderedWord(order: u32, w: u64): u64 {
  switch (order) {
    case 1:
      return <u64>(<i64>w << 56) ^ 0x8000000000000000;
    case 2:
      return <u64>(<i64>w << 48) ^ 0x8000000000000000;
    case 3:
      return <u64>(<i64>w << 32) ^ 0x8000000000000000;
    case 4:
      return w ^ 0x8000000000000000;
    case 5: {
      const f = w << 32;
      return f & 0x8000000000000000 ? ~f : f ^ 0x8000000000000000;
    }
    case 6:
      return w & 0x8000000000000000 ? ~w : w ^ 0x8000000000000000;
    default:
      return w;
  }
}

/** What a column's `order` holds beside the order of its words. */
const descending: u32 = 256;
const nullsFirst: u32 = 512;

/** `placed`: with the flags of each column's order, and the row's place behind its keys. */
@inline
function keyBytes(
  placed: bool,
  columns: usize,
  count: u32,
  flags: u32,
  words: usize,
  offsets: usize,
  n: u32,
  high: u32,
  low: u32,
  out: usize,
  outOffsets: usize,
): u32 {
  const columnsEnd = columns + <usize>count * 24;
  let o = out;
  for (let i: u32 = 0; i < n; i++) {
    store<u32>(outOffsets + (<usize>i << 2), <u32>(o - out));
    let p = words + (<usize>load<u32>(offsets + (<usize>i << 2)) << 3);
    const nulls: u64 = flags ? load<u64>(p) : 0;
    p += <usize>flags << 3;
    let bit: u64 = 1;
    for (let c = columns; c < columnsEnd; c += 24) {
      const kind = load<u32>(c);
      const order = load<u32>(c, 4);
      const flip: u64 = placed && order & descending ? 0xffffffffffffffff : 0;
      const first = <u8>(placed && (order & nullsFirst) != 0);
      const word = load<u64>(p);
      p += 8;
      if (kind == 7) {
        const isNull = word == 0xfe00000000000000;
        store<u8>(o++, <u8>isNull ^ first);
        if (isNull) continue;
        const long = word >= 0xff00000000000000;
        const length: u32 = long ? <u32>word : min(<u32>(word >> 56), 8);
        const text = long ? p : p - 8;
        for (let j: u32 = 0; j < length; j++) {
          const b = load<u8>(text + j);
          store<u8>(o++, b ^ <u8>flip);
          // A zero byte is followed by 255 and the end by 0, so that a text sorts before its longer forms.
          if (b == 0) store<u8>(o++, 255 ^ <u8>flip);
        }
        store<u16>(o, <u16>flip);
        o += 2;
        if (long) p += <usize>((length + 7) & ~7);
        continue;
      }
      const isNull = (nulls & bit) != 0;
      bit = rotl(bit, 1);
      store<u8>(o++, <u8>isNull ^ first);
      if (kind == 6) {
        if (!isNull) {
          store<u64>(o, bigEndian(load<u64>(p) ^ 0x8000000000000000) ^ flip);
          store<u64>(o, bigEndian(word) ^ flip, 8);
          o += 16;
        }
        p += 8;
      } else if (!isNull) {
        store<u64>(o, bigEndian(orderedWord(order & 255, word)) ^ flip);
        o += 8;
      }
    }
    if (placed) {
      store<u64>(o, bigEndian((<u64>high << 32) | <u64>(low + i)));
      o += 8;
    }
  }
  store<u32>(outOffsets + (<usize>n << 2), <u32>(o - out));
  return <u32>(o - out);
}

/**
 * Packed keys as byte strings whose order is that of the keys: ascending, nulls last. A column (u32 of 24 bytes): kind, order. `out` must
 * hold twice the bytes of the words and 16 more a key. Answers the bytes used.
 */
export function orderedKeys(columns: usize, count: u32, flags: u32, words: usize, offsets: usize, n: u32, out: usize, outOffsets: usize): u32 {
  return keyBytes(false, columns, count, flags, words, offsets, n, 0, 0, out, outOffsets);
}

/**
 * Packed keys as byte strings whose order is that of the rows: by each key ascending or descending, nulls where its flags say, then by `high` and
 * by the row's number from `low` on, so that no two strings are equal. A column (u32 of 24 bytes): kind, order and flags. `out` must hold twice the
 * bytes of the words, 16 more a key and 8 more a row. Answers the bytes used.
 */
export function placedKeys(
  columns: usize,
  count: u32,
  flags: u32,
  words: usize,
  offsets: usize,
  n: u32,
  high: u32,
  low: u32,
  out: usize,
  outOffsets: usize,
): u32 {
  return keyBytes(true, columns, count, flags, words, offsets, n, high, low, out, outOffsets);
}
