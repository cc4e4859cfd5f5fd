import { builderFor, fixedArrayOf } from "../batch/builder.js";
import { type Batch, type Column, rowCount } from "../batch/column.js";
import { compactBatch, everyRow } from "../batch/gather.js";
import { columnReader } from "../batch/reader.js";
import { toUser } from "../functions/border.js";
import { failureOf, type RowFailureData } from "../kernels/expressions/compileFailure.js";
import { ColumnFailure, fieldValue } from "../kernels/rows.js";
import type { UserFunction } from "../kernels/expressions/userFunction.js";
import { type DataType, type Field, type Schema, valueForm } from "../schema/types.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

/**
 * What a `mapBatches` function is given and gives back. Number columns without nulls are typed arrays (a copy, so that the function may
 * keep or change them); every other column is an array with null for null. The result may use either, and any length.
 */
export interface UserBatch {
  readonly length: number;
  readonly columns: { readonly [name: string]: ArrayLike<unknown> };
}

/** A user's function from batches to batches; it may be async. A batch for which it fails is rejected, every row with its place. */
export class MapBatchesOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #fn: UserFunction;
  readonly #name: string;
  readonly #output: Schema;
  readonly #context: OperatorContext;

  constructor(fn: UserFunction, name: string, output: Schema, context: OperatorContext) {
    this.#fn = fn;
    this.#name = name;
    this.#output = output;
    this.#context = context;
  }

  async push(batch: Batch): Promise<Batch | null> {
    const rows = rowCount(batch);
    this.counts.rowsIn += rows;
    if (rows === 0) return null;
    let out: Batch;
    try {
      out = this.#result(await this.#fn(toUserBatch(batch)), batch, rows);
    } catch (thrown) {
      this.#rejectAll(batch, rows, this.#failure(thrown));
      return null;
    }
    this.counts.rowsOut += rowCount(out);
    return rowCount(out) === 0 ? null : out;
  }

  flush(): null {
    return null;
  }

  #result(result: unknown, batch: Batch, rows: number): Batch {
    const { length, columns } = this.#shapeOf(result);
    // Where the function keeps the number of rows, row i stands for row i: a bad value rejects that row alone.
    const keeps = length === rows;
    const bad = new Map<number, RowFailureData>();
    const out = this.#output.map((field) => {
      const values = columns[field.name];
      if (values === undefined)
        throw new ColumnFailure("MISSING_COLUMN", `${this.#name} gave no column ${JSON.stringify(field.name)}`, field.name);
      if (values.length !== length) {
        const message = `${this.#name}: column ${JSON.stringify(field.name)} has ${values.length} values, expected ${length}`;
        throw new ColumnFailure("COLUMN_LENGTH", message, field.name);
      }
      return fromValues(values, field, length, `function ${this.#name}`, (row, thrown) => {
        if (!keeps) throw thrown;
        if (!bad.has(row)) bad.set(row, this.#failure(thrown));
      });
    });
    const physical = (row: number): number => (batch.selection === null ? row : (batch.selection[row] as number));
    for (const [row, failure] of bad) this.#context.reject(batch, physical(row), failure);
    this.counts.rejected += bad.size;
    const kept = bad.size === 0 ? null : everyRow(length).filter((row) => !bad.has(row));
    const origin = keeps && batch.origin !== null ? batch.origin : null;
    return {
      schema: this.#output,
      length,
      columns: out,
      selection: kept,
      origin: origin === null ? null : { place: (row) => origin.place(physical(row)), raw: (row) => origin.raw(physical(row)) },
    };
  }

  #shapeOf(result: unknown): UserBatch {
    const { columns, length } = (typeof result === "object" && result !== null ? result : {}) as Partial<UserBatch>;
    if (typeof columns !== "object" || columns === null) {
      throw new ColumnFailure("NOT_A_BATCH", `${this.#name} must give { length, columns: { name: array } }`, null);
    }
    const first = this.#output[0];
    const rows = length ?? (first === undefined ? 0 : columns[first.name]?.length) ?? 0;
    if (!Number.isInteger(rows) || rows < 0)
      throw new ColumnFailure("NOT_A_BATCH", `${this.#name} gave the length ${String(rows)}`, null);
    return { columns, length: rows };
  }

  #rejectAll(batch: Batch, rows: number, failure: RowFailureData): void {
    for (let j = 0; j < rows; j++)
      this.#context.reject(batch, batch.selection === null ? j : (batch.selection[j] as number), failure);
    this.counts.rejected += rows;
  }

  #failure(thrown: unknown): RowFailureData {
    if (thrown instanceof ColumnFailure) {
      return { code: thrown.code, message: thrown.message, column: thrown.column, functionName: this.#name };
    }
    return failureOf(thrown, { column: null, functionName: this.#name });
  }
}

function toUserBatch(batch: Batch): UserBatch {
  const { columns, length, schema } = compactBatch(batch);
  // A Map first, so that a column named __proto__ becomes a property like any other.
  const named = schema.map((field, i): [string, ArrayLike<unknown>] => [field.name, userArray(columns[i] as Column, field.type)]);
  return { length, columns: Object.fromEntries(named) };
}

function userArray(column: Column, type: DataType): ArrayLike<unknown> {
  if (isNumber(type) && column.layout === "fixed" && column.valid === null) return column.values.slice(0, column.length);
  const read = columnReader(column);
  return Array.from({ length: column.length }, (_, row) => {
    const value = read(row);
    return value === null ? null : toUser(value, type);
  });
}

/** Types whose columns are typed arrays for a user, too. */
const isNumber = (type: DataType): boolean =>
  (valueForm(type) === "number" && type.kind !== "date") || type.kind === "int64" || type.kind === "uint64";

function fromValues(
  values: ArrayLike<unknown>,
  field: Field,
  length: number,
  where: string,
  bad: (row: number, thrown: ColumnFailure) => void,
): Column {
  const { type } = field;
  const kind = isNumber(type) ? fixedArrayOf(type) : null;
  if (kind !== null && values instanceof kind) {
    // Every element is a value of the type. A copy, so that the function may keep its array.
    return { layout: "fixed", type, length, values: values.slice(0, length), valid: null };
  }
  const builder = builderFor(type, length);
  for (let row = 0; row < length; row++) {
    try {
      builder.append(fieldValue(values[row], field, where));
    } catch (thrown) {
      if (!(thrown instanceof ColumnFailure)) throw thrown;
      builder.appendNull();
      bad(row, thrown);
    }
  }
  return builder.finish();
}
