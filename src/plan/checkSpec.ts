import type { AggregateExpr, Expr } from "../expr/nodes.js";

/** What a check asks about. */
export type CheckDimension =
  | "completeness"
  | "validity"
  | "uniqueness"
  | "consistency"
  | "timeliness"
  | "accuracy"
  | "volume"
  | "schema"
  | "distribution";

/** What follows from a check that does not hold: only the report says so; its rows become rejects; the run publishes nothing. */
export type CheckAction = "warn" | "quarantine" | "fail";
export type CheckSeverity = "info" | "warning" | "error";

/** How a check is decided. Numbers of references are indexes into `references` of the plan node. */
export type CheckTest =
  /**
   * Row by row: a row fails where the condition is false; null passes, as in SQL's CHECK. `ofValues`: rows with a null among the check's columns are not
   * counted.
   */
  | { readonly scope: "row"; readonly expr: Expr; readonly ofValues?: true }
  /**
   * One figure of all rows. `ofRows`: 1 - figure / rows (a null rate is made of a count). `unless`: where this counts a row, the figure is NaN. Bounds
   * are inclusive; null: none.
   */
  | {
      readonly scope: "statistic";
      readonly aggregate: AggregateExpr;
      readonly ofRows: boolean;
      readonly unless?: AggregateExpr;
      readonly least: Expr | null;
      readonly most: Expr | null;
      readonly drift?: Drift;
    }
  /** No two rows have the same values in the check's columns; rows with a null among them are left out. */
  | { readonly scope: "unique" }
  /** The values of the check's columns stand in `on` of another dataset; rows with a null among them are left out. */
  | { readonly scope: "references"; readonly reference: number; readonly on: readonly string[] }
  /** The check's column agrees with `against` of the other dataset's row of the same key. */
  | {
      readonly scope: "agrees";
      readonly reference: number;
      readonly key: readonly string[];
      readonly against: string;
      /** Largest difference; null: equal. */
      readonly tolerance: number | null;
    }
  /** The dataset has the check's columns; `exact`: these alone, in this order. */
  | { readonly scope: "columns"; readonly exact: boolean };

/** A figure is compared with what it was in earlier accepted runs of the job. */
export interface Drift {
  /** Largest change, as a share of the usual figure. */
  readonly within: number;
  /** Runs that the usual figure is the mean of. */
  readonly runs: number;
  /** With fewer the check holds. */
  readonly atLeast: number;
}

/** Columns of which the values of failing rows are told, where rows are judged one by one. */
export const tallied = ({ columns, test }: CheckSpec): readonly string[] =>
  test.scope === "agrees" ? [...columns, ...test.key.filter((name) => !columns.includes(name))] : columns;

/** Whether rows with a null among the check's columns are not counted. */
export const countsValues = ({ test }: CheckSpec): boolean =>
  test.scope === "unique" || test.scope === "references" || (test.scope === "row" && test.ofValues === true);

/** Whether the rows that fail a check of more than one row are set aside, for which they have to be known before the rows pass. */
export const hasVerdict = ({ action, test }: CheckSpec): boolean => action === "quarantine" && test.scope !== "row";

/** A check as plain data. */
export interface CheckSpec {
  readonly name: string;
  /** The builder that made it: `notNull`, `unique`, … */
  readonly kind: string;
  readonly dimension: CheckDimension;
  /** Columns it is about; empty for a check of the whole dataset. */
  readonly columns: readonly string[];
  /** Share of the rows that has to pass, 0 to 1. */
  readonly threshold: number;
  readonly severity: CheckSeverity;
  readonly action: CheckAction;
  /** What was expected, in words. */
  readonly expected: string;
  readonly test: CheckTest;
  /** Its number in the plan; given when the plan is prepared. */
  readonly id?: number;
}
