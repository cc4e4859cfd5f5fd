import { required } from "../common/assert.js";
import { MillraceError } from "../common/errors.js";
import { unpacked } from "../kernels/groups/packedValues.js";
import type { CheckQuery } from "../plan/checkQueries.js";
import { type CheckSpec, type Drift, hasVerdict, tallied } from "../plan/checkSpec.js";
import { mergeTallies, mostFrequent, type ValueTally } from "../runtime/valueTally.js";
import type { Schema } from "../schema/types.js";
import type { CheckTally } from "../task/protocol.js";
import { type CheckOutcome, checkResult, checkText, type FailingSample, type QualityReport, qualityReport } from "./results.js";

/** A row of a check's query: values by column, 64-bit integers as bigint. */
export interface QueryRow {
  readonly [column: string]: unknown;
}

/** Everything that the checks of a run left. */
export interface CheckFindings {
  readonly checks: readonly CheckSpec[];
  /** In partition order. */
  readonly tallies: readonly CheckTally[];
  readonly queries: readonly { readonly query: CheckQuery; readonly rows: readonly QueryRow[] }[];
  /** Columns of the datasets that checks of columns are about. */
  readonly shapes: readonly { readonly check: number; readonly schema: Schema }[];
  /** Figures of a check in earlier accepted runs, latest first. */
  readonly earlier?: (check: string) => readonly number[];
}

const mostSamples = 5;
const mostValues = 10;

/** The verdicts. The same for any number of workers and any partitioning. */
export function decideChecks(findings: CheckFindings): QualityReport {
  return qualityReport(findings.checks.map((spec, id) => checkResult(spec, outcomeOf(spec, id, findings))));
}

/** @throws MillraceError Data/CHECK_FAILED when a check with action "fail" does not hold. */
export function requireChecks(report: QualityReport): void {
  const broken = report.checks.filter((check) => check.action === "fail" && check.verdict === "failed");
  const [first] = broken;
  if (first === undefined) return;
  const sample = first.samples.find(({ file }) => file !== null);
  const more = broken.length > 1 ? `, and ${broken.length - 1} more checks do not hold` : "";
  throw new MillraceError("Data", "CHECK_FAILED", `${checkText(first)}${more}`, {
    ...(first.field === null ? {} : { column: first.field }),
    ...(sample?.file == null ? {} : { file: sample.file }),
    ...(sample?.line == null ? {} : { line: sample.line }),
    ...(sample?.byte == null ? {} : { byte: sample.byte }),
    hint: "Nothing was published. Repair the data, or change the check's threshold or action.",
  });
}

function outcomeOf(spec: CheckSpec, id: number, findings: CheckFindings): CheckOutcome {
  const query = (kind: CheckQuery["kind"]): readonly QueryRow[] =>
    findings.queries.find(({ query }) => query.kind === kind && query.checks.includes(id))?.rows ?? [];
  const { scope } = spec.test;
  if (hasVerdict(spec)) return verdictOutcome(spec, id, findings, query("agreement")[0]);
  switch (scope) {
    case "row":
      return rowOutcome(
        spec,
        findings.tallies.filter((tally) => tally.check === id),
      );
    case "columns":
      return columnsOutcome(
        spec,
        required(
          findings.shapes.find(({ check }) => check === id),
          "columns",
        ).schema,
      );
    case "statistic":
      if (spec.test.drift !== undefined)
        return driftOutcome(id, query("figures")[0], spec.test.drift, findings.earlier?.(spec.name) ?? []);
      return figureOutcome(id, query("figures")[0]);
    case "unique":
    case "references":
      return groupsOutcome(spec, count(query("figures")[0]?.[`t${id}`]), query("groups"));
    default:
      return agreementOutcome(spec, query("agreement")[0], query("differing"));
  }
}

/** Rows whose key the reference does not have are not counted. */
function verdictOutcome(spec: CheckSpec, id: number, findings: CheckFindings, agreement: QueryRow | undefined): CheckOutcome {
  const outcome = rowOutcome(
    spec,
    findings.tallies.filter((tally) => tally.check === id),
  );
  return spec.test.scope === "agrees" ? { ...outcome, total: count(agreement?.total) } : outcome;
}

function rowOutcome(spec: CheckSpec, tallies: readonly CheckTally[]): CheckOutcome {
  const samples: FailingSample[] = [];
  const columns = tallied(spec);
  let [total, failed, threw] = [0, 0, 0];
  for (const tally of tallies) {
    total += tally.total;
    failed += tally.failed;
    threw += tally.threw;
    for (const { file, line, byte, values: found, message } of tally.samples.slice(0, mostSamples - samples.length)) {
      samples.push({ file: file === "" ? null : file, line, byte, values: byColumn(columns, found), message });
    }
  }
  const packed = unpacked(tallies.flatMap((tally) => tally.packed ?? []));
  const unexpected = mergeTallies([...tallies.map((tally) => tally.unexpected), ...packed]);
  return { total, failed, threw, samples, unexpected: mostFrequent(unexpected, mostValues) };
}

const byColumn = (columns: readonly string[], values: readonly (string | null)[]): FailingSample["values"] =>
  Object.fromEntries(columns.map((column, i) => [column, values[i] ?? null]));

function columnsOutcome(spec: CheckSpec, schema: Schema): CheckOutcome {
  const found = schema.map(({ name }) => name);
  const exact = spec.test.scope === "columns" && spec.test.exact;
  const missing = spec.columns.filter((name) => !found.includes(name));
  const same = found.length === spec.columns.length && found.every((name, i) => name === spec.columns[i]);
  const holds = exact ? same : missing.length === 0;
  return { total: 1, failed: holds ? 0 : 1, observed: found.join(", ") };
}

/** A figure that cannot be computed (no rows, or none with a value) does not hold. */
function figureOutcome(id: number, row: QueryRow | undefined): CheckOutcome {
  const observed = row?.[`v${id}`];
  return { total: 1, failed: row?.[`ok${id}`] === true ? 0 : 1, observed: typeof observed === "string" ? observed : "no value" };
}

/** The first runs of a job have nothing to drift from. */
function driftOutcome(id: number, row: QueryRow | undefined, drift: Drift, past: readonly number[]): CheckOutcome {
  const observed = row?.[`v${id}`];
  if (typeof observed !== "string") return { total: 1, failed: 1, observed: "no value" };
  const figure = figureOf(observed);
  const runs = past.slice(0, drift.runs);
  if (runs.length < drift.atLeast || runs.length === 0) {
    const few = runs.length === 0 ? "no accepted run" : `only ${runs.length} accepted ${runs.length === 1 ? "run" : "runs"}`;
    return { total: 1, failed: 0, observed: `${observed}, ${few} before`, figure };
  }
  const usual = runs.reduce((sum, value) => sum + value, 0) / runs.length;
  // NaN and infinite figures are near nothing.
  const holds = figure === usual || Math.abs(figure - usual) <= drift.within * Math.abs(usual);
  const of = `usual ${usual} (${runs.length} ${runs.length === 1 ? "run" : "runs"})`;
  return { total: 1, failed: holds ? 0 : 1, observed: `${observed}, ${of}`, figure };
}

/** DuckDB's spelling of a number. */
function figureOf(text: string): number {
  if (text === "inf" || text === "-inf") return text === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return Number(text);
}

function groupsOutcome(spec: CheckSpec, total: number, rows: readonly QueryRow[]): CheckOutcome {
  const failed = count(rows[0]?.failed);
  const texts = rows.map((row) => ({ values: spec.columns.map((_, i) => textOf(row[`v${i}`])), count: count(row.n) }));
  const samples = texts.slice(0, mostSamples).map(({ values }) => nowhere(byColumn(spec.columns, values)));
  const unexpected: ValueTally = {
    values: texts.map(({ values, count }) => ({ value: values.map((value) => value ?? "null").join(", "), count })),
    complete: rows.length < mostValues,
  };
  return { total, failed, samples, unexpected };
}

function agreementOutcome(spec: CheckSpec, row: QueryRow | undefined, differing: readonly QueryRow[]): CheckOutcome {
  const key = spec.test.scope === "agrees" ? spec.test.key : [];
  const field = required(spec.columns[0], "column of a check");
  const samples = differing.map((one) => {
    const keys = key.map((name, i): [string, string | null] => [name, textOf(one[`k${i}`])]);
    return nowhere(Object.fromEntries([...keys, [field, textOf(one.v0)], ["reference", textOf(one.v1)]]));
  });
  return { total: count(row?.total), failed: count(row?.failed), samples };
}

const nowhere = (values: FailingSample["values"]): FailingSample => ({
  file: null,
  line: null,
  byte: null,
  values,
  message: null,
});
const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);
const count = (value: unknown): number => Number(value ?? 0);
