import type { Column } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { type Field, type Schema, types } from "../../schema/types.js";
import { CsvColumns, type CsvColumnsOptions, type PlannedColumn, type RowSlice } from "./csvColumns.js";
import { Failures } from "./csvFailures.js";
import { ConstantColumn } from "./csvConstant.js";
import { CsvGuards } from "./csvGuards.js";
import { Gaps, withoutRows } from "../failedRows.js";

/** Where a column's values come from: a field of the record, or one text for the whole file, such as its folder's. */
export type ColumnPlace =
  | { readonly kind: "field"; readonly index: number }
  | { readonly kind: "constant"; readonly text: string | null };

export interface CsvRowsOptions extends CsvColumnsOptions {
  readonly schema: Schema;
  readonly places: readonly ColumnPlace[];
  /** Columns in which null rejects the record. */
  readonly required?: readonly string[];
  /** Those of them that are not in `schema`. */
  readonly hidden?: readonly { readonly field: Field; readonly place: ColumnPlace }[];
  /** The last field is what stands behind the delimiter at the end of each record: nothing. */
  readonly trailing?: boolean;
}

/** What the records of a slice are: their failures, and the columns as far as they had to be read to tell. */
export interface JudgedRows {
  /** In the order of the rows, each once. Good until the next slice is judged. */
  readonly failed: Failures;
  readonly columns: readonly (Column | null)[];
}

const trailingField: Field = { name: "", type: types.binary, nullable: true };

/** Reads the columns of a plan from slices of an indexed block. Columns are views on kernel memory, valid until the next slice. */
export class CsvRows {
  readonly #columns: CsvColumns;
  readonly #planned: readonly (PlannedColumn | ConstantColumn)[];
  readonly #guards: CsvGuards;
  readonly #o: CsvRowsOptions;
  /** Room for the numbers of failed rows. */
  readonly #failed: number;
  /** What failed in the slice that was judged last, and why rows of the file fail. */
  readonly failures = new Failures();
  /** By column: text that no record can fail for as long as it is well-formed. */
  readonly #isPlainText: readonly boolean[];

  constructor(options: CsvRowsOptions) {
    const { schema, places, hidden = [], required: needed = [], trailing, fields } = options;
    this.#o = options;
    this.#failed = options.memory.alloc(options.capacity * 4);
    this.#columns = new CsvColumns(options);
    this.#planned = schema.map((field, i) => this.#plan(field, required(places[i], `place of ${field.name}`)));
    this.#guards = new CsvGuards({
      columns: this.#columns,
      schema,
      required: needed,
      hidden: hidden.map(({ field, place }) => ({ field, planned: this.#plan(field, place) })),
      trailing: trailing === true ? this.#columns.plan(trailingField, fields - 1, false) : null,
    });
    const guarded = needed.length > 0 || trailing === true;
    this.#isPlainText = schema.map(({ type }) => !guarded && (type.kind === "utf8" || type.kind === "binary"));
  }

  /** Reads what decides whether the records of a slice can be delivered. */
  judge(slice: RowSlice): JudgedRows {
    this.#columns.begin(slice);
    const failures = this.failures;
    failures.begin();
    const columns = this.#planned.map((column, i) => {
      const canWait = this.#isPlainText[i] === true && !slice.needsUtf8Check;
      return "rows" in column || canWait ? null : this.#columns.read(column, slice, failures);
    });
    this.#guards.check(columns, slice, failures);
    failures.settle();
    return { failed: failures, columns };
  }

  /** The failed rows, of which there must be some; good until the next slice. */
  gapsOf({ failed }: JudgedRows): Gaps {
    return new Gaps(this.#o.memory, this.#o.kernels, this.#failed, failed.rows);
  }

  /** All columns without the failed records, which the row list of `slice`, that judged but for its `count`, no longer names. */
  finish({ columns }: JudgedRows, slice: RowSlice, gaps: Gaps | null): Column[] {
    return this.#planned.map((planned, i) => {
      if ("rows" in planned) return planned.rows(slice.count);
      const read = columns[i] ?? null;
      if (read === null) return this.#columns.read(planned, slice, this.failures);
      return gaps === null ? read : withoutRows(read, gaps);
    });
  }

  free(): void {
    this.#o.memory.free(this.#failed);
    this.#columns.free();
  }

  #plan(field: Field, place: ColumnPlace): PlannedColumn | ConstantColumn {
    if (place.kind === "constant") return new ConstantColumn(field, place.text);
    return this.#columns.plan(field, place.index);
  }
}
