import type { Batch } from "../batch/column.js";
import { missing } from "../io/csv/csvGuards.js";
import { hiddenFields } from "../io/csv/csvSource.js";
import type { ScanSpec } from "../task/protocol.js";
import { dropRows } from "./rowSelection.js";

/** A row that lacks a value that it must have. */
export interface MissingValue {
  /** Row of the batch. */
  readonly row: number;
  readonly column: string;
  readonly message: string;
}

/** Finds rows of Parquet and Arrow files in which a required column is null. Readers of text look at their records themselves. */
export class RequiredRows {
  /** What is read: the columns that the plan wants, then those that are only looked at. */
  readonly scan: ScanSpec;
  private readonly places: readonly number[];

  private constructor(
    private readonly wanted: ScanSpec,
    names: readonly string[],
  ) {
    const { schema, source } = wanted;
    this.scan = { ...wanted, schema: [...schema, ...hiddenFields(names, source.schema, schema)] };
    this.places = names.map((name) => this.scan.schema.findIndex((field) => field.name === name));
  }

  /** null where there is nothing to look at. */
  static of(scan: ScanSpec, fromSource: boolean): RequiredRows | null {
    const { spec } = scan.source;
    if (!fromSource || (spec.format !== "parquet" && spec.format !== "arrow")) return null;
    return spec.required === undefined || spec.required.length === 0 ? null : new RequiredRows(scan, spec.required);
  }

  /** The rows that lack a value, in order, each with the first required column that is null. */
  judge({ schema, columns, length }: Batch): MissingValue[] {
    const found = new Map<number, string>();
    for (const place of this.places) {
      const valid = columns[place]?.valid ?? null;
      const name = schema[place]?.name ?? "";
      for (let row = 0; valid !== null && row < length; row++) if (valid[row] === 0 && !found.has(row)) found.set(row, name);
    }
    return [...found].sort(([a], [b]) => a - b).map(([row, column]) => ({ row, column, message: missing(column) }));
  }

  /** The batch without those rows and without the columns that were only looked at. */
  rest(batch: Batch, gone: readonly MissingValue[]): Batch {
    const { schema } = this.wanted;
    const kept = gone.length === 0 ? batch : dropRows(batch, new Set(gone.map(({ row }) => row)));
    return schema.length === batch.columns.length ? kept : { ...kept, schema, columns: kept.columns.slice(0, schema.length) };
  }
}
