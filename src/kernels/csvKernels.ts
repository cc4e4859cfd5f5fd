/** The CSV kernels as JavaScript calls them. Addresses and lengths are bytes in the kernels' memory; see `assembly/csv/csv.ts`. */
export interface CsvKernels {
  countByte(address: number, length: number, byte: number): number;
  findByte(address: number, length: number, byte: number): number;
  invalidUtf8Rows(bytes: number, starts: number, ends: number, valid: number, rows: number, out: number): number;

  hasOtherLineEnd(base: number, length: number, newline: number): number;
  indexQuoted(
    base: number,
    length: number,
    seps: number,
    lines: number,
    delimiter: number,
    newline: number,
    quote: number,
    answer: number,
  ): void;
  indexPlain(base: number, length: number, seps: number, lines: number, delimiter: number, newline: number, answer: number): void;
  indexExact(
    base: number,
    length: number,
    seps: number,
    lines: number,
    marks: number,
    delimiter: number,
    newline: number,
    quote: number,
    escapeByte: number,
    comment: number,
    strict: number,
    last: number,
    answer: number,
  ): void;
  isEven(base: number, seps: number, lineCount: number, fields: number, newline: number): number;
  listLines(base: number, seps: number, count: number, newline: number, lines: number): void;
  evenRows(rows: number, count: number, fields: number): void;
  /** `failed`: `count` numbers of rows, ascending. */
  closeGaps(values: number, width: number, rows: number, failed: number, count: number): void;
  /** Lists rows that failed as records to be rejected; `how` is one of `linesBy`. */
  listRejected(
    seps: number,
    rows: number,
    fields: number,
    how: number,
    lines: number,
    lineCount: number,
    failed: number,
    reasons: number,
    count: number,
    out: number,
  ): void;
  /** Answers how many of the records were placed. */
  placeRejected(
    base: number,
    newline: number,
    records: number,
    count: number,
    byte: number,
    line: number,
    counted: number,
    countedLines: number,
    out: number,
    raws: number,
    room: number,
  ): number;
  records(
    base: number,
    seps: number,
    lines: number,
    lineCount: number,
    fields: number,
    limit: number,
    comment: number,
    crBlank: number,
    marks: number,
    markCount: number,
    rows: number,
    wrong: number,
    answer: number,
  ): void;

  int8Column(context: number): void;
  int16Column(context: number): void;
  int32Column(context: number): void;
  int64Column(context: number): void;
  uint8Column(context: number): void;
  uint16Column(context: number): void;
  uint32Column(context: number): void;
  uint64Column(context: number): void;
  float32Column(context: number): void;
  float64Column(context: number): void;
  boolColumn(context: number): void;
  dateColumn(context: number): void;
  timestampColumn(context: number): void;
  decimalColumn(context: number): void;
  textColumn(context: number): void;
  matchNulls(context: number, table: number, texts: number, quotedToo: number): void;
  fieldText(context: number, row: number, out: number, flags: number): number;
  inferKinds(bytes: number, starts: number, ends: number, rows: number, table: number, nulls: number, open: number): number;

  /** Address of the powers of five behind doubles of many digits: 5^-342 to 5^308, 128 bits each, upper half first. */
  powersOfFive(): number;
}

/** u32 slots of the context that the column kernels read; the order of `assembly/csv/columns.ts`. */
export const slot = {
  base: 0,
  seps: 1,
  rows: 2,
  count: 3,
  field: 4,
  strip: 5,
  quote: 6,
  escape: 7,
  marked: 8,
  values: 9,
  valid: 10,
  slow: 11,
  nulls: 12,
  slows: 13,
  param: 14,
  ends: 15,
  origin: 16,
  scratch: 17,
  limit: 18,
  stride: 19,
  json: 20,
} as const;

/** Bytes of a context. */
export const contextBytes = 128;

/** u32 slots of the indexers' answer. */
export const indexAnswer = { seps: 0, lines: 1, anomaly: 2, inside: 3, marks: 4, inner: 5, wide: 6 } as const;

/** u32 slots of the answer of `records`. */
export const recordsAnswer = { good: 0, wrong: 1, used: 2, skipped: 3, looked: 4 } as const;

/** How `listRejected` knows the line of a record: all records have as many fields, or lines are listed, or not at all. */
export const linesBy = { fields: 0, list: 1, nothing: 2 } as const;

/** Bytes of a record in the list of those to be rejected, and its u32 slots. */
export const rejectedBytes = 16;
export const rejectedSlot = { start: 0, lineEnd: 1, lines: 2, reason: 3 } as const;

/** The number of line ends before a record that nobody has counted. */
export const uncounted = 0xffffffff;

/** What `placeRejected` writes: columns with room for `room` records, by their offsets in bytes. */
export const placed = {
  room: 1024,
  lines: 0,
  bytes: 8 * 1024,
  lengths: 16 * 1024,
  reasons: 24 * 1024,
  bounds: 28 * 1024,
  size: 32 * 1024 + 4,
} as const;

/** Kinds of marked records. */
export const mark = { unclosed: 1, stray: 2, lineEnd: 3, doubtful: 4, header: 5, joint: 6, nul: 7, region: 128 } as const;

/** Bits of `inferKinds`, in the order in which the types are tried. */
export const kindBits = { bool: 1, int64: 2, float64: 4, date: 8, timestamp: 16, seen: 32 } as const;
