import { planError } from "../common/errors.js";
import type { CheckAction, CheckDimension, CheckSeverity, CheckSpec, CheckTest } from "./checkSpec.js";
import { describe } from "./literal.js";
import { fillOptions, invalidOption, type Option, options } from "./options.js";
import type { LogicalNode, Plan } from "./nodes.js";

/** Options of every check. */
export interface CheckOptions {
  /** Share of the rows that has to pass, 0 to 1; 0.99 by default, 1 for uniqueness and for figures of the whole. */
  readonly threshold?: number;
  /** "warning" by default, "error" where the action is "fail". */
  readonly severity?: CheckSeverity;
  /**
   * "warn" (default): the report says what failed. "quarantine": rows that fail become rejects with code CHECK_FAILED (not for figures
   * of the whole). "fail": when the check does not
   * hold, the run fails with CHECK_FAILED and publishes nothing.
   */
  readonly action?: CheckAction;
  /** Shown in reports; made of the check and its columns by default. */
  readonly name?: string;
}

/** A dataset that checks refer to. */
export interface ReferenceDataset {
  readonly node: LogicalNode;
  readonly data: Plan["data"];
}

/** A check for `dataset.expect`. `N`: the columns it needs, for the type checker alone. */
export interface Check<N extends string = string> {
  readonly spec: CheckSpec;
  /** The other dataset of a check that has one: index 0 of its references. */
  readonly reference: ReferenceDataset | null;
  readonly columns?: N;
}

/** What a builder says of its check; the rest comes from the options. */
export interface CheckParts {
  readonly kind: string;
  readonly dimension: CheckDimension;
  readonly columns: readonly string[];
  readonly expected: string;
  readonly test: CheckTest;
  readonly threshold?: number;
  readonly reference?: ReferenceDataset;
}

const share: Option<number | null> = {
  fallback: null,
  check: (value) =>
    typeof value === "number" && value >= 0 && value <= 1 ? { value } : { expected: "a share from 0 to 1, such as 0.99" },
};

const common = {
  threshold: share,
  severity: options.oneOf<CheckSeverity | "">("", ["info", "warning", "error"]),
  action: options.oneOf<CheckAction>("warn", ["warn", "quarantine", "fail"]),
  name: options.text(""),
};
const commonNames = Object.keys(common);

/** The options that all checks have, apart from a check's own. */
export function splitOptions(given: object | undefined): { readonly own: object; readonly shared: object } {
  const entries = Object.entries(given ?? {});
  return {
    own: Object.fromEntries(entries.filter(([name]) => !commonNames.includes(name))),
    shared: Object.fromEntries(entries.filter(([name]) => commonNames.includes(name))),
  };
}

/** @throws MillraceError Plan/INVALID_OPTION, UNKNOWN_OPTION, INVALID_ARGUMENT */
export function makeCheck<N extends string>(parts: CheckParts, given: object | undefined): Check<N> {
  const where = `check.${parts.kind}`;
  const { threshold, severity, action, name } = fillOptions(given, common, where);
  if (action === "quarantine" && (parts.test.scope === "statistic" || parts.test.scope === "columns")) {
    throw invalidOption(where, "action", '"warn" or "fail", since this check judges no single rows', action);
  }
  const { kind, dimension, columns, expected, test, reference = null } = parts;
  for (const column of columns) requireColumn(column, where);
  return {
    spec: {
      name: name === "" ? [kind, ...columns].join(" ") : name,
      kind,
      dimension,
      columns,
      threshold: threshold ?? parts.threshold ?? 0.99,
      severity: severity !== "" ? severity : action === "fail" ? "error" : "warning",
      action,
      expected,
      test,
    },
    reference,
  };
}

export function requireColumn(value: unknown, where: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw planError("INVALID_ARGUMENT", `${where}: expected a column name, found ${describe(value)}`);
}

/** A column or several. */
export function columnList<N extends string>(value: N | readonly N[], where: string): readonly N[] {
  const list = typeof value === "string" ? [value] : value;
  if (Array.isArray(list) && list.length > 0) return list as readonly N[];
  throw planError("INVALID_ARGUMENT", `${where}: expected a column name or a list of them, found ${describe(value)}`);
}

export function requireReference(value: unknown, where: string): ReferenceDataset {
  if (typeof value === "object" && value !== null && "node" in value && "data" in value) return value as ReferenceDataset;
  throw planError("INVALID_ARGUMENT", `${where}: expected a dataset to compare with, found ${describe(value)}`);
}
