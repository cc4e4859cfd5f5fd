import type { Batch } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { columnsUsed, remapColumns } from "../../expr/walk.js";
import { compileRows } from "../../kernels/expressions/compile.js";
import type { RowsKernel } from "../../kernels/expressions/compileKernel.js";
import type { Schema } from "../../schema/types.js";
import type { ScanFilter } from "../contracts.js";
import type { Footer } from "./parquetFooter.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { rowGroupTest } from "./parquetRowGroupBounds.js";
import type { ThriftStruct } from "./parquetThrift.js";

/** How many row groups are looked at in vain before it is given up, at first and for each that was not. */
const patience = 4;

/**
 * Finds the row groups of a file that need not be read, or not whole, because of a condition that their rows must meet: by their statistics, and by the
 * columns that it is over before all others are decoded, as long as that pays.
 */
export class RowGroupFilter {
  /** Places of the columns that the condition is over, among all that are read. */
  readonly first: readonly number[];
  readonly schema: Schema;
  readonly #isOut: (group: ThriftStruct) => boolean;
  readonly #kernel: RowsKernel;
  readonly #isPart: boolean;
  #patience = patience;

  private constructor(schema: Schema, first: readonly number[], kernel: RowsKernel, isOut: (group: ThriftStruct) => boolean) {
    this.first = first;
    this.schema = first.map((place) => required(schema[place], "column"));
    this.#kernel = kernel;
    this.#isOut = isOut;
    this.#isPart = first.length > 0 && first.length < schema.length;
  }

  static async of(
    { condition, interpreted }: ScanFilter,
    schema: Schema,
    columns: readonly FileColumn[],
    footer: Footer,
  ): Promise<RowGroupFilter> {
    const first = [...columnsUsed(condition)].sort((a, b) => a - b);
    const own = first.map((place) => required(schema[place], "column"));
    const predicate = remapColumns(condition, (place) => first.indexOf(place));
    const kernel = await compileRows([{ kind: "filter", predicate }], own, own, { interpreted });
    return new RowGroupFilter(schema, first, kernel, rowGroupTest(condition, columns, footer));
  }

  /** Whether no row of the group can meet the condition. */
  isOut(group: ThriftStruct): boolean {
    return this.#isOut(group);
  }

  /** Whether the columns of the condition shall be decoded first. */
  get triesFirst(): boolean {
    return this.#isPart && this.#patience > 0;
  }

  /** The rows that meet the condition; null for all. `batch`: of the first columns alone. */
  live(batch: Batch): Int32Array | null {
    const { selection } = this.#kernel.run(batch, () => {}).batch;
    return selection === null || selection.length === batch.length ? null : selection.slice();
  }

  /** Learns from a group that was tried. */
  note(anyLive: boolean): void {
    this.#patience += anyLive ? -1 : patience;
  }

  /** The others shall not be decoded by themselves again. */
  giveUp(): void {
    this.#patience = Number.NEGATIVE_INFINITY;
  }
}

/** Rows none of which is wanted, and of which no column was read. */
export const passedOver = (batch: Pick<Batch, "schema" | "length" | "origin">): Batch => ({
  ...batch,
  columns: [],
  selection: new Int32Array(0),
});
