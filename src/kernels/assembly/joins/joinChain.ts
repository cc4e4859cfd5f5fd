// What both hash tables of a join do with rows that share a key.

@inline
export function word(base: usize, index: u32): u32 {
  return load<u32>(base + (<usize>index << 2));
}

/** Puts a row behind the last one that has the key of row `first`. */
@inline
export function chainRow(next: usize, last: usize, first: u32, row: u32): void {
  const end = last + (<usize>first << 2);
  store<u32>(next + (<usize>load<u32>(end) << 2), row);
  store<u32>(end, row);
}
