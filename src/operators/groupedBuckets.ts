import type { Batch, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import { rowsByBlock } from "../exchange/keyedReader.js";
import type { BoundSortKey } from "../expr/nodes.js";
import { type GroupedOrder, GroupedRows } from "../kernels/groups/groupedRows.js";
import type { OrderKey } from "../kernels/sortBuffer.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import type { OperatorContext } from "./operator.js";

/** What is grouped and sorted, as columns of the input. */
export interface Grouping {
  readonly groups: readonly number[];
  readonly order: readonly BoundSortKey[];
  /** Further columns that are looked at. */
  readonly values: readonly number[];
  /** Whether it matters which rows have equal keys. */
  readonly marksTies: boolean;
}

export const orderColumns = ({ order }: Grouping): number[] =>
  order.map(({ expr }) => {
    if (expr.kind !== "column") throw internalError("keys of a window are columns");
    return expr.index;
  });

export const orderKeys = ({ order }: Grouping): OrderKey[] =>
  order.map(({ expr: { type, nullable }, descending, nulls }) => ({ type, nullable, descending, nulls }));

/** Collects the rows of some buckets, and writes what is computed of each, block by block as the rows stand in their files. */
export class GroupedBuckets {
  readonly #grouping: Grouping;
  readonly #rows: GroupedRows;
  readonly #context: OperatorContext;
  readonly #orderAt: readonly number[];
  #writer: BlockFileWriter | null = null;

  constructor(input: Schema, grouping: Grouping, context: OperatorContext) {
    this.#grouping = grouping;
    this.#context = context;
    const field = (index: number) => required(input[index], "column");
    this.#orderAt = orderColumns(grouping);
    this.#rows = new GroupedRows(
      grouping.groups.map(field),
      orderKeys(grouping),
      grouping.values.map((index) => field(index).type),
      grouping.marksTies,
    );
  }

  push(batch: Batch): void {
    const { columns, selection, length } = batch;
    if (selection !== null) throw internalError("buckets come as whole batches");
    const at = (indexes: readonly number[]): Column[] => indexes.map((index) => required(columns[index], "column"));
    this.#rows.append(at(this.#grouping.groups), at(this.#orderAt), at(this.#grouping.values), length);
  }

  /** Ends the input. */
  finish(): GroupedOrder {
    return this.#rows.finish();
  }

  /** Writes columns that have the rows in the order in which they came. */
  write(file: string, schema: Schema, columns: readonly Column[]): FileWritten {
    const { buckets } = this.#context;
    if (buckets === undefined) throw internalError("the rows are not those of buckets");
    const writer = new BlockFileWriter(file);
    this.#writer = writer;
    let from = 0;
    for (const rows of rowsByBlock(buckets.paths, buckets.part)) {
      const to = from + rows;
      const parts = columns.map((column) => columnParts(sliceColumn(column, from, to)));
      writer.write(schema, rows, [0, rows], parts);
      from = to;
    }
    this.#writer = null;
    return writer.finish();
  }

  free(): void {
    this.#rows.free();
  }

  abort(): void {
    this.free();
    this.#writer?.abort();
  }
}
