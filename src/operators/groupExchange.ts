import { type Batch, type Column, rowCount } from "../batch/column.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { stateOf } from "../kernels/aggregate.js";
import type { Accumulator } from "../kernels/aggregateState.js";
import type { RowsKernel } from "../kernels/compileKernel.js";
import { columnCounts, formSchema, type GroupForm } from "../kernels/groupForms.js";
import type { KeyType } from "../kernels/groupKeys.js";
import { WordGroupTable } from "../kernels/groupTable.js";
import { KernelViews } from "../kernels/kernelViews.js";
import { RowBuckets } from "../kernels/rowBuckets.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

export type GroupExchangeStep = Extract<Step, { op: "groupExchange" }>;

/**
 * When a partition's keys repeat too seldom for grouping them here to gain anything: past so many rows, at least this share of them had a key
 * of their own. It depends on the partition's rows alone.
 */
const seldom = [
  { rows: 16_384, share: 7 / 8 },
  { rows: 131_072, share: 1 / 4 },
] as const;
/** A block is written once it holds this much. */
const blockRows = 2 ** 18;
const blockBytes = 2 ** 25;
/** Rows by which a block may grow at last. */
const batchRows = 2 ** 16;

/**
 * Writes the rows of a partition for the final aggregation, by the hash of their keys: grouped, as partial states, for as long as keys repeat, and
 * as they are from there on.
 */
export class GroupExchangeOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: GroupExchangeStep;
  readonly #kernel: RowsKernel;
  readonly #context: OperatorContext;
  readonly #keys: readonly KeyType[];
  readonly #bits: number;
  readonly #writer: BlockFileWriter;
  #grouped: PartitionGroups | null;
  #rows: RowBuckets | null = null;
  #seen = 0;
  #file: FileWritten | null = null;

  constructor(step: GroupExchangeStep, kernel: RowsKernel, context: OperatorContext) {
    this.#step = step;
    this.#kernel = kernel;
    this.#context = context;
    this.#keys = step.keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable }));
    this.#bits = Math.log2(step.buckets);
    this.#grouped = new PartitionGroups(step, this.#keys, context.sharesReader ?? false);
    this.#writer = new BlockFileWriter(step.file);
  }

  /** The file, once the input has ended. */
  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    const { batch: rows, rejected } = this.#kernel.run(batch, (row, failure) => this.#context.reject(batch, row, failure));
    this.counts.rejected += rejected;
    if (this.#grouped === null) this.#keepRows(rows);
    else this.#group(rows, this.#grouped);
    return null;
  }

  #group(rows: Batch, grouped: PartitionGroups): void {
    const isFirst = this.#seen === 0;
    this.#seen += rowCount(rows);
    const views = grouped.assign(rows);
    const repeatSeldom = seldom.some((rule) => this.#seen >= rule.rows && grouped.groups > this.#seen * rule.share);
    if (isFirst && repeatSeldom) {
      // Nothing else was grouped: these rows can be kept as they are, too.
      this.#grouped = null;
      grouped.free();
      this.#keepRows({ ...rows, columns: views.columns(0, rows.columns.length) });
      return;
    }
    grouped.add(rows, views);
    if (repeatSeldom) this.#writeGroups();
  }

  flush(): null {
    if (this.#grouped !== null) this.#writeGroups();
    if (this.#rows !== null) {
      this.#writeRows(this.#rows);
      this.#rows.free();
      this.#rows = null;
    }
    this.#file = this.#writer.finish();
    return null;
  }

  abort(): void {
    this.#grouped?.free();
    this.#grouped = null;
    this.#writer.abort();
  }

  #keepRows({ columns, selection, length }: Batch): void {
    this.#rows ??= new RowBuckets(this.#keys, valueTypes(this.#step, "rows"), this.#bits, blockRows + batchRows);
    const { length: keyCount } = this.#keys;
    this.#rows.append(columns.slice(0, keyCount), columns.slice(keyCount), selection, length);
    if (this.#rows.rows >= blockRows || this.#rows.bytes >= blockBytes) this.#writeRows(this.#rows);
  }

  #writeRows(rows: RowBuckets): void {
    this.#write("rows", rows);
    rows.clear();
  }

  #writeGroups(): void {
    const grouped = this.#grouped;
    if (grouped === null) return;
    this.#grouped = null;
    const buckets = new RowBuckets(this.#keys, valueTypes(this.#step, "states"), this.#bits);
    buckets.load(grouped.table.packedKeys(), grouped.states());
    this.#write("states", buckets);
    buckets.free();
    grouped.table.free();
  }

  #write(form: GroupForm, collected: RowBuckets): void {
    if (collected.rows === 0) return;
    const { rows, bounds, columns } = collected.take();
    this.#writer.write(formSchema(this.#step, form), rows, bounds, columns);
    this.counts.rowsOut += rows;
  }
}

const valueTypes = (step: GroupExchangeStep, form: GroupForm) =>
  formSchema(step, form)
    .slice(1)
    .map((field) => field.type);

/** The groups of one partition and their states. */
class PartitionGroups {
  readonly table: WordGroupTable;
  readonly #keyCount: number;
  readonly #states: readonly { readonly state: Accumulator; readonly from: number; readonly to: number }[];

  constructor(step: GroupExchangeStep, keys: readonly KeyType[], sharing: boolean) {
    this.table = new WordGroupTable(keys, sharing);
    this.#keyCount = keys.length;
    this.#states = placedStates(step, "rows", keys.length);
  }

  get groups(): number {
    return this.table.count;
  }

  /** Finds the groups of rows, which `add` then takes. */
  assign({ columns, selection, length }: Batch): KernelViews {
    const views = new KernelViews(columns);
    views.setGroups(this.table.assign(columns.slice(0, this.#keyCount), selection, length));
    return views;
  }

  add({ selection }: Batch, views: KernelViews): void {
    const { count } = this.table;
    for (const { state, from, to } of this.#states) state.add(views.columns(from, to), views.groups(), selection, count, true);
  }

  free(): void {
    for (const { state } of this.#states) state.free?.();
    this.table.free();
  }

  states(): Column[] {
    const { count } = this.table;
    return this.#states.flatMap(({ state }) => state.finish(count));
  }
}

/** An empty state for each aggregate, with the columns it has in a form, of which the first stands at `first`. */
export function placedStates(step: Pick<GroupExchangeStep, "keys" | "aggregates">, form: GroupForm, first: number) {
  let from = first;
  const counts = columnCounts(step, form);
  return step.aggregates.map((aggregate, i) => {
    const to = from + (counts[i] ?? 0);
    const entry = { state: stateOf(aggregate), from, to };
    from = to;
    return entry;
  });
}
