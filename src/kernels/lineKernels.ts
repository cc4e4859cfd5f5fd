/** The kernel that writes lines of text, as JavaScript calls it; see `assembly/lines/lines.ts`. */
export interface LineKernels {
  /** Writes rows until it has to stop, and says why (`lineStop`); `context` is laid out as `lineSlot` says. */
  writeLines(context: number): number;
}

export const lineStop = { full: 1, host: 2 } as const;

/** u32 slots of the context of `writeLines`. */
export const lineSlot = {
  rows: 0,
  columns: 1,
  count: 2,
  limit: 3,
  out: 4,
  start: 5,
  row: 6,
  column: 7,
  tail: 8,
  tailBytes: 9,
  none: 10,
  noneBytes: 11,
  json: 12,
  delimiter: 13,
  quote: 14,
} as const;

/** Bytes of a context of `writeLines`. */
export const lineContextBytes = 64;

/** u32 slots of the description of a column. */
export const cellSlot = {
  kind: 0,
  list: 1,
  valid: 2,
  values: 3,
  ends: 4,
  bytes: 5,
  head: 6,
  headBytes: 7,
  scale: 8,
  bare: 9,
  power: 10,
  powerHigh: 11,
} as const;

/** Bytes of the description of a column. */
export const cellBytes = 48;

/** What the values of a column are; those of `host` are left to JavaScript. */
export const cellKind = {
  host: 0,
  bool: 1,
  int8: 2,
  uint8: 3,
  int16: 4,
  uint16: 5,
  int32: 6,
  uint32: 7,
  int64: 8,
  uint64: 9,
  decimal: 10,
  wide: 11,
  date: 12,
  timestamp: 13,
  float64: 14,
  float32: 15,
  text: 16,
} as const;
