import type { GroupedOrder } from "../kernels/groups/groupedRows.js";
import type { WindowFrame } from "../plan/nodes.js";

/** A value over rows that come and go at the ends of a frame. */
export interface FrameValue {
  /** A group begins: no row is in the frame. */
  reset(): void;
  add(row: number): void;
  /** Takes away the row that was added first of those that are in the frame. */
  remove(row: number): void;
  /** Gives the value to a row. */
  write(row: number): void;
}

/** Moves the frame over the rows of every group, and has `value` follow it. A frame of null: see `WindowOptions.rows`. */
export function followFrames(grouped: GroupedOrder, frame: WindowFrame | null, value: FrameValue): void {
  const { bounds } = grouped;
  for (let g = 0; g + 1 < bounds.length; g++) {
    const [first, end] = [bounds[g] as number, bounds[g + 1] as number];
    value.reset();
    if (frame === null) growByTies(grouped, first, end, value);
    else slide(grouped.order, first, end, frame, value);
  }
}

/** All rows up to the row and its ties; without keys all rows are ties. */
function growByTies({ order, changes }: GroupedOrder, first: number, end: number, value: FrameValue): void {
  for (let from = first; from < end; ) {
    let to = from + 1;
    if (changes === null) to = end;
    else while (to < end && changes[to] === 0) to++;
    for (let i = from; i < to; i++) value.add(order[i] as number);
    for (let i = from; i < to; i++) value.write(order[i] as number);
    from = to;
  }
}

function slide(order: Int32Array, first: number, end: number, frame: WindowFrame, value: FrameValue): void {
  let [low, high] = [first, first];
  for (let i = first; i < end; i++) {
    const to = frame.to === null ? end : Math.min(end, i + frame.to + 1);
    const from = frame.from === null ? first : Math.min(end, i + frame.from);
    while (high < to) value.add(order[high++] as number);
    while (low < from) value.remove(order[low++] as number);
    value.write(order[i] as number);
  }
}
