/** Which partitions are open. Loops over rows are functions of their own: V8 compiles a long loop with the whole function around it. */
export class PartitionRows {
  #isOpen = new Uint8Array(64);
  #counts = new Int32Array(64);

  /** Room for so many partitions. */
  reserve(count: number): void {
    if (count <= this.#isOpen.length) return;
    const size = Math.max(count, this.#isOpen.length * 2);
    const isOpen = new Uint8Array(size);
    isOpen.set(this.#isOpen);
    this.#isOpen = isOpen;
    this.#counts = new Int32Array(size);
  }

  /** The first row from `from` on of a partition that is not open, or `to`. */
  nextNew(groups: Int32Array, from: number, to: number): number {
    return firstNew(groups, from, to, this.#isOpen);
  }

  begin(group: number): void {
    this.#isOpen[group] = 1;
  }

  end(group: number): void {
    this.#isOpen[group] = 0;
  }

  /** The physical rows of live ones by partition, each partition's in their order; which partitions those are, and where each ends. */
  sorted(
    groups: Int32Array,
    selection: Int32Array | null,
    from: number,
    to: number,
  ): { readonly order: Int32Array; readonly present: readonly number[]; readonly ends: readonly number[] } {
    const places = this.#counts;
    const present: number[] = [];
    countRows(groups, from, to, places, present);
    let at = 0;
    for (const group of present) {
      const count = places[group] as number;
      places[group] = at;
      at += count;
    }
    const order = new Int32Array(to - from);
    if (selection === null) placeRows(groups, from, to, places, order);
    else placeSelected(groups, selection, from, to, places, order);
    const ends = present.map((group) => places[group] as number);
    for (const group of present) places[group] = 0;
    return { order, present, ends };
  }
}

function firstNew(groups: Int32Array, from: number, to: number, isOpen: Uint8Array): number {
  for (let i = from; i < to; i++) if (isOpen[groups[i] as number] === 0) return i;
  return to;
}

function countRows(groups: Int32Array, from: number, to: number, counts: Int32Array, present: number[]): void {
  for (let i = from; i < to; i++) {
    const group = groups[i] as number;
    const count = counts[group] as number;
    if (count === 0) present.push(group);
    counts[group] = count + 1;
  }
}

function placeRows(groups: Int32Array, from: number, to: number, places: Int32Array, order: Int32Array): void {
  for (let i = from; i < to; i++) {
    const group = groups[i] as number;
    const at = places[group] as number;
    places[group] = at + 1;
    order[at] = i;
  }
}

function placeSelected(
  groups: Int32Array,
  selection: Int32Array,
  from: number,
  to: number,
  places: Int32Array,
  order: Int32Array,
): void {
  for (let i = from; i < to; i++) {
    const group = groups[i] as number;
    const at = places[group] as number;
    places[group] = at + 1;
    order[at] = selection[i] as number;
  }
}
