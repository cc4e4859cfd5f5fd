import { type Batch, rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { compileRows } from "../kernels/compile.js";
import type { RowsKernel } from "../kernels/compileKernel.js";
import { RowMask } from "../kernels/rowMask.js";
import { type Schema, types } from "../schema/types.js";
import type { CheckTally, RowOp, Step } from "../task/protocol.js";
import { CheckCounter } from "./checkCounter.js";
import { verdictRows } from "./verdictRows.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

type ExpectStep = Extract<Step, { op: "expect" }>;

/** Finds the rows of a batch that fail a check: ascending, in the check's counter. */
interface Finder {
  find(batch: Batch): void;
  free(): void;
}

/**
 * The checks of a step, each with a finder of its own. What kernels can decide on whole columns they do, where the columns lie in the memory of the
 * task's reader; for everything else there is a generated loop.
 */
export async function createExpect(step: ExpectStep, input: Schema, context: OperatorContext): Promise<ExpectOperator> {
  const counters = step.checks.map((check) => new CheckCounter(check, input));
  const finders: Finder[] = [];
  for (const counter of counters) {
    const { condition, verdict } = counter.check;
    if (condition === null) {
      const build = required(step.verdicts?.[verdict ?? -1], "verdict");
      const rows = (await verdictRows(build, context.runId ?? "")).get(context.partition);
      finders.push(new VerdictFinder(counter, rows ?? new Uint32Array()));
      continue;
    }
    const loop = () => kernelOf({ kind: "filter", predicate: failsIn(condition) }, input, input, context.interpreted);
    const throws = isFallible(condition) || usesUserFunction(condition);
    const mask = throws || context.interpreted ? null : RowMask.of(condition);
    finders.push(throws ? new ThrowingFinder(counter, await loop()) : new PlainFinder(counter, mask, await loop()));
  }
  return new ExpectOperator(counters, finders, context);
}

/** Loops of this thread: the next task with the same checks finds them warm. A loop is free again as soon as it has run. */
const kernels = new Map<string, Promise<RowsKernel>>();
const mostKernels = 128;

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

function call(fn: string, args: readonly Bound[]): Bound {
  return { kind: "call", fn, args, options: {}, type: types.bool, nullable: args.some((arg) => arg.nullable) };
}

class PlainFinder implements Finder {
  constructor(
    private readonly counter: CheckCounter,
    private readonly mask: RowMask | null,
    private readonly loop: RowsKernel,
  ) {}

  find(batch: Batch): void {
    const { failures } = this.counter;
    if (this.mask?.find(batch, failures) === true) return;
    addLive(this.loop.run(batch, cannotFail).batch, failures);
  }

  free(): void {
    this.mask?.free();
  }
}

function addLive(batch: Batch, rows: number[]): void {
  const { selection } = batch;
  if (selection !== null) for (const row of selection) rows.push(row);
  else for (let row = 0; row < batch.length; row++) rows.push(row);
}

const cannotFail = (): never => {
  throw new TypeError("a condition that cannot fail did");
};

class ThrowingFinder implements Finder {
  constructor(
    private readonly counter: CheckCounter,
    private readonly kernel: RowsKernel,
  ) {}

  find(batch: Batch): void {
    const { failures, messages } = this.counter;
    const { batch: found } = this.kernel.run(batch, (row, { message }) => {
      failures.push(row);
      messages.set(row, message);
    });
    addLive(found, failures);
    if (messages.size > 0) failures.sort((a, b) => a - b);
  }

  free(): void {}
}

/** Finds the rows that another pass over them has listed. */
class VerdictFinder implements Finder {
  /** Rows of the partition before the batch at hand. */
  private before = 0;
  private next = 0;

  constructor(
    private readonly counter: CheckCounter,
    private readonly rows: Uint32Array,
  ) {}

  find(batch: Batch): void {
    const { rows, before } = this;
    const live = rowCount(batch);
    for (; this.next < rows.length; this.next++) {
      const place = (rows[this.next] as number) - before;
      if (place >= live) break;
      this.counter.failures.push(batch.selection === null ? place : (batch.selection[place] as number));
    }
    this.before += live;
  }

  free(): void {}
}

/** Counts what its checks find and passes rows on; those that fail a check with `rejects` are rejected. */
class ExpectOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;

  constructor(
    private readonly counters: readonly CheckCounter[],
    private readonly finders: Finder[],
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
      counter.total += counter.counted(batch, live);
      counter.count(batch, this.context.fromSource === true);
      if (counter.check.rejects) for (const row of counter.failures) listed(rejected, row).push(counter);
      counter.endBatch();
    }
    this.counts.rowsOut += live - rejected.size;
    return rejected.size === 0 ? batch : this.withoutRejected(batch, rejected);
  }

  flush(): null {
    this.free();
    return null;
  }

  abort(): void {
    this.free();
  }

  private free(): void {
    for (const finder of this.finders.splice(0)) finder.free();
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
