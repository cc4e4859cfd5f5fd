import type { CheckAction, CheckDimension, CheckSeverity, CheckSpec } from "../plan/checkSpec.js";
import type { ValueTally } from "../runtime/valueTally.js";

/** A row that failed a check, for people. */
export interface FailingSample {
  /** null where the rows do not come straight from a file. */
  readonly file: string | null;
  /** 1-based. */
  readonly line: number | null;
  readonly byte: number | null;
  /** Values by column, as text. */
  readonly values: { readonly [column: string]: string | null };
  /** Why the check could not be computed for the row; null where it simply failed. */
  readonly message: string | null;
}

/** What a check found. Counts are rows; shares are 0 to 1. */
export interface CheckResult {
  readonly name: string;
  readonly kind: string;
  readonly dimension: CheckDimension;
  /** The column it is about; null for several or none. */
  readonly field: string | null;
  readonly columns: readonly string[];
  /** Rows that were judged: for checks of values those with a value. */
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  /** Of `failed`, rows for which the condition could not be computed. */
  readonly threw: number;
  /** passed / total; 1 where there was nothing to check. */
  readonly passRate: number;
  readonly threshold: number;
  /** `passed` when `passRate` reaches `threshold`. */
  readonly verdict: "passed" | "failed";
  /** A pass rate under 0.9. */
  readonly critical: boolean;
  readonly severity: CheckSeverity;
  readonly action: CheckAction;
  readonly expected: string;
  /** The figure of a check of the whole dataset, as text; else null. */
  readonly observed: string | null;
  /** That figure as a number, for checks of drift: the history keeps it. Absent for the others, and where there is none. */
  readonly figure?: number;
  /** Up to five, in the order of the rows. */
  readonly samples: readonly FailingSample[];
  /** The most frequent values that failed; `complete` when they are all there were. */
  readonly unexpected: ValueTally;
}

/** All checks of a run. */
export interface QualityReport {
  /** Pass rates weighted by records, in percent; 100 without checks. */
  readonly score: number;
  readonly verdict: "passed" | "failed";
  readonly checks: readonly CheckResult[];
}

/** What came of one check, however it was decided. */
export interface CheckOutcome {
  readonly total: number;
  readonly failed: number;
  readonly threw?: number;
  readonly observed?: string | null;
  readonly figure?: number;
  readonly samples?: readonly FailingSample[];
  readonly unexpected?: ValueTally;
}

const criticalRate = 0.9;

export function checkResult(spec: CheckSpec, outcome: CheckOutcome): CheckResult {
  const { name, kind, dimension, columns, threshold, severity, action, expected } = spec;
  const { total, failed } = outcome;
  const passed = total - failed;
  const passRate = total === 0 ? 1 : passed / total;
  return {
    name,
    kind,
    dimension,
    field: columns.length === 1 ? (columns[0] ?? null) : null,
    columns,
    total,
    passed,
    failed,
    threw: outcome.threw ?? 0,
    passRate,
    threshold,
    verdict: passRate >= threshold ? "passed" : "failed",
    critical: passRate < criticalRate,
    severity,
    action,
    expected,
    observed: outcome.observed ?? null,
    ...(outcome.figure === undefined || !Number.isFinite(outcome.figure) ? {} : { figure: outcome.figure }),
    samples: outcome.samples ?? [],
    unexpected: outcome.unexpected ?? { values: [], complete: true },
  };
}

export function qualityReport(checks: readonly CheckResult[]): QualityReport {
  const total = checks.reduce((sum, check) => sum + check.total, 0);
  const passed = checks.reduce((sum, check) => sum + check.passed, 0);
  return {
    score: total === 0 ? 100 : (100 * passed) / total,
    verdict: checks.every((check) => check.verdict === "passed") ? "passed" : "failed",
    checks,
  };
}

/** A check in one line: `notNull email: 9,120 of 10,000 rows (91.2 %, wanted 99 %)`. */
export function checkText(check: CheckResult): string {
  if (check.observed !== null) return `${check.name}: ${check.observed} (expected ${check.expected})`;
  const rows = (value: number) => value.toLocaleString("en-US");
  const rate = `${percent(check.passRate)}, wanted ${percent(check.threshold)}`;
  return `${check.name}: ${rows(check.failed)} of ${rows(check.total)} rows fail (${rate})`;
}

/** A share in percent, never rounded up to 100. */
export function percent(share: number): string {
  const text = (100 * share).toFixed(2).replace(/\.?0+$/, "");
  return `${text === "100" && share < 1 ? "99.99" : text} %`;
}
