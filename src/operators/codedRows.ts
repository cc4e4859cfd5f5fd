import { type Coded, codedColumn, codesOf } from "../batch/coded.js";
import { copyBatch } from "../batch/gather.js";
import type { Batch, BytesColumn, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Bound, BoundNamed } from "../expr/nodes.js";
import { columnsUsed, remapColumns } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { compileRows } from "../kernels/compile.js";
import type { RowFail } from "../kernels/compileFailure.js";
import type { RowsKernel, RowsResult } from "../kernels/compileKernel.js";
import type { Schema } from "../schema/types.js";
import type { RowOp, Step } from "../task/protocol.js";

export type RowsStep = Extract<Step, { readonly op: "rows" }>;

/** A text of the output that is made of one text of the input. */
interface Derived {
  /** Index of the output column. */
  readonly output: number;
  /** Index of the input column. */
  readonly input: number;
  readonly kernel: RowsKernel;
  readonly schema: Schema;
  /** What became of dictionaries that were seen. */
  readonly made: WeakMap<BytesColumn, BytesColumn>;
}

const cannotFail: RowFail = () => {
  throw internalError("an expression that cannot fail did");
};

/**
 * The kernel of a step. Where its last projection computes a text from one text column alone, and a batch has that column as codes, the
 * expression is computed once for each different text instead of for each row.
 */
export async function rowsKernel(step: RowsStep, inputSchema: Schema, interpreted: boolean): Promise<RowsKernel> {
  const whole = await compileRows(step.ops, inputSchema, step.schema, { interpreted });
  const last = step.ops.at(-1);
  if (last?.kind !== "project" || step.ops.slice(0, -1).some((op) => op.kind === "project")) return whole;
  const derived: Derived[] = [];
  for (const [output, { name, expr }] of last.columns.entries()) {
    const input = textBehind(expr, inputSchema);
    if (input === null) continue;
    const schema: Schema = [{ name, type: expr.type, nullable: expr.nullable }];
    const ops: readonly RowOp[] = [{ kind: "project", columns: [{ name, expr: remapColumns(expr, () => 0) }] }];
    const kernel = await compileRows(ops, [required(inputSchema[input], "input column")], schema, { interpreted });
    derived.push({ output, input, kernel, schema, made: new WeakMap() });
  }
  if (derived.length === 0) return whole;
  const outputs = new Set(derived.map(({ output }) => output));
  const columns = last.columns.filter((_, i) => !outputs.has(i));
  const schema = step.schema.filter((_, i) => !outputs.has(i));
  const ops: readonly RowOp[] = [...step.ops.slice(0, -1), { kind: "project", columns }];
  return new CodedRows(step.schema, whole, await compileRows(ops, inputSchema, schema, { interpreted }), derived);
}

/** The one text column that a text is computed from; null where it takes more, may fail, or is that column. */
function textBehind(expr: Bound, schema: Schema): number | null {
  if (expr.kind === "column" || !isText(expr.type.kind) || isFallible(expr)) return null;
  const [input, ...others] = columnsUsed(expr);
  if (input === undefined || others.length > 0) return null;
  return isText(schema[input]?.type.kind) ? input : null;
}

const isText = (kind: BoundNamed["expr"]["type"]["kind"] | undefined): boolean => kind === "utf8" || kind === "binary";

class CodedRows implements RowsKernel {
  constructor(
    private readonly schema: Schema,
    private readonly whole: RowsKernel,
    /** Without the derived columns. */
    private readonly rest: RowsKernel,
    private readonly derived: readonly Derived[],
  ) {}

  run(batch: Batch, fail: RowFail): RowsResult {
    const coded = this.derived.map(({ input }) => codesOf(required(batch.columns[input], "input column")));
    if (coded.includes(null)) return this.whole.run(batch, fail);
    const result = this.rest.run(batch, fail);
    const columns: Column[] = [...result.batch.columns];
    // In the order of the output, so that each finds its place.
    this.derived.forEach((derived, i) => {
      columns.splice(derived.output, 0, derivedColumn(derived, required(coded[i] ?? undefined, "codes"), batch.length));
    });
    return { ...result, batch: { ...result.batch, schema: this.schema, columns } };
  }
}

function derivedColumn({ kernel, schema, made }: Derived, { codes, texts }: Coded, length: number): Column {
  let derived = made.get(texts);
  if (derived === undefined) {
    const rows = { schema, length: texts.length, columns: [texts], selection: null, origin: null };
    // The kernel uses its memory again for the next dictionary.
    const [column] = copyBatch(kernel.run(rows, cannotFail).batch).columns;
    if (column?.layout !== "bytes") throw internalError("a text has become something else");
    derived = column;
    made.set(texts, derived);
  }
  return codedColumn({ codes, texts: derived }, length);
}
