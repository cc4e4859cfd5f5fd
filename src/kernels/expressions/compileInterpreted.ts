import { builderFor, type ColumnBuilder } from "../../batch/builder.js";
import { type Batch, rowCount } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { required } from "../../common/assert.js";
import type { FunctionRef } from "../../expr/nodes.js";
import { RowFailure } from "../../functions/definition.js";
import type { Schema, Value } from "../../schema/types.js";
import type { RowOp } from "../../task/protocol.js";
import { failureOf, type RowFail, type Site } from "./compileFailure.js";
import type { RowsKernel, RowsResult } from "./compileKernel.js";
import { type Interpreted, interpret } from "./interpret.js";
import type { UserFunction } from "./userFunction.js";

type InterpretedOp =
  | { readonly kind: "filter"; readonly predicate: Interpreted }
  | { readonly kind: "project"; readonly columns: readonly { readonly name: string; readonly run: Interpreted }[] };

/** The chain by the reference meaning of each expression, row by row: slow, and what the generated loop must agree with. */
export function interpretedRows(
  ops: readonly RowOp[],
  outputSchema: Schema,
  functions: ReadonlyMap<FunctionRef, UserFunction>,
): RowsKernel {
  return new InterpretedRows(ops.map(interpretOp), outputSchema, functions);
}

const interpretOp = (op: RowOp): InterpretedOp =>
  op.kind === "filter"
    ? { kind: "filter", predicate: interpret(op.predicate) }
    : { kind: "project", columns: op.columns.map(({ name, expr }) => ({ name, run: interpret(expr) })) };

class InterpretedRows implements RowsKernel {
  readonly #ops: readonly InterpretedOp[];
  readonly #schema: Schema;
  readonly #functions: ReadonlyMap<FunctionRef, UserFunction>;
  #column: string | null = null;
  #function: string | null = null;

  constructor(ops: readonly InterpretedOp[], schema: Schema, functions: ReadonlyMap<FunctionRef, UserFunction>) {
    this.#ops = ops;
    this.#schema = schema;
    this.#functions = functions;
  }

  run(batch: Batch, fail: RowFail): RowsResult {
    const live = rowCount(batch);
    const readers = batch.columns.map(columnReader);
    const builders = this.#schema.map((field) => builderFor(field.type, batch.length));
    const selected = new Int32Array(live);
    let kept = 0;
    let rejected = 0;
    for (let j = 0; j < live; j++) {
      const row = batch.selection === null ? j : (batch.selection[j] as number);
      try {
        const values = this.#row(readers.map((read) => read(row)));
        if (values === null) continue;
        for (const [i, builder] of builders.entries()) appendAt(builder, row, values[i] ?? null);
        selected[kept++] = row;
      } catch (thrown) {
        fail(row, failureOf(thrown, this.#site(thrown)));
        rejected++;
      }
    }
    for (const builder of builders) fillTo(builder, batch.length);
    const selection = kept === live ? batch.selection : selected.slice(0, kept);
    const columns = builders.map((builder) => builder.finish());
    return {
      batch: { schema: this.#schema, length: batch.length, columns, selection, origin: batch.origin },
      filtered: live - kept - rejected,
      rejected,
    };
  }

  /** The row after every op; null when a filter leaves it out. */
  #row(input: readonly Value[]): readonly Value[] | null {
    const call = (ref: FunctionRef) => this.#callable(ref);
    let values = input;
    for (const op of this.#ops) {
      const now = values;
      const read = (column: number): Value => now[column] ?? null;
      this.#column = null;
      if (op.kind === "filter") {
        if (op.predicate(read, call) !== true) return null;
        continue;
      }
      values = op.columns.map(({ name, run }) => {
        this.#column = name;
        return run(read, call);
      });
    }
    return values;
  }

  #callable(ref: FunctionRef): (...args: unknown[]) => unknown {
    this.#function = ref.name;
    return required(this.#functions.get(ref), `function ${ref.name}`);
  }

  /** Failures of user functions carry codes of their own; the last function that was called is the one. */
  #site(thrown: unknown): Site {
    const user = thrown instanceof RowFailure && thrown.code.startsWith("UDF_");
    return { column: this.#column, functionName: user ? this.#function : null };
  }
}

/** Appends a value at a physical row; rows that were left out before it hold null. */
function appendAt(builder: ColumnBuilder, row: number, value: Value): void {
  fillTo(builder, row);
  builder.append(value);
}

function fillTo(builder: ColumnBuilder, length: number): void {
  while (builder.length < length) builder.appendNull();
}
