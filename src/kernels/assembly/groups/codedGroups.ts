// The groups of rows whose keys are codes into a dictionary.

/**
 * The group of each row: that of its code in `groupOf`. `chosen` holds which rows are meant, 0 for the first `count`. Returns whether one of the
 * groups is negative: the code has none yet.
 */
@inline
function groupsOf<T>(codes: usize, chosen: usize, count: u32, groupOf: usize, groups: usize): bool {
  const width = sizeof<T>();
  let seen: i32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    const row = chosen === 0 ? j : load<u32>(chosen + (<usize>j << 2));
    const code = <u32>load<T>(codes + <usize>row * width);
    const group = load<i32>(groupOf + (<usize>code << 2));
    seen |= group;
    store<i32>(groups + (<usize>j << 2), group);
  }
  return seen < 0;
}

export function codedGroups8(codes: usize, chosen: usize, count: u32, groupOf: usize, groups: usize): bool {
  if (chosen === 0) return groupsOf<u8>(codes, 0, count, groupOf, groups);
  return groupsOf<u8>(codes, chosen, count, groupOf, groups);
}

export function codedGroups16(codes: usize, chosen: usize, count: u32, groupOf: usize, groups: usize): bool {
  if (chosen === 0) return groupsOf<u16>(codes, 0, count, groupOf, groups);
  return groupsOf<u16>(codes, chosen, count, groupOf, groups);
}
