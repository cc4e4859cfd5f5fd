import { type CsvKernels, indexAnswer, linesBy, mark, recordsAnswer } from "../../kernels/csvKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { CsvDialect } from "./csvDialect.js";
import type { CsvJoints } from "./csvJoints.js";
import { doubtRecords, judgeDoubt, recordOver, unreached } from "./csvDoubt.js";
import type { Gaps } from "../failedRows.js";
import type { TextBlock } from "../text/textBlock.js";

/** Entries the kernels may write past the end of a list. */
const slack = 32;
/** Up to this size the lists have room for a separator at every byte; larger blocks are counted first. */
const uncounted = 4 * 1024 * 1024;

/** A record that no column is read from. */
export interface WrongRecord {
  /** Relative to the block. */
  readonly start: number;
  /** Its line end. */
  readonly end: number;
  /** Line ends before it in the block; null where the scan cannot tell. */
  readonly line: number | null;
  readonly reason: "fields" | "unclosed" | "stray" | "lineEnd" | "doubtful" | "header" | "joint" | "nul";
  readonly fields: number;
}

/** The structural index of the block at hand, in kernel memory. */
export class CsvIndex {
  readonly #memory: KernelMemory;
  readonly #kernels: CsvKernels;
  readonly #dialect: CsvDialect;
  readonly #answer: number;
  #seps = 0;
  #lines = 0;
  #rows = 0;
  #wrong = 0;
  #marks = 0;
  #marksRoom = 0;
  #room = 0;
  #lineCount = 0;
  #markCount = 0;
  /** Entries of the row list that hold what `evenRows` writes. */
  #evenRows = 0;
  /** All lines of the block were taken as they are, for they are alike. */
  #tookEven = false;
  /** The block's line ends are listed, not just counted. */
  #isListed = false;
  /** Lines that are perfect records are judged by the damage around them as well. */
  readonly #doubts: boolean;
  readonly #joints: CsvJoints | null;
  /** A block before had records of different numbers of fields, so that the next ones probably have too. */
  #hasUneven = false;

  /** Records with the right number of fields; `rows` lists them. */
  good = 0;
  wrong: readonly WrongRecord[] = [];
  /** Bytes up to the end of the last record looked at. */
  used = 0;
  /** Line ends in those bytes; null where the scan cannot tell. */
  lineEnds: number | null = null;
  /** Every byte of the block is known to be ASCII. */
  isAscii = false;

  /** `use`: "sample" where what is listed only serves to infer types. */
  constructor(memory: KernelMemory, kernels: CsvKernels, dialect: CsvDialect, use: "sample" | CsvJoints | null) {
    this.#doubts = dialect.strict && use !== "sample";
    this.#joints = use === "sample" || !dialect.strict ? null : use;
    this.#memory = memory;
    this.#kernels = kernels;
    this.#dialect = dialect;
    this.#answer = memory.alloc(64);
  }

  get seps(): number {
    return this.#seps;
  }
  get rows(): number {
    return this.#rows;
  }

  /**
   * Indexes the block and sorts the records that begin before `limit` (relative to the block). `last`: nothing follows the block, or
   * nothing more will be read for its last record.
   */
  build(block: TextBlock, fields: number, limit: number, last: boolean): void {
    this.#reserve(block);
    this.#scan(block, last);
    if (this.#joints !== null) this.#markJoints(this.#joints, block, last);
    const isEven = this.#isEven(block, fields);
    if (this.#doubts) this.#settle(block, fields, last, isEven);
    const oneEach = this.#get(indexAnswer.inner) === 0;
    this.isAscii = this.#get(indexAnswer.wide) === 0;
    this.#tookEven = isEven && this.#takeEven(fields, limit);
    if (this.#tookEven) {
      this.lineEnds = oneEach ? this.good : null;
      return;
    }
    this.#listLines(block);
    this.#evenRows = 0;
    const crBlank = this.#dialect.newline === 10 ? 1 : 0;
    this.#kernels.records(
      block.base,
      this.#seps,
      this.#lines,
      this.#lineCount,
      fields,
      limit,
      this.#dialect.comment,
      fields > 1 ? crBlank : 0,
      this.#marks,
      this.#markCount,
      this.#rows,
      this.#wrong,
      this.#answer,
    );
    this.good = this.#get(recordsAnswer.good);
    this.used = this.#get(recordsAnswer.used);
    this.lineEnds = oneEach ? this.#get(recordsAnswer.looked) : null;
    this.wrong = this.#listWrong(this.#get(recordsAnswer.wrong));
  }

  /** First byte and line end of a good record, relative to the block. */
  bounds(row: number, fields: number): { readonly start: number; readonly end: number } {
    const u32 = this.#memory.u32();
    const first = u32[(this.#rows >>> 2) + row] as number;
    const at = (this.#seps >>> 2) + first;
    return { start: ((u32[at - 1] as number) + 1) >>> 0, end: u32[at + fields - 1] as number };
  }

  /** Line ends of the block before a good record; null where the scan cannot tell. */
  lineOf(row: number, fields: number): number | null {
    if (this.lineEnds === null) return null;
    const u32 = this.#memory.u32();
    const first = u32[(this.#rows >>> 2) + row] as number;
    if (this.#tookEven) return first / fields;
    const lines = this.#lines >>> 2;
    let [low, high] = [0, this.#lineCount];
    // The line whose last separator is the first at or behind the record's first one.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((u32[lines + middle] as number) < first) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lists failed rows of the slice from row `first` on as records to be rejected; `reasons` has a number for each. */
  listFailed(first: number, fields: number, { address, count }: Gaps, reasons: number, out: number): void {
    const how = this.lineEnds === null ? linesBy.nothing : this.#tookEven ? linesBy.fields : linesBy.list;
    const rows = this.#rows + first * 4;
    this.#kernels.listRejected(this.#seps, rows, fields, how, this.#lines, this.#lineCount, address, reasons, count, out);
  }

  /** Takes failed rows of [first, first + count) out of the list, where those that are left stand one behind the other. */
  dropRows(first: number, count: number, gaps: Gaps): void {
    gaps.close(this.#rows + first * 4, 4, count);
    this.#evenRows = Math.min(this.#evenRows, first);
  }

  free(): void {
    for (const address of [this.#answer, this.#seps - 64, this.#lines, this.#rows, this.#wrong, this.#marks]) {
      this.#memory.free(address);
    }
  }

  /** Keeps the block to the records that are settled, and takes back what may be the text of a damaged field. */
  #settle(block: TextBlock, fields: number, last: boolean, isEven: boolean): void {
    if (isEven) {
      if (!last) this.#lineCount = this.#unreached(block);
      return;
    }
    this.#listLines(block);
    this.#isListed = true;
    const marks = this.#listMarks();
    const { settled, marks: judged } = judgeDoubt(
      { ...this.#lists(block), bytes: this.#memory.u8(), fields, marks, last },
      this.#dialect,
    );
    this.#lineCount = settled;
    if (judged.size > 0) this.#reserveMarks();
    this.#putMarks(judged);
  }

  /** Marks where another file begins in the block, which is then listed byte by byte. */
  #markJoints(joints: CsvJoints, block: TextBlock, last: boolean): void {
    const found = joints.find(this.#memory.u8().subarray(block.base, block.base + block.length));
    if (found.length === 0) return;
    if (this.#markCount === 0) this.#scanExactly(block, last);
    this.#lineCount = this.#get(indexAnswer.lines);
    const marks = this.#listMarks();
    const lists = this.#lists(block);
    for (const { at, kind } of found) {
      const start = recordOver(lists, at);
      if (start < 0 || marks.has(start) || this.#isComment(block, start)) continue;
      if (kind !== mark.header || start === at) marks.set(start, kind);
    }
    this.#putMarks(marks);
  }

  #isComment(block: TextBlock, start: number): boolean {
    return this.#memory.u8()[block.base + start] === this.#dialect.comment;
  }

  #putMarks(marks: ReadonlyMap<number, number>): void {
    const u32 = this.#memory.u32();
    let at = this.#marks >>> 2;
    for (const [start, kind] of [...marks].sort((a, b) => a[0] - b[0])) {
      u32[at++] = start;
      u32[at++] = kind;
    }
    this.#markCount = marks.size;
  }

  #unreached(block: TextBlock): number {
    if (this.#lineCount > doubtRecords) return this.#lineCount - doubtRecords;
    this.#listLines(block);
    this.#isListed = true;
    return unreached(this.#lists(block));
  }

  #lists(block: TextBlock) {
    const { base } = block;
    return { base, u32: this.#memory.u32(), seps: this.#seps >>> 2, lines: this.#lines >>> 2, lineCount: this.#lineCount };
  }

  #get(index: number): number {
    return this.#memory.u32()[(this.#answer >>> 2) + index] as number;
  }

  /**
   * Where all records have the same number of fields, as they have in most blocks, there is nothing to sort. Every line of the block must be
   * asked for at once: of a part of them, the line ends could as well be separators of longer records.
   */
  #isEven(block: TextBlock, fields: number): boolean {
    const lines = this.#lineCount;
    if (this.#isListed || lines === 0 || this.#get(indexAnswer.seps) < lines * fields) return false;
    if (this.#kernels.isEven(block.base, this.#seps, lines, fields, this.#dialect.newline) !== 0) return true;
    this.#hasUneven = true;
    return false;
  }

  /** Takes all lines of an even block that are settled; false where some of them lie behind `limit`. */
  #takeEven(fields: number, limit: number): boolean {
    const lines = this.#lineCount;
    if (this.#isListed || lines === 0) return false;
    const u32 = this.#memory.u32();
    const seps = this.#seps >>> 2;
    const start = ((u32[seps + (lines - 1) * fields - 1] as number) + 1) >>> 0;
    if (start >= limit) return false;
    if (this.#evenRows < lines) {
      this.#kernels.evenRows(this.#rows, lines, fields);
      this.#evenRows = lines;
    }
    this.good = lines;
    this.used = (u32[seps + lines * fields - 1] as number) + 1;
    this.wrong = [];
    return true;
  }

  /** Lists the lines where the scan only counted them. */
  #listLines(block: TextBlock): void {
    if (this.#isListed) return;
    const { base } = block;
    this.#kernels.listLines(base, this.#seps, this.#get(indexAnswer.seps), this.#dialect.newline, this.#lines);
  }

  #scan(block: TextBlock, last: boolean): void {
    const { delimiter, newline, quote, comment, strict } = this.#dialect;
    const { base, length } = block;
    this.#markCount = 0;
    this.#isListed = this.#hasUneven;
    const lines = this.#isListed ? this.#lines : 0;
    if (strict && this.#kernels.hasOtherLineEnd(base, length, newline) !== 0) {
      this.#scanExactly(block, last);
    } else if (comment < 0 && quote < 0) {
      this.#kernels.indexPlain(base, length, this.#seps, lines, delimiter, newline, this.#answer);
    } else if (comment < 0 && this.#dialect.escape === quote) {
      this.#kernels.indexQuoted(base, length, this.#seps, lines, delimiter, newline, quote, this.#answer);
      const unsure = this.#get(indexAnswer.anomaly) !== 0 || (last && this.#get(indexAnswer.inside) !== 0);
      if (unsure) this.#scanExactly(block, last);
    } else {
      this.#scanExactly(block, last);
    }
    this.#lineCount = this.#get(indexAnswer.lines);
  }

  #scanExactly(block: TextBlock, last: boolean): void {
    this.#reserveMarks();
    this.#isListed = true;
    const { delimiter, newline, quote, comment, strict } = this.#dialect;
    this.#kernels.indexExact(
      block.base,
      block.length,
      this.#seps,
      this.#lines,
      this.#marks,
      delimiter,
      newline,
      quote,
      this.#dialect.escape,
      comment,
      strict ? 1 : 0,
      last ? 1 : 0,
      this.#answer,
    );
    this.#markCount = this.#get(indexAnswer.marks);
  }

  #listMarks(): Map<number, number> {
    const u32 = this.#memory.u32();
    const kinds = new Map<number, number>();
    for (let i = 0; i < this.#markCount; i++) {
      const at = (this.#marks >>> 2) + i * 2;
      kinds.set(u32[at] as number, u32[at + 1] as number);
    }
    return kinds;
  }

  #listWrong(count: number): WrongRecord[] {
    const u32 = this.#memory.u32();
    const seps = this.#seps >>> 2;
    const lines = this.#lines >>> 2;
    const kinds = this.#listMarks();
    const out: WrongRecord[] = [];
    for (let i = 0; i < count; i++) {
      const line = u32[(this.#wrong >>> 2) + i] as number;
      const lastSep = u32[lines + line] as number;
      const before = line === 0 ? -1 : (u32[lines + line - 1] as number);
      const start = ((u32[seps + before] as number) + 1) >>> 0;
      const kind = (kinds.get(start) ?? 0) & ~mark.region;
      out.push({
        start,
        end: u32[seps + lastSep] as number,
        line: this.lineEnds === null ? null : line,
        reason: reasonOf(kind),
        fields: lastSep - before,
      });
    }
    return out;
  }

  #reserve(block: TextBlock): void {
    const needed = (block.capacity <= uncounted ? block.capacity : this.#count(block)) + slack;
    if (needed <= this.#room) return;
    const memory = this.#memory;
    if (this.#room > 0) for (const address of [this.#seps - 64, this.#lines, this.#rows, this.#wrong]) memory.free(address);
    this.#room = needed;
    this.#evenRows = 0;
    // The entry before the first is read as the separator before the first field.
    this.#seps = memory.alloc(needed * 4 + 64) + 64;
    this.#lines = memory.alloc(needed * 4);
    this.#rows = memory.alloc(needed * 4);
    this.#wrong = memory.alloc(needed * 4);
    memory.u32()[(this.#seps >>> 2) - 1] = 0xffffffff;
  }

  #reserveMarks(): void {
    if (this.#marksRoom >= this.#room) return;
    this.#memory.free(this.#marks);
    this.#marksRoom = this.#room;
    this.#marks = this.#memory.alloc(this.#room * 8);
  }

  #count(block: TextBlock): number {
    const count = (byte: number): number => this.#kernels.countByte(block.base, block.length, byte) >>> 0;
    return count(this.#dialect.delimiter) + count(this.#dialect.newline);
  }
}

function reasonOf(kind: number): WrongRecord["reason"] {
  if (kind === mark.unclosed) return "unclosed";
  if (kind === mark.stray) return "stray";
  if (kind === mark.doubtful) return "doubtful";
  if (kind === mark.header) return "header";
  if (kind === mark.joint) return "joint";
  if (kind === mark.nul) return "nul";
  return kind === mark.lineEnd ? "lineEnd" : "fields";
}
