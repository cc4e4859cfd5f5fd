import type { Batch, Column } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import type { Bound, BoundAggregate, FunctionRef } from "../../expr/nodes.js";
import { aggregateFunction } from "../../functions/registry.js";
import type { DataType, Schema } from "../../schema/types.js";
import type { RowOp, Step } from "../../task/protocol.js";
import type { Accumulator } from "./aggregateState.js";
import { accumulatorFor } from "./aggregateTable.js";
import { compileRows } from "../expressions/compile.js";
import type { Grouping } from "./groupForms.js";
import type { RowsKernel } from "../expressions/compileKernel.js";
import type { RowFail } from "../expressions/compileFailure.js";
import { GroupTable } from "./hashTable.js";
import { KernelViews } from "../kernelViews.js";
import type { UserFunction } from "../expressions/userFunction.js";

type PartialStep = Extract<Step, { op: "partialAggregate" }>;

/** The aggregates of one partition, group by group. */
export class PartialAggregation {
  readonly #schema: Schema;
  readonly #kernel: RowsKernel;
  readonly #table: GroupTable;
  readonly #keyCount: number;
  readonly #states: readonly { readonly state: Accumulator; readonly from: number; readonly to: number }[];

  constructor(step: PartialStep, kernel: RowsKernel, states: readonly Accumulator[], sharing = false) {
    this.#schema = step.schema;
    this.#kernel = kernel;
    this.#keyCount = step.keys.length;
    this.#table = new GroupTable(
      step.keys.map((key) => key.expr.type),
      step.keys.map((key) => key.expr.nullable),
      sharing,
    );
    let from = this.#keyCount;
    this.#states = step.aggregates.map((aggregate, i) => {
      const to = from + aggregate.args.length;
      const entry = { state: required(states[i], "aggregate state"), from, to };
      from = to;
      return entry;
    });
  }

  /** Groups so far. */
  get groups(): number {
    return this.#table.count;
  }

  /** Adds the live rows of a batch. Rows whose key or argument cannot be computed go to `fail`; their number is the result. */
  update(batch: Batch, fail: RowFail): number {
    const { batch: rows, rejected } = this.#kernel.run(batch, fail);
    const { columns, selection, length } = rows;
    const views = new KernelViews(columns);
    views.setGroups(this.#table.assign(columns.slice(0, this.#keyCount), selection, length));
    const { count } = this.#table;
    for (const { state, from, to } of this.#states)
      state.add(views.columns(from, to), views.groups(), this.#table.placed(selection), count, true);
    return rejected;
  }

  /** Ends the aggregation without a result. */
  free(): void {
    for (const { state } of this.#states) state.free?.();
    this.#table.free();
  }

  /** Keys, then states, one row a group in order of first appearance. Ends the aggregation. */
  finish(): Batch {
    const count = this.#table.count;
    const states = this.#states.flatMap(({ state }) => state.finish(count));
    const columns: Column[] = [...this.#table.finish(), ...states];
    return { schema: this.#schema, length: count, columns, selection: null, origin: null };
  }
}

/** Compiles the keys and arguments of partial aggregations to one loop; each call begins an aggregation, after the one before has ended. */
export async function partialAggregations(
  step: PartialStep,
  inputSchema: Schema,
  options: KernelOptions,
): Promise<() => PartialAggregation> {
  const kernel = await compileGrouping(step, inputSchema, options);
  return () => new PartialAggregation(step, kernel, step.aggregates.map(stateOf), options.sharesReader ?? false);
}

/** One such aggregation. */
export async function compilePartialAggregate(
  step: PartialStep,
  inputSchema: Schema,
  options: KernelOptions,
): Promise<PartialAggregation> {
  return (await partialAggregations(step, inputSchema, options))();
}

export interface KernelOptions {
  /** The step may group in the memory of the task's reader; see `shareReaderKernels`. */
  readonly sharesReader?: boolean;
  readonly interpreted?: boolean;
  readonly loadFunction?: (ref: FunctionRef) => Promise<UserFunction>;
}

/** One loop that gives the keys, then every aggregate's arguments. */
export function compileGrouping(
  { keys, aggregates }: Grouping,
  inputSchema: Schema,
  options: KernelOptions,
): Promise<RowsKernel> {
  const args = aggregates.flatMap((aggregate) => aggregate.args);
  const exprs: readonly Bound[] = [...keys.map((key) => key.expr), ...args];
  const columns = exprs.map((expr, i) => ({ name: keys[i]?.name ?? `argument ${i - keys.length}`, expr }));
  const schema = columns.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable }));
  const ops: readonly RowOp[] = [{ kind: "project", columns }];
  return compileRows(ops, inputSchema, schema, options);
}

/** The state of an aggregate, empty. */
export function stateOf(aggregate: BoundAggregate): Accumulator {
  const partial = required(aggregateFunction(aggregate.fn).partial, `partial form of ${aggregate.fn}`);
  const call = { args: aggregate.args.map((arg) => arg.type), returns: aggregate.type, options: aggregate.options };
  const states: readonly DataType[] = partial.states(call);
  return accumulatorFor(aggregate.fn, call, states);
}
