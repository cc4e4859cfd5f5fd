import { resolve } from "node:path";
import { packageFile } from "../../common/packageFile.js";
import type { ResolvedSource } from "../../plan/bound.js";
import { canonicalJson, sha256 } from "../../plan/canonical.js";
import { planFingerprint, planToJson } from "../../plan/json.js";
import type { Plan } from "../../plan/nodes.js";
import type { EngineSettings } from "../options.js";
import type { RunOptions } from "../runs/run.js";
import type { RunHeader, Shaping } from "./journal.js";
import { withoutFunctions } from "./taskIdentity.js";

/** A plan apart from its functions, and those by name. Rows of the program count by the order in which the plan names them. */
export function outlineOf(plan: Plan): { readonly planShape: string; readonly functions: RunHeader["functions"] } {
  const functions: Record<string, string> = {};
  const ids = new Map<unknown, string>();
  const nodes = planToJson(plan).nodes.map((node) => {
    const source = node.kind === "scan" ? (node.source as { readonly format: string; readonly id?: string }) : undefined;
    if (source?.format !== "rows") return node;
    const id = ids.get(source.id) ?? `rows-${ids.size + 1}`;
    ids.set(source.id, id);
    return { ...node, source: { ...source, id } };
  });
  return { planShape: sha256(canonicalJson(withoutFunctions(nodes, functions))), functions };
}

/** Absolute paths of what a plan writes. */
export const targetsOf = (plan: Plan): string[] =>
  plan.outputs.flatMap((output) => (output.kind === "sink" ? [resolve(output.sink.path)] : []));

export const shapingOf = ({ partitionBytes, broadcastBytes, optimizer }: EngineSettings): Shaping => ({
  partitionBytes,
  broadcastBytes,
  optimizer,
});

export const inputsOf = (sources: readonly ResolvedSource[]): RunHeader["inputs"] =>
  sources.flatMap((source) => source.files.map(({ path, bytes, modifiedMs }) => ({ path, bytes, modifiedMs })));

export interface HeaderParts {
  readonly runId: string;
  readonly startMs: number;
  readonly plan: Plan;
  readonly options: RunOptions;
  readonly settings: EngineSettings;
  readonly sources: readonly ResolvedSource[];
}

export const runHeader = ({ runId, startMs, plan, options, settings, sources }: HeaderParts): RunHeader => ({
  kind: "run",
  version: 1,
  runId,
  job: options.job ?? "job",
  product: packageFile().version,
  node: process.version,
  startMs,
  planFingerprint: planFingerprint(plan),
  ...outlineOf(plan),
  inputs: inputsOf(sources),
  targets: targetsOf(plan),
  parameters: options.parameters ?? {},
  planFile: options.planFile === undefined ? null : resolve(options.planFile),
  workingFolder: process.cwd(),
  shaping: shapingOf(settings),
});
