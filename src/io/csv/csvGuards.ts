import type { Column } from "../../batch/column.js";
import type { Field } from "../../schema/types.js";
import type { ConstantColumn } from "./csvConstant.js";
import type { CsvColumns, PlannedColumn, RowSlice } from "./csvColumns.js";
import type { Failures } from "./csvFailures.js";

/** A column that is only read to judge its records. */
export interface GuardColumn {
  readonly field: Field;
  readonly planned: PlannedColumn | ConstantColumn;
}

export interface CsvGuardOptions {
  readonly columns: CsvColumns;
  /** Columns that the plan reads, of which `required` may name some. */
  readonly schema: readonly Field[];
  readonly required: readonly string[];
  /** Required columns that the plan does not read. */
  readonly hidden: readonly GuardColumn[];
  /** The empty field behind the last delimiter, where records end with one. */
  readonly trailing: PlannedColumn | null;
}

/** Finds the rows of a batch that must not be delivered, for what their values are. */
export class CsvGuards {
  readonly #o: CsvGuardOptions;
  readonly #required: ReadonlySet<string>;

  constructor(options: CsvGuardOptions) {
    this.#o = options;
    this.#required = new Set(options.required);
  }

  /** Adds what is wrong in the batch whose columns are `read` to `failures`. A row's first failure counts. */
  check(read: readonly (Column | null)[], slice: RowSlice, failures: Failures): void {
    const { columns, schema, hidden, trailing } = this.#o;
    if (this.#required.size > 0) {
      schema.forEach(({ name }, i) => {
        const column = read[i] ?? null;
        if (column !== null && this.#required.has(name)) addMissing(column, name, failures);
      });
    }
    for (const { field, planned } of hidden) {
      const column = "rows" in planned ? planned.rows(slice.count) : columns.read(planned, slice, failures);
      addMissing(column, field.name, failures);
    }
    if (trailing === null) return;
    const { valid } = columns.read(trailing, slice, failures);
    const message = "expected a line end behind the last delimiter";
    const number = failures.why.find({ column: null, code: "CSV_TOO_MANY_FIELDS", message });
    for (let row = 0; row < slice.count; row++) {
      if (valid === null || valid[row] !== 0) failures.add(row, number);
    }
  }
}

function addMissing({ valid, length }: Column, name: string, failures: Failures): void {
  if (valid === null) return;
  const number = failures.why.find({ column: name, code: "REQUIRED_MISSING", message: missing(name) });
  for (let row = 0; row < length; row++) if (valid[row] === 0) failures.add(row, number);
}

export const missing = (name: string): string => `column ${JSON.stringify(name)} is required and has no value`;
