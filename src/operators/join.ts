import { type Batch, type Column, rowCount } from "../batch/column.js";
import { gatherColumn, originThrough } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BuildSide, JoinStep } from "./joinBuild.js";
import { type ColumnGather, columnGathers, type Placing } from "./joinGather.js";
import { noCounts, type Operator } from "./operator.js";

/** Rows of a batch that duplicate keys make; further ones go to the next. */
const mostRows = 65_536;

/**
 * Joins each left row with the right rows of its key. Where keys of the right side are unique (and for semi and anti joins) left columns
 * are passed on as they are, with another selection; only duplicate keys copy them.
 */
export class JoinOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: JoinStep;
  readonly #build: BuildSide;
  readonly #keys: readonly number[];
  readonly #gathers: ReadonlyMap<number, ColumnGather>;
  #selected = new Int32Array(0);
  #pending: Expansion | null = null;

  constructor(step: JoinStep, build: BuildSide) {
    this.#step = step;
    this.#build = build;
    this.#keys = step.on.map((pair) => pair.left);
    this.#gathers = columnGathers(build.columns);
  }

  get unique(): boolean {
    return this.#build.table.unique;
  }

  push(batch: Batch): Batch | null {
    this.counts.rowsIn += rowCount(batch);
    const { how } = this.#step;
    const { selection, length } = batch;
    const keys = this.#keys.map((index) => required(batch.columns[index], "key column"));
    const matches = this.#build.table.probe(keys, selection, length);
    if (how === "semi" || how === "anti") return this.#counted(this.#filter(batch, matches, how === "semi"));
    if (this.#build.table.unique) return this.#counted(this.#attach(batch, matches));
    // The table's answer lasts until it is asked again, and steps below may ask it before this batch is done.
    this.#pending = new Expansion(batch, matches.slice(), how === "left");
    return this.more();
  }

  /** The next rows of the batch that `push` took, or null. */
  more(): Batch | null {
    const pending = this.#pending;
    if (pending === null) return null;
    const pairs = pending.next(this.#build.table.next() ?? noChains);
    if (pairs === null) {
      this.#pending = null;
      return null;
    }
    const { left, right, misses } = pairs;
    const { batch } = pending;
    const placing: Placing = { rows: right, to: null, length: left.length, misses };
    const columns = this.#columns((index) => gatherColumn(required(batch.columns[index], "left column"), left), placing);
    const origin = batch.origin === null ? null : originThrough(batch.origin, left);
    return this.#counted({ schema: this.#step.schema, length: left.length, columns, selection: null, origin });
  }

  flush(): null {
    return null;
  }

  #counted(batch: Batch): Batch | null {
    const rows = rowCount(batch);
    this.counts.rowsOut += rows;
    return rows === 0 ? null : batch;
  }

  /** Left rows with a match (or without), unchanged. */
  #filter(batch: Batch, matches: Int32Array, wanted: boolean): Batch {
    const selection = this.#select(batch.selection, matches, wanted);
    const columns = this.#columns((index) => required(batch.columns[index], "left column"), null);
    return { ...batch, schema: this.#step.schema, columns, selection };
  }

  /** At most one right row for each left one: its columns are laid out beside the left ones. */
  #attach(batch: Batch, matches: Int32Array): Batch {
    const { length, selection } = batch;
    const misses = matches.includes(-1);
    let rows = matches;
    let live = selection;
    if (misses && this.#step.how === "inner") {
      live = this.#select(selection, matches, true);
      rows = matches.filter((row) => row >= 0);
    }
    const { table } = this.#build;
    // Rows that an inner join leaves out get codes, too: nobody looks at them.
    const codes: Placing["codes"] = (from, out) => table.codesOfMatches(from, selection, out);
    const placing: Placing = { rows, to: live, length, misses: misses && this.#step.how === "left", codes };
    const columns = this.#columns((index) => required(batch.columns[index], "left column"), placing);
    return { ...batch, schema: this.#step.schema, columns, selection: live };
  }

  #select(selection: Int32Array | null, matches: Int32Array, wanted: boolean): Int32Array {
    if (this.#selected.length < matches.length) this.#selected = new Int32Array(matches.length);
    const selected = this.#selected;
    let count = 0;
    for (let j = 0; j < matches.length; j++) {
      selected[count] = selection === null ? j : (selection[j] as number);
      count += (matches[j] as number) >= 0 === wanted ? 1 : 0;
    }
    return selected.subarray(0, count);
  }

  #columns(left: (index: number) => Column, right: Placing | null): Column[] {
    // A right column that the output has twice is gathered once.
    const taken = new Map<number, Column>();
    return this.#step.output.map((output) => {
      if (output.side === "left") return left(output.index);
      if (output.side === "coalesce" || right === null) throw internalError("a broadcast join has no such column");
      const column = taken.get(output.index) ?? required(this.#gathers.get(output.index), "right column").take(right);
      taken.set(output.index, column);
      return column;
    });
  }
}

const noChains = new Int32Array(0);

interface Pairs {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly misses: boolean;
}

/** Walks a batch's matches and the chains behind them, some pairs of rows at a time. */
class Expansion {
  #at = 0;
  /** The right row that comes next for row `#at`; -2 where that row was not begun. */
  #chain = -2;

  constructor(
    readonly batch: Batch,
    private readonly matches: Int32Array,
    private readonly keepsMisses: boolean,
  ) {}

  /** `chains`: of each right row the next one of its key, or -1. */
  next(chains: Int32Array): Pairs | null {
    const { matches } = this;
    const { selection } = this.batch;
    const left = new Int32Array(mostRows);
    const right = new Int32Array(mostRows);
    let count = 0;
    let misses = false;
    while (this.#at < matches.length && count < mostRows) {
      const from = this.#chain === -2 ? (matches[this.#at] as number) : this.#chain;
      if (from >= 0 || this.keepsMisses) {
        left[count] = selection === null ? this.#at : (selection[this.#at] as number);
        right[count++] = from;
        misses ||= from < 0;
      }
      const following = from < 0 ? -1 : (chains[from] as number);
      this.#chain = following < 0 ? -2 : following;
      if (following < 0) this.#at++;
    }
    return count === 0 ? null : { left: left.subarray(0, count), right: right.subarray(0, count), misses };
  }
}
