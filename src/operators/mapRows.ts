import { type Batch, rowCount } from "../batch/column.js";
import { originThrough } from "../batch/gather.js";
import { planError } from "../common/errors.js";
import type { FunctionRef } from "../expr/nodes.js";
import { failureOf, type RowFailureData } from "../kernels/expressions/compileFailure.js";
import { compileMap, type MapKernel } from "../kernels/expressions/compileMap.js";
import { ColumnFailure, refuseRow, RowCollector } from "../kernels/rows.js";
import { loadFunction, type UserFunction } from "../kernels/expressions/userFunction.js";
import type { Schema, Value } from "../schema/types.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";
import { RowView, wantsWholeRows } from "./rowView.js";

/** The operator of a `map` (`many`: a `flatMap`), in a generated loop, unless the plan is interpreted. */
export async function createMapOperator(
  ref: FunctionRef,
  many: boolean,
  input: Schema,
  output: Schema,
  context: OperatorContext,
): Promise<Operator> {
  if (context.interpreted) return new MapRowsOperator(await loadFunction(ref), ref, many, input, output, context);
  const refuse = (row: unknown): never => {
    if (!many) refusePromise(row, ref.name);
    return refuseRow(row, `function ${ref.name}`);
  };
  const rowsOf = many ? (result: unknown) => (Array.isArray(result) ? result : [...iterableOf(result, ref.name)]) : null;
  const view = new RowView(input, wantsWholeRows(ref));
  return new MapOperator(await compileMap({ fn: ref, input, output, rowsOf, refuse, view }), ref.name, output, context);
}

/** What a `flatMap` gives for a row. */
function iterableOf(result: unknown, name: string): Iterable<unknown> {
  refusePromise(result, name);
  if (typeof result === "object" && result !== null && Symbol.iterator in result) return result as Iterable<unknown>;
  throw new ColumnFailure("NOT_ITERABLE", `${name} must give an iterable of rows (an array, or a generator's)`, null);
}

/** A `map` or `flatMap` in a generated loop. */
class MapOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #kernel: MapKernel;
  readonly #name: string;
  readonly #output: Schema;
  readonly #context: OperatorContext;

  constructor(kernel: MapKernel, name: string, output: Schema, context: OperatorContext) {
    this.#kernel = kernel;
    this.#name = name;
    this.#output = output;
    this.#context = context;
  }

  push(batch: Batch): Batch | null {
    const { counts } = this;
    const { columns, length, rows } = this.#kernel.run(batch, (row, thrown) => {
      const failure = failureIn(thrown, this.#name);
      counts.rejected++;
      this.#context.reject(batch, row, failure);
    });
    counts.rowsIn += rowCount(batch);
    counts.rowsOut += length;
    if (length === 0) return null;
    const origin = batch.origin === null ? null : originThrough(batch.origin, rows);
    return { schema: this.#output, length, columns, selection: null, origin };
  }

  flush(): null {
    return null;
  }
}

/**
 * `map` and `flatMap` row by row: a user's function from a row to a row object, or to an iterable of them. A row for which it throws, or
 * whose result does not fit the declared schema, is rejected whole; what it gave before that is left out.
 */
export class MapRowsOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #fn: UserFunction;
  readonly #name: string;
  readonly #many: boolean;
  readonly #view: RowView;
  readonly #collector: RowCollector;
  readonly #context: OperatorContext;
  #origins = new Int32Array(1024);
  #length = 0;

  constructor(fn: UserFunction, ref: FunctionRef, many: boolean, input: Schema, output: Schema, context: OperatorContext) {
    this.#fn = fn;
    this.#name = ref.name;
    this.#many = many;
    this.#view = new RowView(input, wantsWholeRows(ref));
    this.#collector = new RowCollector(output, `function ${ref.name}`);
    this.#context = context;
  }

  push(batch: Batch): Batch | null {
    const { selection, length, origin } = batch;
    const live = rowCount(batch);
    this.#view.bind(batch);
    this.#length = 0;
    this.counts.rowsIn += live;
    for (let j = 0; j < live; j++) {
      const row = selection === null ? j : (selection[j] as number);
      this.#view.moveTo(row);
      try {
        const result = this.#fn(this.#view.row);
        if (this.#many) this.#takeMany(iterableOf(result, this.#name), row);
        else this.#takeOne(result, row);
      } catch (thrown) {
        const failure = failureIn(thrown, this.#name);
        this.counts.rejected++;
        this.#context.reject(batch, row, failure);
      }
    }
    this.counts.rowsOut += this.#length;
    if (this.#length === 0 || length === 0) return null;
    const out = this.#collector.take();
    const rows = this.#origins.slice(0, this.#length);
    return { ...out, length: this.#length, origin: origin === null ? null : originThrough(origin, rows) };
  }

  flush(): null {
    return null;
  }

  #takeOne(result: unknown, row: number): void {
    refusePromise(result, this.#name);
    this.#collector.append(result);
    this.#mark(row);
  }

  #takeMany(result: Iterable<unknown>, row: number): void {
    const rows: (readonly Value[])[] = [];
    for (const item of result) rows.push([...this.#collector.convert(item)]);
    for (const values of rows) {
      this.#collector.appendValues(values);
      this.#mark(row);
    }
  }

  #mark(row: number): void {
    if (this.#length === this.#origins.length) {
      const bigger = new Int32Array(this.#length * 2);
      bigger.set(this.#origins);
      this.#origins = bigger;
    }
    this.#origins[this.#length++] = row;
  }
}

function refusePromise(result: unknown, name: string): void {
  if (!(result instanceof Promise)) return;
  // Its failure is ours to ignore: the plan is wrong whatever it comes to.
  result.catch(() => undefined);
  throw planError("FUNCTION_ASYNC", `${name} gives a promise, but rows are mapped one after the other`, {
    hint: "Use mapBatches for functions that wait; it is called once a batch.",
  });
}

/** Why a row has no result. @throws what was thrown, where that says that the plan is wrong. */
function failureIn(thrown: unknown, name: string): RowFailureData {
  if (thrown instanceof ColumnFailure) {
    return { code: thrown.code, message: thrown.message, column: thrown.column, functionName: name };
  }
  if (thrown instanceof Error && (thrown as { code?: unknown }).code === "FUNCTION_ASYNC") throw thrown;
  return failureOf(thrown, { column: null, functionName: name });
}
