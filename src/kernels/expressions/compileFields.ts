import type { Batch, Column } from "../../batch/column.js";
import { fieldColumns } from "../../batch/structs.js";
import { required } from "../../common/assert.js";
import type { Bound } from "../../expr/nodes.js";
import { mapBound } from "../../expr/walk.js";
import type { Schema } from "../../schema/types.js";
import type { RowOp } from "../../task/protocol.js";
import type { RowFail } from "./compileFailure.js";
import type { RowsKernel, RowsResult } from "./compileKernel.js";

/** A field that a chain reads of a struct: by the names of fields, from an input column on. */
interface FieldPath {
  readonly column: number;
  /** Indexes of fields, outermost first. */
  readonly path: readonly number[];
}

/** A chain that reads fields of structs as columns behind those of its input. */
export interface FieldChain {
  readonly ops: readonly RowOp[];
  readonly schema: Schema;
  readonly paths: readonly FieldPath[];
}

/** The chain with fields of input columns as columns of their own; null where it reads none. Behind a projection fields are read of objects. */
export function openFields(ops: readonly RowOp[], schema: Schema): FieldChain | null {
  const opened = [...schema];
  const paths: FieldPath[] = [];
  const open = (expr: Bound): Bound =>
    mapBound(expr, (node) => {
      const found = pathOf(node, schema.length, paths);
      if (found === null) return node;
      const known = paths.findIndex(({ column, path }) => column === found.column && path.join() === found.path.join());
      const index = schema.length + (known < 0 ? paths.push(found) - 1 : known);
      const field = { name: `field ${index}`, type: node.type, nullable: node.nullable };
      opened[index] = field;
      return { kind: "column", index, ...field };
    });
  const first = ops.findIndex((op) => op.kind === "project");
  const changed = ops.map((op, i): RowOp => {
    if (first >= 0 && i > first) return op;
    if (op.kind === "filter") return { ...op, predicate: open(op.predicate) };
    return { ...op, columns: op.columns.map(({ name, expr }) => ({ name, expr: open(expr) })) };
  });
  return paths.length === 0 ? null : { ops: changed, schema: opened, paths };
}

/** Runs one chain where batches have the columns of the fields that it reads, and another one with the same meaning where they have not. */
export class FieldRows implements RowsKernel {
  readonly #opened: RowsKernel;
  readonly #plain: RowsKernel;
  readonly #paths: readonly FieldPath[];
  /** Columns of the output. */
  readonly #width: number;

  constructor(opened: RowsKernel, plain: RowsKernel, { paths }: FieldChain, width: number) {
    this.#opened = opened;
    this.#plain = plain;
    this.#paths = paths;
    this.#width = width;
  }

  run(batch: Batch, fail: RowFail): RowsResult {
    const fields: Column[] = [];
    for (const path of this.#paths) {
      const field = fieldColumn(batch, path);
      if (field === null) return this.#plain.run(batch, fail);
      fields.push(field);
    }
    const result = this.#opened.run({ ...batch, columns: [...batch.columns, ...fields] }, fail);
    // A chain without a projection passes on what it was given.
    return { ...result, batch: { ...result.batch, columns: result.batch.columns.slice(0, this.#width) } };
  }
}

function fieldColumn(batch: Batch, { column, path }: FieldPath): Column | null {
  let found: Column | undefined = required(batch.columns[column], `column ${column} of the batch`);
  for (const index of path) {
    found = fieldColumns(found)?.[index];
    if (found === undefined) return null;
  }
  return found;
}

/** What a call reads a field of: a column of the input's `width`, or a field that was opened before. */
function pathOf(expr: Bound, width: number, paths: readonly FieldPath[]): FieldPath | null {
  if (expr.kind !== "call" || expr.fn !== "field") return null;
  const [struct] = expr.args;
  if (struct?.kind !== "column" || struct.type.kind !== "struct") return null;
  const { name } = expr.options;
  const index = struct.type.fields.findIndex((field) => field.name === name);
  if (index < 0) return null;
  if (struct.index < width) return { column: struct.index, path: [index] };
  const outer = required(paths[struct.index - width], "opened field");
  return { column: outer.column, path: [...outer.path, index] };
}
