import { type Coded, codedColumn, codesOf } from "../batch/coded.js";
import { copyBatch } from "../batch/gather.js";
import type { Batch, BytesColumn, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Bound, BoundNamed } from "../expr/nodes.js";
import { columnsUsed, remapColumns, someBound } from "../expr/walk.js";
import { compileRows } from "../kernels/expressions/compile.js";
import type { RowFail } from "../kernels/expressions/compileFailure.js";
import type { RowsKernel, RowsResult } from "../kernels/expressions/compileKernel.js";
import { type DataType, type Schema, valueForm } from "../schema/types.js";
import type { RowOp, Step } from "../task/protocol.js";
import { memoOf, type TextMemo } from "./textMemo.js";

export type RowsStep = Extract<Step, { readonly op: "rows" }>;

/** A text of the output that is made of one text of the input. */
interface Derived {
  /** Index of the output column. */
  readonly output: number;
  /** Index of the input column. */
  readonly input: number;
  readonly kernel: RowsKernel;
  readonly schema: Schema;
  /** What became of dictionaries that were seen; null where the expression failed for one of their texts. */
  readonly made: WeakMap<BytesColumn, BytesColumn | null>;
  /** For an expression that calls a function of the user's. */
  readonly memo: TextMemo | null;
}

/**
 * The kernel of a step. Where its last projection computes a text from one text column alone, and a batch has that column as codes, the
 * expression is computed once for each different text instead of for each row. So it is where it calls a function of the user's whose source shows
 * that it may be, and texts repeat.
 */
export async function rowsKernel(step: RowsStep, inputSchema: Schema, interpreted: boolean): Promise<RowsKernel> {
  const whole = await compileRows(step.ops, inputSchema, step.schema, { interpreted });
  const last = step.ops.at(-1);
  if (last?.kind !== "project" || step.ops.slice(0, -1).some((op) => op.kind === "project")) return whole;
  const derived: Derived[] = [];
  for (const [output, { name, expr }] of last.columns.entries()) {
    const input = textBehind(expr, inputSchema);
    if (input === null) continue;
    const field = required(inputSchema[input], "input column");
    const schema: Schema = [{ name, type: expr.type, nullable: expr.nullable }];
    const own = remapColumns(expr, () => 0);
    const kernel = await compileRows([{ kind: "project", columns: [{ name, expr: own }] }], [field], schema, { interpreted });
    const calls = someBound(expr, (node) => node.kind === "udf");
    const memo = calls && !interpreted ? memoOf(canonicalName([own, field]), field, required(schema[0], "column")) : null;
    derived.push({ output, input, kernel, schema, made: new WeakMap(), memo });
  }
  if (derived.length === 0) return whole;
  const outputs = new Set(derived.map(({ output }) => output));
  const columns = last.columns.filter((_, i) => !outputs.has(i));
  const schema = step.schema.filter((_, i) => !outputs.has(i));
  const ops: readonly RowOp[] = [...step.ops.slice(0, -1), { kind: "project", columns }];
  return new CodedRows(step.schema, whole, await compileRows(ops, inputSchema, schema, { interpreted }), derived);
}

const canonicalName = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${item}n` : item));

/** The one text column that a text is computed from; null where it takes more, need not be equal for equal texts, or is that column. */
function textBehind(expr: Bound, schema: Schema): number | null {
  if (expr.kind === "column" || !isText(expr.type.kind) || !isRepeatable(expr)) return null;
  const [input, ...others] = columnsUsed(expr);
  if (input === undefined || others.length > 0) return null;
  return isText(schema[input]?.type.kind) ? input : null;
}

/** Whether an expression gives equal results for equal values. Objects might be changed by the function that gets them. */
function isRepeatable(expr: Bound): boolean {
  return !someBound(
    expr,
    (node) =>
      node.kind === "udf" &&
      !(node.fn.kind === "source" && node.fn.pure === true && node.args.every(({ type }) => isValue(type))),
  );
}

const isValue = (type: DataType): boolean => valueForm(type) !== "object" && valueForm(type) !== "bytes";

const isText = (kind: BoundNamed["expr"]["type"]["kind"] | undefined): boolean => kind === "utf8" || kind === "binary";

class CodedRows implements RowsKernel {
  /** For each derived column: the codes of a batch, made anew for the next. */
  readonly #out: Uint16Array[] = [];

  constructor(
    private readonly schema: Schema,
    private readonly whole: RowsKernel,
    /** Without the derived columns. */
    private readonly rest: RowsKernel,
    private readonly derived: readonly Derived[],
  ) {}

  run(batch: Batch, fail: RowFail): RowsResult {
    const sources = this.derived.map((derived) => this.#sourceOf(derived, batch));
    if (sources.includes(null)) return this.whole.run(batch, fail);
    // Rows that fail are told once all columns are there: where one cannot be made, the whole batch is computed row by row.
    const failed: Parameters<RowFail>[] = [];
    const result = this.rest.run(batch, (...failure) => failed.push(failure));
    const columns: Column[] = [...result.batch.columns];
    // In the order of the output, so that each finds its place.
    for (const [i, derived] of this.derived.entries()) {
      const source = required(sources[i] ?? undefined, "source of a derived column");
      const coded = source === "memo" ? this.#remembered(i, derived, batch, result.batch.selection) : source;
      if (coded === null) return this.whole.run(batch, fail);
      columns.splice(derived.output, 0, codedColumn(coded, batch.length));
    }
    for (const failure of failed) fail(...failure);
    return { ...result, batch: { ...result.batch, schema: this.schema, columns } };
  }

  /** Where a derived column comes from: the column's codes, texts that were seen before, or (null) the loop over the rows. */
  #sourceOf({ input, kernel, schema, made, memo }: Derived, batch: Batch): Coded | "memo" | null {
    const coded = codesOf(required(batch.columns[input], "input column"));
    if (coded === null) return memo?.isWorthIt === true ? "memo" : null;
    const { codes, texts } = coded;
    if (!made.has(texts)) made.set(texts, derivedTexts(kernel, schema, texts));
    const derived = made.get(texts) ?? null;
    return derived === null ? null : { codes, texts: derived };
  }

  #remembered(
    i: number,
    { input, kernel, memo }: Derived,
    { columns, length }: Batch,
    selection: Int32Array | null,
  ): Coded | null {
    const column = required(columns[input], "input column");
    if (column.layout !== "bytes" || memo === null || !memo.isWorthIt) return null;
    let out = this.#out[i];
    if (out === undefined || out.length < length) out = new Uint16Array(Math.ceil(length * 1.25));
    this.#out[i] = out;
    return memo.codes(column, selection, kernel, out.subarray(0, length));
  }
}

/** The texts that an expression gives for those of a dictionary; null where it fails for one. */
function derivedTexts(kernel: RowsKernel, schema: Schema, texts: BytesColumn): BytesColumn | null {
  const rows = { schema, length: texts.length, columns: [texts], selection: null, origin: null };
  let failed = false;
  // The kernel uses its memory again for the next dictionary.
  const [column] = copyBatch(
    kernel.run(rows, () => {
      failed = true;
    }).batch,
  ).columns;
  if (failed) return null;
  if (column?.layout !== "bytes") throw internalError("a text has become something else");
  return column;
}
