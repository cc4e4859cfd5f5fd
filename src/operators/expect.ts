import { type Batch, type Column, rowCount } from "../batch/column.js";
import { compactBatch } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { columnsUsed, remapColumns, usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { compileRows } from "../kernels/compile.js";
import type { RowsKernel } from "../kernels/compileKernel.js";
import { type Schema, types } from "../schema/types.js";
import type { CheckTally, RowOp, Step } from "../task/protocol.js";
import { CheckCounter } from "./checkCounter.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

type ExpectStep = Extract<Step, { op: "expect" }>;

/** Finds the rows of a batch that fail; each is told by check, rows ascending. */
interface Finder {
  readonly checks: readonly CheckCounter[];
  find(batch: Batch): void;
}

/**
 * The checks of a step. Those that cannot fail to compute share one loop that only looks for rows where any of them is false; which of them it
 * was is asked for these rows alone, so that clean rows cost one pass. A condition that may throw has a loop of its own.
 */
export async function createExpect(step: ExpectStep, input: Schema, context: OperatorContext): Promise<ExpectOperator> {
  const counters = step.checks.map((check) => new CheckCounter(check, input));
  const throws = ({ check }: CheckCounter) => isFallible(check.condition) || usesUserFunction(check.condition);
  const compile = (op: RowOp, output: Schema) => kernelOf(op, input, output, context.interpreted);
  const finders: Finder[] = [];
  const plain = counters.filter((counter) => !throws(counter));
  if (plain.length > 0) {
    const any = await compile({ kind: "filter", predicate: anyOf(plain.map(({ check }) => failsIn(check.condition))) }, input);
    finders.push(new PlainFinder(plain, any, await eachKernel(plain, input, context.interpreted)));
  }
  for (const counter of counters.filter(throws)) {
    const kernel = await compile({ kind: "filter", predicate: failsIn(counter.check.condition) }, input);
    finders.push(new ThrowingFinder(counter, kernel));
  }
  return new ExpectOperator(counters, finders, context);
}

/** Tells of each row which checks it fails; it sees the columns that the checks read alone. */
interface EachKernel {
  readonly columns: readonly number[];
  readonly kernel: RowsKernel;
}

async function eachKernel(counters: readonly CheckCounter[], input: Schema, interpreted: boolean): Promise<EachKernel> {
  const used = [...new Set(counters.flatMap(({ check }) => [...columnsUsed(check.condition)]))].sort((a, b) => a - b);
  const columns = counters.map(({ check }, i) => ({
    name: `c${i}`,
    expr: remapColumns(failsIn(check.condition), (index) => used.indexOf(index)),
  }));
  const schema = columns.map(({ name }) => ({ name, type: types.bool, nullable: true }));
  const read = used.map((index) => required(input[index], "column of a check"));
  return { columns: used, kernel: await kernelOf({ kind: "project", columns }, read, schema, interpreted) };
}

/** Loops of this thread: the next task with the same checks finds them warm. A loop is free again as soon as it has run. */
const kernels = new Map<string, Promise<RowsKernel>>();
const mostKernels = 32;

function kernelOf(op: RowOp, input: Schema, output: Schema, interpreted: boolean): Promise<RowsKernel> {
  const make = () => compileRows([op], input, output, { interpreted });
  const expressions = op.kind === "filter" ? [op.predicate] : op.columns.map(({ expr }) => expr);
  // A user's function may keep what it has seen; each task begins with a new one.
  if (expressions.some(usesUserFunction)) return make();
  const key = JSON.stringify([interpreted, op, input]);
  const known = kernels.get(key);
  if (known !== undefined) return known;
  if (kernels.size === mostKernels) kernels.clear();
  const made = make();
  kernels.set(key, made);
  return made;
}

/** A row fails where the condition is false; where it is null it passes. */
const failsIn = (condition: Bound): Bound => call("not", [condition]);

function anyOf(terms: readonly Bound[]): Bound {
  return terms.length === 1 ? required(terms[0], "check") : call("or", terms);
}

function call(fn: string, args: readonly Bound[]): Bound {
  return { kind: "call", fn, args, options: {}, type: types.bool, nullable: args.some((arg) => arg.nullable) };
}

class PlainFinder implements Finder {
  constructor(
    readonly checks: readonly CheckCounter[],
    private readonly any: RowsKernel,
    private readonly each: EachKernel,
  ) {}

  find(batch: Batch): void {
    const failing = this.any.run(batch, cannotFail).batch;
    const count = rowCount(failing);
    if (count === 0) return;
    const { selection } = failing;
    const read = this.each.columns.map((index) => required(batch.columns[index], "column of a check"));
    const schema = this.each.columns.map((index) => required(batch.schema[index], "column of a check"));
    // Where few fail they are copied out, since a loop first looks over the whole columns of its batch.
    const moved = selection !== null && count * fewFail < batch.length;
    const live: Batch = { schema, length: batch.length, columns: read, selection, origin: null };
    const { columns } = this.each.kernel.run(moved ? compactBatch(live) : live, cannotFail).batch;
    for (const [i, { failures }] of this.checks.entries()) {
      const { values, valid } = boolColumn(columns[i]);
      for (let j = 0; j < count; j++) {
        const row = selection === null ? j : (selection[j] as number);
        const at = moved ? j : row;
        if (values[at] !== 0 && (valid === null || valid[at] !== 0)) failures.push(row);
      }
    }
  }
}

/** One row in this many. */
const fewFail = 4;

function boolColumn(column: Column | undefined): { readonly values: ArrayLike<unknown>; readonly valid: Uint8Array | null } {
  if (column?.layout !== "fixed") throw new TypeError("a condition is a column of fixed width");
  return column;
}

const cannotFail = (): never => {
  throw new TypeError("a condition that cannot fail did");
};

class ThrowingFinder implements Finder {
  readonly checks: readonly CheckCounter[];

  constructor(
    private readonly counter: CheckCounter,
    private readonly kernel: RowsKernel,
  ) {
    this.checks = [counter];
  }

  find(batch: Batch): void {
    const { failures, messages } = this.counter;
    const { batch: found } = this.kernel.run(batch, (row, { message }) => {
      failures.push(row);
      messages.set(row, message);
    });
    for (let j = 0; j < rowCount(found); j++) failures.push(found.selection === null ? j : (found.selection[j] as number));
    if (messages.size > 0) failures.sort((a, b) => a - b);
  }
}

/** Counts what its checks find and passes rows on; those that fail a check with `rejects` are rejected. */
class ExpectOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;

  constructor(
    private readonly counters: readonly CheckCounter[],
    private readonly finders: readonly Finder[],
    private readonly context: OperatorContext,
  ) {}

  get checks(): readonly CheckTally[] {
    return this.counters.map((counter) => counter.take());
  }

  push(batch: Batch): Batch | null {
    const live = rowCount(batch);
    this.counts.rowsIn += live;
    for (const finder of this.finders) finder.find(batch);
    const rejected = new Map<number, CheckCounter[]>();
    for (const counter of this.counters) {
      counter.total += live;
      counter.count(batch, this.context.fromSource === true);
      if (counter.check.rejects) for (const row of counter.failures) listed(rejected, row).push(counter);
      counter.endBatch();
    }
    this.counts.rowsOut += live - rejected.size;
    return rejected.size === 0 ? batch : this.withoutRejected(batch, rejected);
  }

  flush(): null {
    return null;
  }

  private withoutRejected(batch: Batch, rejected: ReadonlyMap<number, readonly CheckCounter[]>): Batch | null {
    this.counts.rejected += rejected.size;
    for (const row of [...rejected.keys()].sort((a, b) => a - b)) {
      const failed = required(rejected.get(row), "rejected row").map(({ check }) => check);
      const index = failed[0]?.columns[0];
      this.context.reject(batch, row, {
        code: "CHECK_FAILED",
        message: `fails ${failed.map(({ name }) => name).join(", ")}`,
        column: index === undefined ? null : (batch.schema[index]?.name ?? null),
        functionName: null,
      });
    }
    const kept = new Int32Array(rowCount(batch) - rejected.size);
    let length = 0;
    for (let j = 0; length < kept.length; j++) {
      const row = batch.selection === null ? j : (batch.selection[j] as number);
      if (!rejected.has(row)) kept[length++] = row;
    }
    return length === 0 ? null : { ...batch, selection: kept };
  }
}

function listed<K, V>(map: Map<K, V[]>, key: K): V[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made: V[] = [];
  map.set(key, made);
  return made;
}
