import { type Batch, type Column, rowCount } from "../batch/column.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { stateOf } from "../kernels/groups/aggregate.js";
import type { Accumulator } from "../kernels/groups/aggregateState.js";
import type { RowsKernel } from "../kernels/expressions/compileKernel.js";
import { columnCounts, formSchema, type GroupForm } from "../kernels/groups/groupForms.js";
import type { KeyType } from "../kernels/groups/groupKeys.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";
import { KernelViews } from "../kernels/kernelViews.js";
import { type BucketedRows, RowBuckets } from "../kernels/rowBuckets.js";
import type { Schema } from "../schema/types.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { FollowerLayout } from "./followerColumns.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";
import { mostGroups } from "./partialAggregate.js";

export type GroupExchangeStep = Extract<Step, { op: "groupExchange" }>;

/**
 * When a partition's keys repeat too seldom for grouping them here to gain anything: past so many rows, at least this share of them had a key
 * of their own. It depends on the partition's rows alone.
 */
const seldom = { rows: 16_384, share: 7 / 8 } as const;
/**
 * The same later on: of so many rows in a row, but for the first ones, this share brought a new key. All keys so far say little: of 60,000 that come by
 * chance, 130,000 rows have nearly all, and no row behind them brings one.
 */
const seldomStill = { rows: 65_536, share: 3 / 8 } as const;
/**
 * A large first batch is judged by a sample, so that no table of all its keys is made just to be thrown away: stretches of adjacent rows, one at some
 * place in each equal piece of the batch, since equal keys may follow one another as well as come round regularly. Where all but so few have a key of
 * their own, there are more than 100,000 keys if they come by chance, and `seldomStill` would hold for the partition, too.
 */
const sample = { rows: 4096, stretch: 8, repeats: 84 } as const;
/** From so many rows on, a batch is a block of its own, if blocks stay in memory: there nothing is gained by larger ones. */
const leastBlockRows = 2 ** 14;
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
  /** How many of the last keys follow from the others. */
  readonly #following: number;
  readonly #bits: number;
  readonly #writer: BlockFileWriter;
  readonly #schemas: { [F in GroupForm]?: Schema } = {};
  #grouped: PartitionGroups | null;
  #rows: KeptRows | null = null;
  #seen = 0;
  /** Rows and groups when `seldomStill` was asked last. */
  #judged = { rows: 0, groups: 0 };
  #file: FileWritten | null = null;

  constructor(step: GroupExchangeStep, kernel: RowsKernel, context: OperatorContext) {
    this.#step = step;
    this.#kernel = kernel;
    this.#context = context;
    this.#keys = step.keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable }));
    const { follows } = step;
    this.#following = follows !== undefined && context.isUnique?.(follows.join) === true ? follows.count : 0;
    this.#bits = Math.log2(step.buckets);
    this.#grouped = new PartitionGroups(step, this.#keys, context.sharesReader ?? false);
    this.#writer = new BlockFileWriter(step.file, {}, context.holding);
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
    const looked = isFirst ? sampleOf(rows) : null;
    let views = grouped.assign(looked ?? rows);
    if (isFirst && this.#repeatsSeldom(grouped, looked !== null)) {
      // Nothing else was grouped: these rows can be kept as they are, too.
      this.#grouped = null;
      grouped.free();
      this.#keepRows({ ...rows, columns: views.columns(0, rows.columns.length) });
      return;
    }
    // What was looked at has its groups already, whose numbers mean nothing.
    if (looked !== null) views = grouped.assign({ ...rows, columns: views.columns(0, rows.columns.length) });
    grouped.add(rows, views);
    if (forceSpill || this.#repeatsSeldom(grouped, false)) this.#writeGroups();
  }

  #repeatsSeldom({ groups }: PartitionGroups, isSample: boolean): boolean {
    if (isSample) return groups > sample.rows - sample.repeats;
    if (groups >= mostGroups || (this.#seen >= seldom.rows && groups > this.#seen * seldom.share)) return true;
    const { rows, groups: before } = this.#judged;
    if (this.#seen - rows < seldomStill.rows) return false;
    this.#judged = { rows: this.#seen, groups };
    return rows > 0 && groups - before > (this.#seen - rows) * seldomStill.share;
  }

  flush(): null {
    if (this.#grouped !== null) this.#writeGroups();
    if (this.#rows !== null) {
      this.#writeRows(this.#rows);
      this.#rows.buckets.free();
      this.#rows = null;
    }
    this.#file = this.#writer.finish();
    return null;
  }

  abort(): void {
    this.#grouped?.free();
    this.#grouped = null;
    this.#rows?.buckets.free();
    this.#rows = null;
    this.#writer.abort();
  }

  #keepRows({ columns, selection, length }: Batch): void {
    const { length: keyCount } = this.#keys;
    const leading = keyCount - this.#following;
    // What buckets ask for may make the memory grow that the columns lie in.
    const views = new KernelViews(columns);
    const kept = this.#rowsFor(columns.slice(leading, keyCount));
    const isBlock = this.#context.holding != null && (selection?.length ?? length) >= leastBlockRows;
    if (isBlock) this.#writeRows(kept);
    const keys = views.columns(0, leading);
    const values = [...kept.layout.values(views.columns(leading, keyCount)), ...views.columns(keyCount, columns.length)];
    if (isBlock) {
      this.#writeTaken("rows", kept.buckets.takeBatch(keys, values, selection, length), kept.layout);
      kept.buckets.clear();
      return;
    }
    kept.buckets.append(keys, values, selection, length);
    if (forceSpill || kept.buckets.rows >= blockRows || kept.buckets.bytes >= blockBytes) this.#writeRows(kept);
  }

  /** Where rows with such followers are kept: others than before begin a block. */
  #rowsFor(followers: readonly Column[]): KeptRows {
    if (this.#rows?.layout.fits(followers) === true) return this.#rows;
    if (this.#rows !== null) {
      this.#writeRows(this.#rows);
      this.#rows.buckets.free();
    }
    const layout = new FollowerLayout(followers);
    const types = [...layout.types, ...valueTypes(this.#step, "rows")];
    const leading = this.#keys.slice(0, this.#keys.length - this.#following);
    this.#rows = {
      layout,
      buckets: new RowBuckets(leading, types, this.#bits, blockRows + batchRows, this.#context.sharesReader),
    };
    return this.#rows;
  }

  #writeRows({ buckets, layout }: KeptRows): void {
    this.#write("rows", buckets, layout);
    buckets.clear();
  }

  #writeGroups(): void {
    const grouped = this.#grouped;
    if (grouped === null) return;
    this.#grouped = null;
    const states = new KernelViews(grouped.states());
    const following = this.#following;
    const leading = this.#keys.slice(0, this.#keys.length - following);
    const all = following === 0 ? [] : grouped.table.keyColumns(null);
    const followers = all.slice(leading.length);
    const layout = new FollowerLayout(followers);
    const buckets = new RowBuckets(leading, [...layout.types, ...valueTypes(this.#step, "states")], this.#bits);
    const values = [...layout.values(followers), ...states.columns(0, Number.MAX_SAFE_INTEGER)];
    if (following === 0) buckets.load(grouped.table.packedKeys(), values);
    else buckets.append(all.slice(0, leading.length), values, null, grouped.groups);
    this.#write("states", buckets, layout);
    buckets.free();
    grouped.table.free();
  }

  #write(form: GroupForm, collected: RowBuckets, layout: FollowerLayout): void {
    if (collected.rows > 0) this.#writeTaken(form, collected.take(), layout);
  }

  #writeTaken(form: GroupForm, { rows, bounds, columns }: BucketedRows, layout: FollowerLayout): void {
    const slots = 1 + layout.types.length;
    const parts = [...columns.slice(0, 1), ...layout.parts(columns.slice(1, slots)), ...columns.slice(slots)];
    // Blocks of one form say that they have one schema.
    const schema = this.#schemas[form] ?? formSchema(this.#step, form, this.#following);
    this.#schemas[form] = schema;
    this.#writer.write(schema, rows, bounds, parts);
    this.counts.rowsOut += rows;
  }
}

/** The sample of a large batch; null for smaller ones. */
function sampleOf(batch: Batch): Batch | null {
  const { selection } = batch;
  const { rows, stretch } = sample;
  const piece = Math.floor((rowCount(batch) * stretch) / rows);
  if (piece < stretch * 4) return null;
  const chosen = new Int32Array(rows);
  for (let i = 0; i < rows; i += stretch) {
    const number = i / stretch;
    // Multiples of the golden ratio are spread over [0, 1).
    const from = number * piece + Math.floor(((number * 0.618_033_988_75) % 1) * (piece - stretch));
    for (let k = 0; k < stretch; k++) chosen[i + k] = selection === null ? from + k : (selection[from + k] as number);
  }
  return { ...batch, selection: chosen };
}

/** Rows that wait to be written, and how the keys that follow from others are held. */
interface KeptRows {
  readonly buckets: RowBuckets;
  readonly layout: FollowerLayout;
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
    for (const { state, from, to } of this.#states)
      state.add(views.columns(from, to), views.groups(), this.table.placed(selection), count, true);
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
