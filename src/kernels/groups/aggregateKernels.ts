import type { FixedColumn, FixedValues, WideColumn } from "../../batch/column.js";
import { type GroupKernels, padding } from "./groupKernels.js";
import { bytesOf, Region } from "./groupMemory.js";
import { type KernelMemory, type Kernels, kernelsOf } from "../wasm.js";

/** The aggregate kernels as JavaScript calls them; see `assembly/groups/aggregate.ts`. */
export interface AggregateKernels {
  addFloats(
    width: number,
    values: number,
    valid: number,
    groups: number,
    selection: number,
    rows: number,
    sums: number,
    lost: number,
    seen: number,
  ): void;
  addIntegers(
    kind: number,
    values: number,
    valid: number,
    groups: number,
    selection: number,
    rows: number,
    sums: number,
    seen: number,
  ): void;
  addCounts(valid: number, groups: number, selection: number, rows: number, counts: number): void;
  addExtremes(
    kind: number,
    greatest: number,
    values: number,
    valid: number,
    groups: number,
    selection: number,
    rows: number,
    kept: number,
    seen: number,
  ): void;
  addMoments(
    kind: number,
    values: number,
    valid: number,
    groups: number,
    selection: number,
    from: number,
    rows: number,
    unit: number,
    states: number,
  ): number;
  orderedCounts(counts: number, order: number, rows: number, to: number): void;
  orderedSums(sums: number, bits: number, order: number, rows: number, to: number): number;
  orderedFloats(sums: number, lost: number, order: number, rows: number, to: number): void;
  orderedSeen(seen: number, order: number, rows: number, to: number): number;
  permuteFixed: GroupKernels["permuteFixed"];
}

/** States of the groups that `order` lists, as the kernels write them. */
export interface OrderedStates {
  readonly functions: AggregateKernels;
  readonly order: number;
  readonly rows: number;
  /** Room for 8 bytes a row. */
  readonly to: number;
}

/** Where the rows of one call lie in kernel memory; 0 for what there is not. */
export interface KernelRows {
  readonly functions: AggregateKernels;
  readonly values: number;
  readonly valid: number;
  readonly groups: number;
  readonly selection: number;
  readonly rows: number;
}

/** Number of a typed array's elements for the kernels. */
export function elementKind(values: FixedValues): number {
  if (values instanceof Float64Array) return 9;
  if (values instanceof Float32Array) return 8;
  const unsigned =
    values instanceof Uint8Array ||
    values instanceof Uint16Array ||
    values instanceof Uint32Array ||
    values instanceof BigUint64Array;
  return Math.log2(values.BYTES_PER_ELEMENT) + (unsigned ? 4 : 0);
}

/**
 * States by group in the memory that the group numbers lie in. It is taken with the first batch, and given back when the states are read. `widths`: bytes a group of each array; every byte of a new group is `fill`.
 */
export class KernelStates {
  readonly #widths: readonly number[];
  readonly #fill: readonly number[];
  #kernels: Kernels | null = null;
  #regions: readonly Region[] = [];
  #staged: readonly Region[] = [];
  #groups = 0;

  constructor(widths: readonly number[], fill: readonly number[] = []) {
    this.#widths = widths;
    this.#fill = fill;
  }

  get isUsed(): boolean {
    return this.#kernels !== null;
  }

  /** Groups there is room for. */
  get groups(): number {
    return this.#groups;
  }

  /** Takes the rows of one call, a column's values or just its validity; null where their groups are not in the states' memory. */
  take(
    column: FixedColumn | WideColumn | null,
    groups: Int32Array,
    selection: Int32Array | null,
    count: number,
    valid: Uint8Array | null = column?.valid ?? null,
  ): KernelRows | null {
    const kernels = kernelsOf(groups);
    if (kernels === null || (this.#kernels !== null && this.#kernels !== kernels)) return null;
    if (this.#kernels === null) this.#open(kernels);
    const { memory } = kernels;
    const at = groups.byteOffset;
    const rows = groups.length;
    const values = column === null ? null : bytesOf(column.values);
    const chosen = selection === null ? null : bytesOf(selection);
    // A view's address must be taken before anything is put into the memory, which may grow and detach the view.
    let v = placeIn(memory, values);
    let b = placeIn(memory, valid);
    let s = placeIn(memory, chosen);
    if (v < 0) v = this.#stage(0, values);
    if (b < 0) b = this.#stage(1, valid);
    if (s < 0) s = this.#stage(2, chosen);
    this.#reserve(count);
    const functions = kernels.functions<AggregateKernels>();
    return { functions, values: v, valid: b, groups: at, selection: s, rows };
  }

  /** Address of a state array. */
  address(array: number): number {
    return (this.#regions[array] as Region).address;
  }

  /** A copy of the first `count` groups of a state array. */
  bytes(array: number, count: number): Uint8Array<ArrayBuffer> {
    return this.view(array, Math.min(count, this.#groups)).slice() as Uint8Array<ArrayBuffer>;
  }

  /** The first `count` groups of a state array where they lie, good until that memory grows or is given back. */
  view(array: number, count: number): Uint8Array {
    const address = this.address(array);
    return (this.#kernels as Kernels).memory.u8().subarray(address, address + count * (this.#widths[array] as number));
  }

  /**
   * What `write` makes of the states of all groups, in an order of theirs and in memory of its own: `width` bytes a group. `seen`: the array that says
   * which groups have a value, if there is one. Null where the states are not here, or `write` says 0. They stay where they are.
   */
  ordered(
    order: Int32Array,
    width: number,
    seen: number | null,
    write: (states: OrderedStates) => number,
  ): { readonly values: Uint8Array<ArrayBuffer>; readonly valid: Uint8Array<ArrayBuffer> | null } | null {
    const kernels = this.#kernels;
    const rows = order.length;
    const [to, placed] = this.#staged;
    if (kernels === null || to === undefined || placed === undefined || rows > this.#groups) return null;
    const { memory } = kernels;
    const functions = kernels.functions<AggregateKernels>();
    placed.reserve(rows * 4 + padding);
    to.reserve(rows * 8 + padding);
    memory.u8().set(bytesOf(order), placed.address);
    const copy = (bytes: number) => memory.u8().slice(to.address, to.address + bytes) as Uint8Array<ArrayBuffer>;
    let valid: Uint8Array<ArrayBuffer> | null = null;
    if (seen !== null && functions.orderedSeen(this.address(seen), placed.address, rows, to.address) === 0) valid = copy(rows);
    if (write({ functions, order: placed.address, rows, to: to.address }) === 0) return null;
    return { values: copy(rows * width), valid };
  }

  free(): void {
    for (const region of [...this.#regions, ...this.#staged]) region.free();
    this.#kernels = null;
    this.#regions = [];
    this.#staged = [];
    this.#groups = 0;
  }

  #open(kernels: Kernels): void {
    this.#kernels = kernels;
    this.#regions = this.#widths.map(() => new Region(kernels.memory));
    this.#staged = [0, 1, 2].map(() => new Region(kernels.memory));
  }

  #stage(part: number, bytes: Uint8Array | null): number {
    if (bytes === null) return 0;
    const address = (this.#staged[part] as Region).reserve(bytes.length + padding);
    (this.#kernels as Kernels).memory.u8().set(bytes, address);
    return address;
  }

  #reserve(count: number): void {
    if (count <= this.#groups) return;
    const more = Math.max(count, this.#groups * 2, 512);
    const { memory } = this.#kernels as Kernels;
    for (const [i, region] of this.#regions.entries()) {
      const width = this.#widths[i] as number;
      const used = this.#groups * width;
      const address = region.reserve(more * width, used);
      memory.u8().fill(this.#fill[i] ?? 0, address + used, address + more * width);
    }
    this.#groups = more;
  }
}

/** Where bytes lie in this memory: 0 for none, -1 for those that lie elsewhere. */
function placeIn({ memory }: KernelMemory, bytes: Uint8Array | null): number {
  if (bytes === null) return 0;
  return bytes.buffer === memory.buffer ? bytes.byteOffset : -1;
}
