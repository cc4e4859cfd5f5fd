import type { Batch } from "../../batch/column.js";
import { rowCount } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import type { CheckQuery } from "../../plan/checkQueries.js";
import type { CheckSpec } from "../../plan/checkSpec.js";
import { decideChecks, type QueryRow } from "../../quality/decide.js";
import type { QualityReport } from "../../quality/results.js";
import type { Schema } from "../../schema/types.js";
import type { TaskResult } from "../../task/protocol.js";

/** The checks of a prepared plan. The outputs from `firstOutput` on are their queries, in the order of `queries`. */
export interface PreparedChecks {
  readonly checks: readonly CheckSpec[];
  readonly queries: readonly CheckQuery[];
  readonly firstOutput: number;
  readonly shapes: readonly { readonly check: number; readonly schema: Schema }[];
}

/** Takes the rows of the checks' queries while a run goes on, and decides the checks at its end. */
export class CheckFindings {
  private readonly rows = new Map<number, QueryRow[]>();

  constructor(private readonly prepared: PreparedChecks) {}

  /** Whether an output of the physical plan is a query of a check. */
  owns(output: number): boolean {
    return output >= this.prepared.firstOutput;
  }

  take(output: number, batch: Batch): void {
    const rows = this.rows.get(output) ?? [];
    this.rows.set(output, rows);
    const readers = batch.columns.map(columnReader);
    for (let j = 0; j < rowCount(batch); j++) {
      const row = batch.selection === null ? j : (batch.selection[j] as number);
      rows.push(Object.fromEntries(batch.schema.map(({ name }, c) => [name, readers[c]?.(row) ?? null])));
    }
  }

  /** null for a plan without checks. */
  decide(results: readonly TaskResult[], earlier: (check: string) => readonly number[]): QualityReport | null {
    const { checks, shapes, firstOutput } = this.prepared;
    if (checks.length === 0) return null;
    const queries = this.prepared.queries.map((query, i) => ({ query, rows: this.rows.get(firstOutput + i) ?? [] }));
    return decideChecks({ checks, shapes, queries, earlier, tallies: results.flatMap((result) => [...(result.checks ?? [])]) });
  }
}
