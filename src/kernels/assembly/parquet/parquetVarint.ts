/** Where the varint that was read last ends; 0 where there was none. */
export let next: usize = 0;

/** The number at `from`, seven bits a byte, the lowest first. */
export function varint(from: usize, end: usize): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 64 && from < end; shift += 7) {
    const byte = <u64>load<u8>(from++);
    value |= (byte & 127) << shift;
    if (byte < 128) {
      next = from;
      return value;
    }
  }
  next = 0;
  return 0;
}
