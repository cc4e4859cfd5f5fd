@inline
export function rowAt(selection: usize, j: u32): usize {
  return selection == 0 ? <usize>j : <usize>load<u32>(selection + (<usize>j << 2));
}

@inline
export function groupAt(groups: usize, j: u32): usize {
  return <usize>load<u32>(groups + (<usize>j << 2));
}
