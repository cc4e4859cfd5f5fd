import { mark } from "../kernels/csvKernels.js";
import type { CsvDialect } from "./csvDialect.js";

/** How far before a damaged record lines may be text of the field whose quote it lost, in records. */
const reach = 16;
/** Without any other sign the lines before a closing quote that nothing opened are doubted so far. */
const blindReach = 4;
/** A file that is cut off inside a quoted field: so many lines of it are doubted. */
const tailReach = 256;
const shortTail = 4;
/** Damage that goes on and on is not held back for longer than this. */
const longestRun = 4096;

/**
 * What a record's quotes say of where they stand. `plain`: no quote; it may be a record, or a line of a text. `certain`: a whole quoted field in
 * one line; quotes are in step here. `multi`: a quoted field that holds a line end; one that a wrong quote opened would look the same.
 * `wrong`: no quote, but no record either. `damaged`: its quotes are. `none`: blank or comment.
 */
type Sign = "plain" | "certain" | "multi" | "wrong" | "damaged" | "none";

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
  /** The marks so far, by the record's first byte. */
  readonly marks: ReadonlyMap<number, number>;
  /** Nothing follows the block. */
  readonly last: boolean;
  /** The block ends the file, and its last line has no end of its own. */
  readonly isCut: boolean;
  readonly atEnd: boolean;
}

export interface DoubtResult {
  /** Records that are settled; those after them are to be read again with what follows. */
  readonly lineCount: number;
  readonly marks: ReadonlyMap<number, number>;
}

/**
 * Strict quotes: a line that by itself is a perfect record may be the text of a quoted field whose quotes are damaged. Where a record's quotes
 * are damaged, the records before it are doubtful back to the last one whose quotes are certain, if there is a sign that the damage began there:
 * a field that holds a line end, or, where a quote closes what nothing opened, a record that is broken off. Both are looked for in the `reach`
 * records before, so that memory is bounded; the last ones of a block wait for those that follow.
 */
export class CsvDoubt {
  /** The signs of the last records settled. */
  #before: Sign[] = [];

  constructor(private readonly dialect: CsvDialect) {}

  judge(block: DoubtBlock): DoubtResult {
    const marks = new Map(block.marks);
    const signs = this.#signsOf(block);
    if (marks.size > 0) {
      for (let r = 0; r < block.lineCount; r++) {
        if (isDamage(block.marks.get(startOf(block, r)) ?? 0)) this.#lookBack(block, signs, r, marks);
      }
      doubtRegions(block, signs, marks);
      if (block.atEnd) doubtTail(block, signs, marks);
    }
    const lineCount = block.last ? block.lineCount : settled(block, marks);
    for (let r = Math.max(0, lineCount - reach); r < lineCount; r++) this.#before.push(signs(r));
    this.#before = this.#before.slice(-reach);
    return { lineCount, marks };
  }

  #lookBack(block: DoubtBlock, signs: Signs, r: number, marks: Map<number, number>): void {
    if (!this.#closes(block, r)) return;
    let anchor: number | null = null;
    let at = r - 1;
    let isWhole = false;
    for (; at >= r - reach; at--) {
      const sign = at >= 0 ? signs(at) : this.#before[this.#before.length + at];
      if (sign === undefined || sign === "certain") break;
      if (sign !== "plain" && sign !== "none") anchor = at;
      // A record that spans lines and is whole: before it the quotes were in step.
      isWhole = sign === "damaged" || (sign === "multi" && (at < 0 || fieldsOf(block, at) === block.fields));
      if (isWhole) break;
    }
    // A field that a quote too many ended in its first line leaves a whole record behind.
    const isBroken = anchor !== null || fieldsOf(block, r) !== block.fields;
    if (isBroken && !isWhole && r - at <= blindReach) anchor = Math.min(anchor ?? at, at);
    else if (isBroken) anchor ??= r - blindReach;
    if (anchor === null || anchor >= r) return;
    for (let i = Math.max(anchor, 0); i <= r; i++) {
      const start = startOf(block, i);
      const kind = marks.get(start) ?? 0;
      const own = kind & ~mark.region;
      const doubted = own === 0 && i < r && signs(i) !== "none" ? mark.doubtful : own;
      marks.set(start, doubted | (i > anchor ? mark.region : kind & mark.region));
    }
  }

  /**
   * Whether the first quote of the record, doubled ones left out, stands where one closes a field: inside a text that was taken for records, the
   * first quote is the one that ends it.
   */
  #closes(block: DoubtBlock, r: number): boolean {
    const { quote, delimiter, newline } = this.dialect;
    const { bytes, base } = block;
    const end = base + endOf(block, r);
    let p = base + startOf(block, r);
    for (;;) {
      while (p < end && bytes[p] !== quote) p++;
      const from = p;
      while (p < end && bytes[p] === quote) p++;
      if (from === p) return false;
      const next = p < end ? bytes[p] : newline;
      if ((p - from) % 2 === 1) return next === delimiter || next === newline || next === 13;
    }
  }

  /** Most records of a block are never asked for. */
  #signsOf(block: DoubtBlock): Signs {
    const known = new Map<number, Sign>();
    return (r) => {
      const sign = known.get(r) ?? this.#sign(block, r);
      known.set(r, sign);
      return sign;
    };
  }

  #sign(block: DoubtBlock, r: number): Sign {
    const { quote, newline, comment } = this.dialect;
    const { bytes, base } = block;
    const [start, end] = [startOf(block, r), endOf(block, r)];
    const kind = (block.marks.get(start) ?? 0) & ~mark.region;
    if (isDamage(kind)) return "damaged";
    if (comment >= 0 && bytes[base + start] === comment && end > start) return "none";
    let quotes = false;
    for (let p = base + start; p < base + end; p++) {
      const byte = bytes[p];
      if (byte === newline) return "multi";
      quotes ||= byte === quote;
    }
    // A quote too many before the line end that a field begins with makes an empty one.
    const last = bytes[base + end - 1] === 13 ? end - 1 : end;
    if (bytes[base + last - 1] === quote && bytes[base + last - 2] === quote && bytes[base + last - 3] === this.dialect.delimiter)
      return "multi";
    if (quotes) return fieldsOf(block, r) === block.fields ? "certain" : "wrong";
    if (fieldsOf(block, r) === block.fields && kind === 0) return "plain";
    const isBlank = end === start || (end === start + 1 && bytes[base + start] === 13);
    return isBlank ? "plain" : "wrong";
  }
}

type Signs = (r: number) => Sign;

function isDamage(marked: number): boolean {
  const kind = marked & ~mark.region;
  return kind === mark.unclosed || kind === mark.stray || kind === mark.doubtful;
}

/** The lines between a quote too many and the one that would have closed it: what is no record, or spans lines, says that they are a text. */
function doubtRegions(block: DoubtBlock, signs: Signs, marks: Map<number, number>): void {
  const inRegion = (r: number): boolean => ((block.marks.get(startOf(block, r)) ?? 0) & mark.region) !== 0;
  for (let r = 0; r < block.lineCount; r++) {
    if (!inRegion(r)) continue;
    const from = r;
    let doubtful = false;
    for (; r < block.lineCount && inRegion(r); r++) doubtful ||= signs(r) === "multi" || signs(r) === "wrong";
    for (let i = from; doubtful && i < r; i++) {
      const start = startOf(block, i);
      if (marks.get(start) === mark.region && signs(i) !== "none") marks.set(start, mark.doubtful | mark.region);
    }
  }
}

/** A file that ends inside a quoted field: what follows the quote may be its text, if the end of the file says that it was cut off. */
function doubtTail(block: DoubtBlock, signs: Signs, marks: Map<number, number>): void {
  const count = block.lineCount;
  const least = Math.max(0, count - tailReach);
  let from = count - 1;
  while (from >= least && signs(from) !== "damaged" && signs(from) !== "certain" && signs(from) !== "multi") from--;
  if (from < least || signs(from) !== "damaged" || ((marks.get(startOf(block, from)) ?? 0) & ~mark.region) !== mark.unclosed)
    return;
  let end = count;
  if (count - from > shortTail + 1 && !block.isCut) while (end > from && signs(end - 1) !== "wrong") end--;
  for (let i = from + 1; i < end; i++) {
    const start = startOf(block, i);
    const own = (marks.get(start) ?? 0) & ~mark.region;
    marks.set(start, (own === 0 && signs(i) !== "none" ? mark.doubtful : own) | mark.region);
  }
}

/** Records that no later one can make doubtful, and of a region all or none. */
function settled(block: DoubtBlock, marks: ReadonlyMap<number, number>): number {
  const inRegion = (r: number): boolean => ((marks.get(startOf(block, r)) ?? 0) & mark.region) !== 0;
  let count = Math.max(0, block.lineCount - reach);
  const latest = count;
  while (count > 0 && count < block.lineCount && inRegion(count) && latest - count < longestRun) count--;
  return latest - count < longestRun ? count : latest;
}

const startOf = ({ u32, seps, lines }: DoubtBlock, r: number): number => {
  const before = r === 0 ? -1 : (u32[lines + r - 1] as number);
  return ((u32[seps + before] as number) + 1) >>> 0;
};

const endOf = ({ u32, seps, lines }: DoubtBlock, r: number): number => u32[seps + (u32[lines + r] as number)] as number;

const fieldsOf = ({ u32, lines }: DoubtBlock, r: number): number =>
  (u32[lines + r] as number) - (r === 0 ? -1 : (u32[lines + r - 1] as number));
