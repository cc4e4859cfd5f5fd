import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Bound } from "../expr/nodes.js";
import { boundChildren, mapBound } from "../expr/walk.js";
import { RowFailure } from "../functions/definition.js";
import { valueToLiteral } from "../functions/literal.js";
import { anyRange, mayHold } from "../functions/mayHold.js";
import { sureTerms } from "../functions/sureTerms.js";
import { ownCondition } from "../io/folderColumns.js";
import { interpret } from "../kernels/expressions/interpret.js";
import { rewrite, topological } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "../plan/bound.js";
import { noteAmong } from "../plan/statistics.js";

type Scan = Extract<BoundNode, { kind: "scan" }>;

/** Sources of which files are left out that need no reading: the values of their folders exclude the filter of every scan of theirs. */
export interface Narrowed {
  readonly outputs: readonly BoundNode[];
  readonly sources: readonly ResolvedSource[];
}

/** Leaves files out of a plan's sources. Scans of one source go on sharing it, since its rejects and limits are counted together. */
export function narrowSources(outputs: readonly BoundNode[], sources: readonly ResolvedSource[]): Narrowed {
  const narrowed = new Map<ResolvedSource, ResolvedSource>();
  const conditions = conditionsOf(outputs);
  for (const source of sources) {
    const scans = source.partitionColumns.length === 0 ? [] : scansOf(outputs, source);
    const files = source.files.filter((_, i) => scans.some((scan) => isWanted(scan, i, conditions.get(scan) ?? [null])));
    if (scans.length > 0 && files.length < source.files.length) narrowed.set(source, withFiles(source, files));
  }
  if (narrowed.size === 0) return { outputs, sources };
  const of = (source: ResolvedSource) => narrowed.get(source) ?? source;
  return {
    outputs: rewrite(outputs, (node) => (node.kind === "scan" ? { ...node, source: of(node.source) } : node)),
    sources: sources.map(of),
  };
}

const scansOf = (outputs: readonly BoundNode[], source: ResolvedSource): Scan[] =>
  topological(outputs).filter((node) => node.kind === "scan" && node.source === source) as Scan[];

/** For each scan the conditions of the filters that read it, null for a reader that wants every row. */
function conditionsOf(outputs: readonly BoundNode[]): ReadonlyMap<Scan, readonly (Bound | null)[]> {
  const conditions = new Map<Scan, (Bound | null)[]>();
  for (const node of topological(outputs)) {
    for (const input of boundInputs(node)) {
      if (input.kind !== "scan") continue;
      const condition = node.kind === "filter" ? node.predicate : null;
      conditions.set(input, [...(conditions.get(input) ?? []), condition]);
    }
  }
  return conditions;
}

/** Whether a row of the file may meet one of the conditions. */
function isWanted({ source, schema }: Scan, file: number, conditions: readonly (Bound | null)[]): boolean {
  return conditions.some((condition) => {
    const own = condition === null ? null : ownCondition(condition, schema, source, file);
    const sure = own === null ? null : sureTerms([mapBound(own, computed)]);
    return sure === null || mayHold(sure, () => anyRange);
  });
}

/** The value of an expression over literals alone, as a literal; what cannot be computed, and a user's function, stays. */
function computed(node: Bound): Bound {
  const parts = boundChildren(node);
  if (node.kind === "udf" || parts.length === 0 || parts.some(({ kind }) => kind !== "literal")) return node;
  try {
    const value = interpret(node)(noColumn, noFunction);
    return { kind: "literal", value: valueToLiteral(value, node.type), type: node.type, nullable: value === null };
  } catch (thrown) {
    if (thrown instanceof RowFailure) return node;
    throw thrown;
  }
}

const noColumn = () => {
  throw internalError("a constant has a column");
};
const noFunction = () => {
  throw internalError("a constant calls a function");
};

function withFiles(source: ResolvedSource, files: ResolvedSource["files"]): ResolvedSource {
  const known = files.every(({ rows }) => rows !== undefined);
  noteAmong(source.files, files);
  const rows = known ? files.reduce((sum, file) => sum + required(file.rows, "rows of a file"), 0) : null;
  return { ...source, files, found: source.files.length, rows };
}
