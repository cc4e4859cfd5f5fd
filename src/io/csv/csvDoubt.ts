import { mark } from "../../kernels/csvKernels.js";
import type { CsvDialect } from "./csvDialect.js";

/** A line can be made doubtful only by damage at most so many records and bytes away. */
export const doubtRecords = 64;
export const doubtBytes = 256 * 1024;
/** So many tidy records in a row, none of which has a quote, end the doubt: the text of a field rarely looks like that. */
const tidyRun = 8;

/** The records of a block as the kernels list them. */
export interface DoubtBlock {
  readonly bytes: Uint8Array;
  /** Address of the block in `bytes`. */
  readonly base: number;
  readonly u32: Uint32Array;
  /** Indexes into `u32` of the separators, and of each record's last separator. */
  readonly seps: number;
  readonly lines: number;
  readonly lineCount: number;
  readonly fields: number;
  /** What the kernels found, by the record's first byte. */
  readonly marks: ReadonlyMap<number, number>;
  /** Nothing follows the block. */
  readonly last: boolean;
}

export interface DoubtResult {
  /** Records that nothing after the block can make doubtful. */
  readonly settled: number;
  readonly marks: ReadonlyMap<number, number>;
}

/**
 * What a record says of the quotes around it. `certain`: they are in step here, since a reader that takes the inside of quotes for the outside
 * would not see a quoted field that begins and ends like a value. `tidy`: as many fields as there should be, and no such sign. `odd`: damaged, of
 * another number of fields, or a field with line ends that wrong quotes may have made. `none`: blank or comment.
 */
type Sign = "certain" | "tidy" | "odd" | "none";

/**
 * Strict quotes: a line that is a perfect record by itself may be the text of a quoted field whose own quotes are damaged. Doubtful are
 *
 * - the records before a damaged one whose first quote stands where one closes a field: what it closes began there;
 * - the records behind a quote that nothing closes in the right place: they may be what it opened,
 *
 * in both directions up to and with the first record that is certain, or to the end of `tidyRun` tidy ones. That depends on the records within
 * reach alone, so any way to cut the file into blocks and partitions gives the same.
 */
export function judgeDoubt(block: DoubtBlock, dialect: CsvDialect): DoubtResult {
  const records = new Records(block, dialect);
  const marks = new Map(block.marks);
  for (const [start, kind] of block.marks) {
    if (kind !== mark.unclosed && kind !== mark.stray) continue;
    const r = recordAt(block, start);
    if (r < 0) continue;
    if (records.closes(r)) doubt(records, r, -1, marks);
    if (kind === mark.unclosed) doubt(records, r, 1, marks);
  }
  markTorn(records, block, marks);
  let settled = block.last ? block.lineCount : unreached(block);
  // What belongs to a quote too many is read with it.
  while (settled > 0 && settled < block.lineCount && ((marks.get(records.start(settled)) ?? 0) & mark.region) !== 0) settled--;
  return { settled, marks };
}

/** Records of a block that lie out of the reach of whatever follows it. */
export function unreached(block: Pick<DoubtBlock, "u32" | "seps" | "lines" | "lineCount">): number {
  const { lineCount } = block;
  const last = lineCount === 0 ? 0 : startOf(block, lineCount - 1);
  let low = Math.max(0, lineCount - doubtRecords);
  for (let high = lineCount; low < high; ) {
    const middle = (low + high) >>> 1;
    if (last - startOf(block, middle) > doubtBytes) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First byte of the record that holds a byte, its line end counted in; -1 where the block does not hold all of it. */
export function recordOver(lists: Pick<DoubtBlock, "u32" | "seps" | "lines" | "lineCount">, at: number): number {
  const r = recordOn(lists, at);
  return r < 0 ? -1 : startOf(lists, r);
}

/** The record that begins at a byte, or -1. */
function recordAt(lists: Pick<DoubtBlock, "u32" | "seps" | "lines" | "lineCount">, start: number): number {
  const r = recordOn(lists, start);
  return r >= 0 && startOf(lists, r) === start ? r : -1;
}

function recordOn(lists: Pick<DoubtBlock, "u32" | "seps" | "lines" | "lineCount">, at: number): number {
  let low = 0;
  for (let high = lists.lineCount; low < high; ) {
    const middle = (low + high) >>> 1;
    if (endOf(lists, middle) < at) low = middle + 1;
    else high = middle;
  }
  return low < lists.lineCount ? low : -1;
}

/**
 * A line of one field, where there should be more, may be a piece of the record beside it: a line end too many in that record's first or last
 * field leaves a whole record on the one side and such a line on the other.
 */
function markTorn(records: Records, block: DoubtBlock, marks: Map<number, number>): void {
  if (block.fields < 2) return;
  for (let r = 0; r < block.lineCount; r++) {
    if (!records.isPiece(r)) continue;
    for (const step of [-1, 1] as const) {
      let beside = r + step;
      while (records.reaches(r, beside) && records.isNothing(beside)) beside += step;
      if (!records.reaches(r, beside) || !records.isTearable(beside, step, records.isQuotedTo(r, step))) continue;
      for (let i = r + 1; step > 0 && i <= beside; i++) addMark(marks, records.start(i), mark.region);
      const own = (marks.get(records.start(beside)) ?? 0) & ~mark.region;
      if (own === 0) addMark(marks, records.start(beside), mark.doubtful);
    }
  }
}

const addMark = (marks: Map<number, number>, start: number, kind: number): void => {
  marks.set(start, (marks.get(start) ?? 0) | kind);
};

function doubt(records: Records, from: number, step: 1 | -1, marks: Map<number, number>): void {
  let tidy = 0;
  for (let r = from + step; records.reaches(from, r) && tidy < tidyRun; r += step) {
    const start = records.start(r);
    const own = marks.get(start) ?? 0;
    // Another quote too many begins anew.
    if (step > 0 && (own & ~mark.region) !== mark.unclosed) marks.set(start, own | mark.region);
    const sign = records.sign(r);
    if (sign === "none") continue;
    if ((own & ~mark.region) === 0 && records.isWhole(r)) marks.set(start, (marks.get(start) ?? 0) | mark.doubtful);
    if (sign === "certain") return;
    tidy = sign === "tidy" ? tidy + 1 : 0;
  }
}

class Records {
  private readonly known = new Map<number, Sign>();

  constructor(
    private readonly block: DoubtBlock,
    private readonly dialect: CsvDialect,
  ) {}

  start(r: number): number {
    return startOf(this.block, r);
  }

  /** It has as many fields as it should; else it is rejected for that. */
  isWhole(r: number): boolean {
    const { u32, lines, fields } = this.block;
    const before = r === 0 ? -1 : (u32[lines + r - 1] as number);
    return (u32[lines + r] as number) - before === fields;
  }

  /** It has one field of more than blanks, and is no comment. */
  isPiece(r: number): boolean {
    const { u32, lines, marks } = this.block;
    const before = r === 0 ? -1 : (u32[lines + r - 1] as number);
    if ((u32[lines + r] as number) - before !== 1 || this.isNothing(r)) return false;
    return marks.get(this.start(r)) !== mark.unclosed && !this.isSpace(r);
  }

  /** Blank or a comment. */
  isNothing(r: number): boolean {
    const { bytes, base } = this.block;
    const start = this.start(r);
    const end = this.end(r);
    return isBlank(bytes, base + start, base + end) || bytes[base + start] === this.dialect.comment;
  }

  /** On the given side it has a quote, which may be the half of a pair that a line end parted. */
  isQuotedTo(r: number, side: 1 | -1): boolean {
    const { bytes, base } = this.block;
    const end = base + this.end(r) - 1;
    const at = side < 0 ? base + this.start(r) : bytes[end] === 13 ? end - 1 : end;
    return this.dialect.quote >= 0 && bytes[at] === this.dialect.quote;
  }

  private isSpace(r: number): boolean {
    const { bytes, base } = this.block;
    for (let p = base + this.start(r); p < base + this.end(r); p++) {
      if (bytes[p] !== 32 && bytes[p] !== 9 && bytes[p] !== 13) return false;
    }
    return true;
  }

  /** A whole record that a line end in its last field, or before in its first, could have left. In quotes a line end is part of the
   * field, but between the two of a pair of quotes. */
  isTearable(r: number, side: 1 | -1, isQuoted: boolean): boolean {
    if (!this.isWhole(r) || this.block.marks.has(this.start(r))) return false;
    const { bytes, base, u32, seps, lines } = this.block;
    const first = side > 0 ? this.start(r) : (u32[seps + (u32[lines + r] as number) - 1] as number) + 1;
    return isQuoted || bytes[base + first] !== this.dialect.quote;
  }

  reaches(from: number, to: number): boolean {
    if (to < 0 || to >= this.block.lineCount || Math.abs(to - from) > doubtRecords) return false;
    return Math.abs(this.start(to) - this.start(from)) <= doubtBytes;
  }

  /**
   * Whether a record's first quote, doubled ones left out, stands where one closes a field: where a text was taken for records, that is the
   * quote that ends it.
   */
  closes(r: number): boolean {
    const { quote, delimiter, newline } = this.dialect;
    const escaping = this.dialect.escape;
    const { bytes, base } = this.block;
    const end = base + this.end(r);
    let p = base + this.start(r);
    for (;;) {
      while (p < end && bytes[p] !== quote) p += bytes[p] === escaping ? 2 : 1;
      if (p >= end) return false;
      const from = p;
      if (escaping === quote) while (p < end && bytes[p] === quote) p++;
      else p++;
      const next = p < end ? bytes[p] : newline;
      if ((p - from) % 2 === 1) return next === delimiter || next === newline || next === 13;
    }
  }

  /** Most records of a block are never asked for. */
  sign(r: number): Sign {
    const known = this.known.get(r) ?? this.signOf(r);
    this.known.set(r, known);
    return known;
  }

  private signOf(r: number): Sign {
    const { bytes, base, u32, seps, lines, fields, marks } = this.block;
    const start = this.start(r);
    const end = this.end(r);
    if (marks.has(start)) return "odd";
    if (end > start && bytes[base + start] === this.dialect.comment) return "none";
    const first = r === 0 ? 0 : (u32[lines + r - 1] as number) + 1;
    const last = u32[lines + r] as number;
    if (last + 1 - first !== fields) return isBlank(bytes, base + start, base + end) ? "none" : "odd";
    let sign: Sign = "tidy";
    for (let i = first, from = start; i <= last; i++) {
      const to = u32[seps + i] as number;
      const found = this.fieldSign(base + from, base + to);
      if (found === "certain") return "certain";
      if (found === "odd") sign = "odd";
      from = to + 1;
    }
    return sign;
  }

  /** Of a field that is not damaged: it begins with a quote and ends with one, or has none. */
  private fieldSign(from: number, to: number): Sign {
    const { quote, newline } = this.dialect;
    const { bytes } = this.block;
    if (bytes[from] !== quote) return "tidy";
    const end = newline === 10 && bytes[to - 1] === 13 ? to - 2 : to - 1;
    if (this.endsField(bytes[from + 1]) || this.endsField(bytes[end - 1])) {
      for (let p = from + 1; p < end; p++) if (bytes[p] === newline) return "odd";
      return "tidy";
    }
    // Quotes in pairs may be the text's own.
    for (let p = from + 1; p < end; p++) if (bytes[p] !== quote) return "certain";
    return "tidy";
  }

  private endsField(byte: number | undefined): boolean {
    return byte === this.dialect.delimiter || byte === 10 || byte === 13;
  }

  private end(r: number): number {
    return endOf(this.block, r);
  }
}

const isBlank = (bytes: Uint8Array, start: number, end: number): boolean =>
  end === start || (end === start + 1 && bytes[start] === 13);

function startOf({ u32, seps, lines }: Pick<DoubtBlock, "u32" | "seps" | "lines">, r: number): number {
  const before = r === 0 ? -1 : (u32[lines + r - 1] as number);
  return ((u32[seps + before] as number) + 1) >>> 0;
}

function endOf({ u32, seps, lines }: Pick<DoubtBlock, "u32" | "seps" | "lines">, r: number): number {
  return u32[seps + (u32[lines + r] as number)] as number;
}
