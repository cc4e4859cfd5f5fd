import { type Batch, rowCount } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { compileRows } from "../kernels/expressions/compile.js";
import type { RowsKernel } from "../kernels/expressions/compileKernel.js";
import { maskOf, type MaskNode } from "../kernels/expressions/maskProgram.js";
import { RowMasks } from "../kernels/expressions/rowMasks.js";
import { ValueTable } from "../kernels/groups/valueTable.js";
import type { BoundCheck } from "../plan/bound.js";
import { type Schema, types } from "../schema/types.js";
import type { CheckTally, RowOp, Step } from "../task/protocol.js";
import { CheckCounter, type FailedRows } from "./checkCounter.js";
import { verdictRows } from "./verdictRows.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

type ExpectStep = Extract<Step, { op: "expect" }>;

/** Rows of a batch that fail a check, ascending. */
interface Found {
  readonly rows: FailedRows;
  /** Why the condition could not be computed, for those of them where it could not. */
  readonly messages: ReadonlyMap<number, string>;
}

/** What it finds is valid until it, or the finder of another check, is asked again. */
interface Finder {
  find(batch: Batch): Found;
}

/**
 * The checks of a step, each with a finder of its own. What kernels can decide on whole columns they do, where the columns lie in the memory of the
 * task's reader; for everything else there is a generated loop.
 */
export async function createExpect(step: ExpectStep, input: Schema, context: OperatorContext): Promise<ExpectOperator> {
  const counters = step.checks.map((check) => new CheckCounter(check, input));
  const nodes = context.interpreted ? step.checks.map(() => null) : masksOf(step.checks, input);
  const masks = nodes.some((node) => node !== null) ? new RowMasks(nodes) : null;
  try {
    const finders: Finder[] = [];
    for (const [index, { condition, verdict }] of step.checks.entries()) {
      if (condition === null) {
        const build = required(step.verdicts?.[verdict ?? -1], "verdict");
        const rows = (await verdictRows(build, context.runId ?? "")).get(context.partition);
        finders.push(new VerdictFinder(rows ?? new Uint32Array()));
        continue;
      }
      const loop = await kernelOf({ kind: "filter", predicate: failsIn(condition) }, input, input, context.interpreted);
      finders.push(canThrow(condition) ? new ThrowingFinder(loop) : new PlainFinder(index, masks, loop));
    }
    return new ExpectOperator(counters, finders, masks, context);
  } catch (error) {
    masks?.free();
    throw error;
  }
}

const canThrow = (condition: Bound): boolean => isFallible(condition) || usesUserFunction(condition);

/** Of this thread, as the loops are. */
const programs = new Map<string, readonly (MaskNode | null)[]>();

/** Of each check the rows that fail it; null where kernels cannot tell. */
function masksOf(checks: readonly BoundCheck[], input: Schema): readonly (MaskNode | null)[] {
  const key = JSON.stringify([checks.map(({ condition }) => condition), input]);
  const known = programs.get(key);
  if (known !== undefined) return known;
  const made = checks.map(({ condition }) => (condition === null || canThrow(condition) ? null : maskOf(condition, false)));
  if (programs.size === mostKernels) programs.clear();
  programs.set(key, made);
  return made;
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

const noMessages: ReadonlyMap<number, string> = new Map();

class PlainFinder implements Finder {
  constructor(
    private readonly index: number,
    private readonly masks: RowMasks | null,
    private readonly loop: RowsKernel,
  ) {}

  find(batch: Batch): Found {
    const rows = this.masks?.find(this.index, batch) ?? liveRows(this.loop.run(batch, cannotFail).batch);
    return { rows, messages: noMessages };
  }
}

const liveRows = ({ selection, length }: Batch): Int32Array => selection ?? everyRow(length);

const cannotFail = (): never => {
  throw new TypeError("a condition that cannot fail did");
};

class ThrowingFinder implements Finder {
  constructor(private readonly loop: RowsKernel) {}

  find(batch: Batch): Found {
    const messages = new Map<number, string>();
    const { batch: found } = this.loop.run(batch, (row, { message }) => messages.set(row, message));
    const failed = liveRows(found);
    if (messages.size === 0) return { rows: failed, messages };
    return { rows: Int32Array.from([...failed, ...messages.keys()]).sort(), messages };
  }
}

/** Finds the rows that another pass over them has listed. */
class VerdictFinder implements Finder {
  /** Rows of the partition before the batch at hand. */
  private before = 0;
  private next = 0;

  constructor(private readonly rows: Uint32Array) {}

  find({ selection, length }: Batch): Found {
    const { rows, before } = this;
    const live = selection === null ? length : selection.length;
    const found: number[] = [];
    for (; this.next < rows.length; this.next++) {
      const place = (rows[this.next] as number) - before;
      if (place >= live) break;
      found.push(selection === null ? place : (selection[place] as number));
    }
    this.before += live;
    return { rows: found, messages: noMessages };
  }
}

/** Counts what its checks find and passes rows on; those that fail a check with `rejects` are rejected. */
class ExpectOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  private readonly tables: readonly (ValueTable | null)[];
  private tallies: readonly CheckTally[] | null = null;

  constructor(
    private readonly counters: readonly CheckCounter[],
    private readonly finders: readonly Finder[],
    private readonly masks: RowMasks | null,
    private readonly context: OperatorContext,
  ) {
    this.tables = counters.map(({ values }) => {
      if (masks === null || !ValueTable.takes(values.types)) return null;
      return new ValueTable(masks.kernels, values, (bytes) => masks.alloc(bytes));
    });
  }

  get checks(): readonly CheckTally[] {
    return this.tallies ?? this.counters.map((counter) => counter.take(null));
  }

  push(batch: Batch): Batch | null {
    const live = rowCount(batch);
    this.counts.rowsIn += live;
    let rejected: Map<number, CheckCounter[]> | null = null;
    for (let i = 0; i < this.counters.length; i++) {
      const counter = this.counters[i] as CheckCounter;
      counter.total += counter.counted(batch, live);
      const { rows, messages } = (this.finders[i] as Finder).find(batch);
      if (rows.length === 0) continue;
      if (counter.check.rejects) {
        rejected ??= new Map();
        for (let j = 0; j < rows.length; j++) listed(rejected, rows[j] as number).push(counter);
      }
      // The last to look at the rows: it may use their place.
      counter.count(batch, rows, messages, this.context.fromSource === true, this.tables[i] ?? null);
    }
    this.counts.rowsOut += live - (rejected?.size ?? 0);
    return rejected === null ? batch : this.withoutRejected(batch, rejected);
  }

  flush(): null {
    this.tallies = this.counters.map((counter, i) => counter.take(this.tables[i]?.take() ?? null));
    this.free();
    return null;
  }

  abort(): void {
    this.free();
  }

  private free(): void {
    this.masks?.free();
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
