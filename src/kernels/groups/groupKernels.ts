/**
 * The grouping kernels as JavaScript calls them; see `assembly/groups/group.ts`, `assembly/groups/codedGroups.ts`, `assembly/groups/groupOrder.ts`,
 * `assembly/sorts/sortRuns.ts` and `assembly/groups/groupSort.ts`. Addresses and lengths are bytes in the
 * kernels' memory, packed keys are counted in 8-byte words.
 */
export interface GroupKernels {
  packKeys(
    columns: number,
    count: number,
    flags: number,
    selection: number,
    rows: number,
    out: number,
    at: number,
    offsets: number,
    hashes: number,
  ): number;
  hashKeys(words: number, offsets: number, rows: number, hashes: number): void;
  assignGroups(table: number, words: number, offsets: number, hashes: number, from: number, rows: number, groups: number): number;
  assignWords(table: number, words: number, from: number, rows: number, groups: number): number;
  probeTexts(
    front: number,
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    selection: number,
    from: number,
    rows: number,
    groups: number,
    missed: number,
    places: number,
    most: number,
  ): number;
  keepTexts(
    front: number,
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    missed: number,
    places: number,
    found: number,
    count: number,
    groups: number,
  ): void;
  codedGroups8(codes: number, chosen: number, count: number, groupOf: number, groups: number): number;
  codedGroups16(codes: number, chosen: number, count: number, groupOf: number, groups: number): number;
  fillSlots(slots: number, mask: number, hashes: number, count: number): void;
  unpackKeys(columns: number, count: number, flags: number, words: number, offsets: number, order: number, rows: number): void;
  keySpan(starts: number, ends: number, valid: number, selection: number, rows: number, answer: number): number;

  bucketPlaces(hashes: number, rows: number, bits: number, bounds: number, places: number): void;
  orderOfPlaces(places: number, rows: number, order: number): void;
  placeFixed(values: number, width: number, places: number, rows: number, out: number): void;
  placeWords(words: number, count: number, places: number, rows: number, out: number): void;
  areEven(offsets: number, rows: number, each: number): number;
  permuteFixed(values: number, width: number, order: number, rows: number, out: number): void;
  permuteBytes(bytes: number, offsets: number, order: number, rows: number, out: number, outOffsets: number): void;
  appendTexts(
    bytes: number,
    starts: number,
    ends: number,
    valid: number,
    selection: number,
    rows: number,
    out: number,
    at: number,
    offsets: number,
  ): void;
  orderedKeys(
    columns: number,
    count: number,
    flags: number,
    words: number,
    offsets: number,
    rows: number,
    out: number,
    outOffsets: number,
  ): number;
  placedKeys(
    columns: number,
    count: number,
    flags: number,
    words: number,
    offsets: number,
    rows: number,
    high: number,
    low: number,
    out: number,
    outOffsets: number,
  ): number;
  sortKeys(
    bytes: number,
    offsets: number,
    rows: number,
    bounds: number,
    runs: number,
    records: number,
    spare: number,
    order: number,
  ): void;

  groupRows(groups: number, rows: number, count: number, bounds: number, order: number): void;
  sortGroups(
    bytes: number,
    offsets: number,
    rows: number,
    bounds: number,
    count: number,
    records: number,
    spare: number,
    order: number,
  ): void;
  markChanges(bytes: number, offsets: number, rows: number, suffix: number, order: number, marks: number): void;
}

/** Bytes of one column's description for `packKeys`, `unpackKeys` and `orderedKeys`. */
export const columnBytes = 24;

/** u32 slots of a column's description. */
export const columnSlot = { kind: 0, values: 1, ends: 2, bytes: 3, valid: 4, used: 5, order: 1 } as const;

/** u32 slots of a hash table. */
export const tableSlot = { slots: 0, mask: 1, count: 2, limit: 3, hashes: 4, offsets: 5, arena: 6 } as const;

/** What kernels may read or write past the end of a byte string. */
export const padding = 16;
