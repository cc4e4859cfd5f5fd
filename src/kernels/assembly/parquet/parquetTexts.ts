// Where the byte strings of a plain Parquet page stand.

/**
 * Finds `count` byte strings that stand behind their lengths in [from, from + length): where each begins and ends, counted from `base` before `from`.
 * Their lengths become zeros, so that all is text if each of them is. Answers the bytes that they take, or -1 where one does not fit.
 */
export function textSpans(from: usize, length: usize, count: usize, base: u32, starts: usize, ends: usize): i32 {
  let at: usize = 0;
  const last = starts + (count << 2);
  for (; starts < last; starts += 4, ends += 4) {
    if (length - at < 4) return -1;
    const size = <usize>load<u32>(from + at);
    store<u32>(from + at, 0);
    at += 4;
    if (size > length - at) return -1;
    store<u32>(starts, base + <u32>at);
    at += size;
    store<u32>(ends, base + <u32>at);
  }
  return <i32>at;
}
