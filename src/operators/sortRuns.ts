import { type Batch, type Column, rowCount } from "../batch/column.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import type { Bound } from "../expr/nodes.js";
import { compileRows } from "../kernels/expressions/compile.js";
import type { RowsKernel } from "../kernels/expressions/compileKernel.js";
import { SortBuffer } from "../kernels/sortBuffer.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten, RowOp, Step } from "../task/protocol.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

export type SortRunsStep = Extract<Step, { op: "sortRuns" }>;

/** A run is written once it holds this much: a constant, because runs decide how the sorted rows are cut into tasks later. */
const runBytes = 2 ** 26;
const runRows = 2 ** 20;

/** How the keys of a batch are found: among its columns, or by a loop that computes them beside the columns. */
interface SortKeys {
  readonly kernel: RowsKernel | null;
  /** Column indexes, in what the kernel gives. */
  readonly at: readonly number[];
}

/** Writes the rows of a partition as sorted files, each first column byte strings that compare as the sort does; see `SortBuffer`. */
export class SortRunsOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: SortRunsStep;
  readonly #keys: SortKeys;
  readonly #context: OperatorContext;
  readonly #files: FileWritten[] = [];
  readonly #columns: number;
  #buffer: SortBuffer | null;
  #writer: BlockFileWriter | null = null;

  constructor(step: SortRunsStep, keys: SortKeys, context: OperatorContext) {
    this.#step = step;
    this.#keys = keys;
    this.#context = context;
    this.#columns = step.schema.length - 1;
    const order = step.keys.map(({ expr, descending, nulls }) => ({ ...typeOf(expr), descending, nulls }));
    this.#buffer = new SortBuffer(
      order,
      step.schema.slice(1).map((field) => field.type),
    );
  }

  get files(): readonly FileWritten[] {
    return this.#files;
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    const { kernel, at } = this.#keys;
    let rows = batch;
    if (kernel !== null) {
      const result = kernel.run(batch, (row, failure) => this.#context.reject(batch, row, failure));
      this.counts.rejected += result.rejected;
      rows = result.batch;
    }
    const keys = at.map((index) => rows.columns[index] as Column);
    this.#buffer?.append(keys, rows.columns.slice(0, this.#columns), rows.selection, rows.length);
    const buffer = this.#buffer;
    if (buffer !== null && (forceSpill || buffer.bytes >= runBytes || buffer.rows >= runRows)) this.#writeRun(buffer);
    return null;
  }

  flush(): null {
    const buffer = this.#buffer;
    if (buffer !== null && (buffer.rows > 0 || this.#files.length === 0)) this.#writeRun(buffer);
    this.#free();
    return null;
  }

  abort(): void {
    this.#free();
    this.#writer?.abort();
  }

  #writeRun(buffer: SortBuffer): void {
    const { file, schema } = this.#step;
    const number = this.#files.length;
    const path = number === 0 ? file : file.replace(/(\.\w+)?$/, `-r${number}$1`);
    const writer = new BlockFileWriter(path, {}, this.#context.holding);
    this.#writer = writer;
    const { rows, columns } = buffer.take(this.#context.partition);
    if (rows > 0) writer.write(schema, rows, [0, rows], columns);
    this.#files.push(writer.finish());
    this.#writer = null;
    this.counts.rowsOut += rows;
  }

  #free(): void {
    this.#buffer?.free();
    this.#buffer = null;
  }
}

const typeOf = ({ type, nullable }: Bound) => ({ type, nullable });

/** Compiles the keys that are not columns of the input. */
export async function sortKeysOf(step: SortRunsStep, input: Schema, context: OperatorContext): Promise<SortKeys> {
  const computed = step.keys.filter(({ expr }) => expr.kind !== "column");
  const at = step.keys.map(({ expr }, i) =>
    expr.kind === "column" ? expr.index : input.length + computed.indexOf(step.keys[i] as (typeof step.keys)[number]),
  );
  if (computed.length === 0) return { kernel: null, at };
  const columns = [
    ...input.map(({ name, type, nullable }, index) => ({
      name,
      expr: { kind: "column", index, name, type, nullable } satisfies Bound,
    })),
    ...computed.map(({ expr }, i) => ({ name: `sort key ${i}`, expr })),
  ];
  const ops: readonly RowOp[] = [{ kind: "project", columns }];
  const schema = columns.map(({ name, expr }) => ({ name, ...typeOf(expr) }));
  return { kernel: await compileRows(ops, input, schema, { interpreted: context.interpreted }), at };
}
