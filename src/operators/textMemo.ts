import type { Coded } from "../batch/coded.js";
import type { Batch, BytesColumn, Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import type { RowsKernel } from "../kernels/expressions/compileKernel.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";
import type { Field } from "../schema/types.js";

/** Different texts that are remembered, different results, and bytes of these. */
const mostTexts = 2 ** 17;
const mostResults = 2 ** 16 - 1;
const mostBytes = 2 ** 22;
/** How many rows of a task tell whether texts repeat. */
const enoughRows = 2 ** 14;

/**
 * What an expression gave for the texts of a column that were seen, so that one that costs much is computed once for equal texts. It lives longer than
 * a task: the expression must be one whose results depend on its text alone.
 */
export class TextMemo {
  readonly #input: Field;
  readonly #output: Field;
  #table: WordGroupTable;
  #results: TextList;
  /** Of each text that was seen, the code of its result. */
  #codes = new Uint16Array(1024);
  #known = 0;
  #isWorthIt = true;
  /** Rows of this task that were looked up, and how many of them had a text that came before. */
  #rows = 0;
  #repeated = 0;
  /** How many tasks in a row it was not worth it, and how many are still to do without. */
  #vain = 0;
  #pause = 0;

  constructor(input: Field, output: Field) {
    this.#input = input;
    this.#output = output;
    this.#table = new WordGroupTable([input]);
    this.#results = new TextList(output);
  }

  /** Whether texts have come again often enough in this task. */
  get isWorthIt(): boolean {
    return this.#isWorthIt;
  }

  /** Begins a task. */
  begin(): void {
    this.#rows = 0;
    this.#repeated = 0;
    this.#isWorthIt = this.#pause === 0;
    if (this.#pause > 0) this.#pause--;
  }

  /**
   * The expression of each live row of a batch, as codes that are put into `out`; null where it is not worth it, or fails for a row. Rows that are not
   * live keep what `out` has. `kernel`: computes the expression of a batch that has its text alone.
   */
  codes(column: BytesColumn, selection: Int32Array | null, kernel: RowsKernel, out: Uint16Array): Coded | null {
    const groups = this.#table.assign([column], selection, column.length);
    const { count } = this.#table;
    this.#rows += groups.length;
    this.#repeated += groups.length - (count - this.#known);
    if (count > mostTexts || this.#repeatsSeldom()) return this.#giveUp();
    if (count > this.#known) {
      const rows = firstRows(groups, selection, this.#known, count);
      if (!this.#compute(gatherColumn(column, rows), kernel)) return this.#giveUp();
    }
    if (this.#rows >= enoughRows) this.#vain = 0;
    place(groups, selection, this.#codes, out);
    return { codes: out, texts: this.#results.texts };
  }

  /**
   * Whether there are more different texts than are remembered, as far as the rows so far can tell: of n that are drawn from D, n² / 2D come again while
   * they are few. A task begins with what others have seen, which makes it more.
   */
  #repeatsSeldom(): boolean {
    const rows = Math.min(this.#rows, enoughRows);
    return rows === enoughRows && this.#repeated / this.#rows < rows / (2 * mostTexts);
  }

  /** Each time in a row that it was not worth it, twice as many tasks do without. */
  #giveUp(): null {
    this.#isWorthIt = false;
    this.#pause = 2 ** Math.min(this.#vain++, 10);
    this.#forget();
    return null;
  }

  /** Columns that were given on have codes and texts of their own. */
  #forget(): void {
    this.free();
    this.#table = new WordGroupTable([this.#input]);
    this.#results = new TextList(this.#output);
    this.#known = 0;
  }

  free(): void {
    this.#table.free();
  }

  /** Computes the expression of texts that were not seen before; false where it fails for one. */
  #compute(texts: Column, kernel: RowsKernel): boolean {
    const { length } = texts;
    let failed = false;
    const batch: Batch = { schema: [this.#input], length, columns: [texts], selection: null, origin: null };
    const [found] = kernel.run(batch, () => {
      failed = true;
    }).batch.columns;
    if (failed || found?.layout !== "bytes") return false;
    if (this.#known + length > this.#codes.length) {
      const codes = new Uint16Array((this.#known + length) * 2);
      codes.set(this.#codes);
      this.#codes = codes;
    }
    this.#results.add(found, this.#codes.subarray(this.#known, this.#known + length));
    this.#known += length;
    return this.#results.bytes <= mostBytes && this.#results.texts.length <= mostResults;
  }
}

/** Different texts in the order in which they came. */
class TextList {
  readonly #field: Field;
  readonly #numbers = new Map<string | null, number>();
  #bytes = new Uint8Array(1024);
  #starts = new Int32Array(64);
  #ends = new Int32Array(64);
  #valid = new Uint8Array(64);
  #used = 0;
  #texts: BytesColumn;

  constructor(field: Field) {
    this.#field = field;
    this.#texts = this.#column();
  }

  get bytes(): number {
    return this.#used;
  }

  /** The texts; the same object for as long as there are no more. */
  get texts(): BytesColumn {
    return this.#texts;
  }

  /** Adds those that are new, and gives the number of each. */
  add(column: BytesColumn, numbers: Uint16Array): void {
    const { bytes, starts, ends, valid, length } = column;
    const before = this.#numbers.size;
    for (let row = 0; row < length; row++) {
      const isThere = valid === null || valid[row] !== 0;
      const text = isThere ? bytes.subarray(starts[row], ends[row]) : null;
      const name = text === null ? null : Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
      const known = this.#numbers.get(name) ?? this.#push(text);
      this.#numbers.set(name, known);
      numbers[row] = known;
    }
    if (this.#numbers.size > before) this.#texts = this.#column();
  }

  #push(text: Uint8Array | null): number {
    const number = this.#numbers.size;
    const end = this.#used + (text?.length ?? 0);
    // What was given on keeps its memory.
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(end * 2));
    if (number >= this.#starts.length) {
      this.#starts = grown(this.#starts, new Int32Array(number * 2));
      this.#ends = grown(this.#ends, new Int32Array(number * 2));
      this.#valid = grown(this.#valid, new Uint8Array(number * 2));
    }
    if (text !== null) this.#bytes.set(text, this.#used);
    this.#starts[number] = this.#used;
    this.#ends[number] = end;
    this.#valid[number] = text === null ? 0 : 1;
    this.#used = end;
    return number;
  }

  #column(): BytesColumn {
    const length = this.#numbers.size;
    return {
      layout: "bytes",
      type: this.#field.type,
      length,
      bytes: this.#bytes.subarray(0, this.#used),
      starts: this.#starts.subarray(0, length),
      ends: this.#ends.subarray(0, length),
      valid: this.#numbers.has(null) ? this.#valid.subarray(0, length) : null,
    };
  }
}

function grown<T extends Uint8Array | Int32Array>(before: T, after: T): T {
  after.set(before);
  return after;
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

/** The first row of each group from `from` to `to`; groups are numbered as they come. */
function firstRows(groups: Int32Array, selection: Int32Array | null, from: number, to: number): Int32Array {
  const rows = new Int32Array(to - from);
  let next = from;
  for (let j = 0; next < to; j++) if (groups[j] === next) rows[next++ - from] = selection === null ? j : (selection[j] as number);
  return rows;
}

function place(groups: Int32Array, selection: Int32Array | null, codes: Uint16Array, out: Uint16Array): void {
  if (selection === null) for (let j = 0; j < groups.length; j++) out[j] = codes[groups[j] as number] as number;
  else for (let j = 0; j < groups.length; j++) out[selection[j] as number] = codes[groups[j] as number] as number;
}

/** Memos of this thread, the latest last. */
const kept = new Map<string, TextMemo>();
const mostKept = 4;

/** The memo of an expression, at the beginning of a task. `name`: says which expression over which input it is. */
export function memoOf(name: string, input: Field, output: Field): TextMemo {
  const memo = kept.get(name) ?? new TextMemo(input, output);
  kept.delete(name);
  kept.set(name, memo);
  for (const [oldest, waiting] of kept) {
    if (kept.size <= mostKept) break;
    kept.delete(oldest);
    waiting.free();
  }
  memo.begin();
  return memo;
}
