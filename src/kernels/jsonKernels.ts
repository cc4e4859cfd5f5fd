/** The JSON lines kernels as JavaScript calls them; see `assembly/json/jsonLines.ts`. */
export interface JsonKernels {
  /** Reads lines of a block; `context` is laid out as `jsonSlot` says. */
  jsonLines(context: number): void;
  jsonMemoBytes(): number;
  jsonReset(memo: number): void;
  /** Stores where the pairs of each of `count` rows begin, `stride` entries apart. */
  jsonRows(to: number, count: number, stride: number): void;
  /** utf8 and binary columns; takes the context of the column kernels. */
  jsonTextColumn(context: number): void;
  /** Marks and nulls of a struct whose fields are columns; takes the context of the column kernels. */
  jsonStructColumn(context: number): void;
  /**
   * Marks, nulls and bounds of a list column whose items are a column; takes the context of the column kernels, and one laid out as `jsonSlot` says whose
   * rows are the items: `rows` tells how many there are, `from` the first row whose items found no room.
   */
  jsonListColumn(context: number, items: number): void;
}

/** u32 slots of the context of `jsonLines`. */
export const jsonSlot = {
  base: 0,
  from: 1,
  limit: 2,
  end: 3,
  capacity: 4,
  suspect: 5,
  spans: 6,
  columns: 7,
  keys: 8,
  starts: 9,
  exact: 10,
  memo: 11,
  rows: 12,
  lines: 13,
  exacts: 14,
} as const;

/** Bytes of a context of `jsonLines`. */
export const jsonContextBytes = 64;

/** Bits for the kinds of JSON values that a column takes from its place in the block. */
export const jsonKind = {
  text: 1,
  /** A string with escapes that is valid text. */
  escaped: 2,
  /** The empty string. */
  empty: 4,
  number: 8,
  bool: 16,
  nested: 32,
  null: 128,
  /** An object whose fields are columns of their own. */
  fields: 256,
} as const;
