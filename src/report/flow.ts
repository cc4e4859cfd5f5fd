import { assertNever } from "../common/assert.js";
import { topological } from "../optimize/rewrite.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import type { SourceSpec } from "../plan/nodes.js";
import { sizeBound } from "../planner/size.js";
import { stageExchanges, verdictsOf } from "../planner/stageOrder.js";
import type { PhysicalPlan, Stage } from "../planner/stages.js";
import type { FlowSource, StageFlow } from "./model.js";

/**
 * Where the rows of every stage come from and go to. Pure.
 * @param checksFrom outputs from this number on are queries of checks, and no outputs of the plan
 */
export function stageFlows(physical: PhysicalPlan, checksFrom: number): StageFlow[] {
  const writer = new Map<number, number>();
  for (const stage of physical.stages) for (const exchange of stageExchanges(stage).writes) writer.set(exchange, stage.id);
  /** Outputs whose rows are read back from an exchange. */
  const delivered = physical.outputs.flatMap((output, index) =>
    output.kind === "rows" && output.exchange !== null ? [{ stage: writer.get(output.exchange), index }] : [],
  );
  const forChecks = new CheckParts(physical, checksFrom);
  return physical.stages.map((stage) => {
    const { id, name, reason } = stage;
    const isQuery = stage.kind === "ingest" && stage.source.spec.format === "sql";
    const checkSteps = forChecks.steps(stage);
    const reads = stageExchanges(stage).reads.flatMap((exchange) => writer.get(exchange) ?? []);
    const verdicts = verdictsOf(stage).flatMap((exchange) => writer.get(exchange) ?? []);
    const outputs = [...writtenBy(stage), ...delivered.flatMap((one) => (one.stage === id ? [one.index] : []))];
    return {
      id,
      name,
      kind: isQuery ? "duckdb" : stage.kind,
      reason,
      sources: sourcesOf(stage),
      reads: [...new Set(reads)],
      ...(verdicts.length === 0 ? {} : { verdicts: [...new Set(verdicts)] }),
      ...(checkSteps.length === 0 ? {} : { checkSteps }),
      outputs: [...new Set(outputs)].filter((output) => output < checksFrom),
      checks: outputs.some((output) => output >= checksFrom),
    };
  });
}

/** Finds what serves checks alone in a plan. */
class CheckParts {
  private readonly known = new Map<number, boolean>();

  constructor(
    private readonly physical: PhysicalPlan,
    private readonly checksFrom: number,
  ) {}

  /** Steps of a stage whose rows go to checks alone, in a stage whose other rows go elsewhere too. */
  steps(stage: Stage): number[] {
    if (stage.kind !== "worker") return [];
    const serves = stage.steps.map(() => ({ checks: false, others: false }));
    stage.steps.forEach(({ exchange, output }, i) => {
      if (exchange === null && output === null) return;
      const checks = (exchange === null || this.exchange(exchange)) && (output === null || output >= this.checksFrom);
      for (let at = i; at >= 0; at = stage.steps[at]?.step.input ?? -1) {
        const one = serves[at];
        if (one !== undefined) one[checks ? "checks" : "others"] = true;
      }
    });
    return serves.flatMap(({ checks, others }, i) => (checks && !others ? [i] : []));
  }

  /** Whether all that reads an exchange serves checks alone. */
  private exchange(exchange: number): boolean {
    const before = this.known.get(exchange);
    if (before !== undefined) return before;
    const { stages, outputs } = this.physical;
    const delivered = outputs.every(
      (output, i) => output.kind !== "rows" || output.exchange !== exchange || i >= this.checksFrom,
    );
    const found =
      delivered &&
      stages.every((stage) => {
        const reads = stageExchanges(stage).reads.filter((one) => one === exchange).length;
        const judges = verdictsOf(stage).filter((one) => one === exchange).length;
        return reads === judges || this.stage(stage);
      });
    this.known.set(exchange, found);
    return found;
  }

  private stage(stage: Stage): boolean {
    const { writes } = stageExchanges(stage);
    return writtenBy(stage).every((output) => output >= this.checksFrom) && writes.every((one) => this.exchange(one));
  }
}

function writtenBy(stage: Stage): number[] {
  switch (stage.kind) {
    case "worker":
      return stage.steps.flatMap(({ output }) => output ?? []);
    case "duckdb":
      return stage.target.kind === "exchange" ? [] : [stage.target.output];
    case "ingest":
      return [];
    default:
      return assertNever(stage, "stage");
  }
}

function sourcesOf(stage: Stage): FlowSource[] {
  switch (stage.kind) {
    case "worker": {
      const builds = stage.steps.flatMap(({ build }) => (build?.kind === "source" ? [flowSource(build.source)] : []));
      return stage.input.kind === "source" ? [flowSource(stage.input.source), ...builds] : builds;
    }
    case "duckdb": {
      const scans = topological([stage.node]).flatMap((node) => (node.kind === "scan" ? [node.source] : []));
      return [...new Set(scans)].map(flowSource);
    }
    case "ingest":
      return [flowSource(stage.source)];
    default:
      return assertNever(stage, "stage");
  }
}

function pathsOf(spec: SourceSpec): readonly string[] {
  switch (spec.format) {
    case "rows":
      return [];
    case "sql":
      return spec.database === null ? [] : [spec.database];
    default:
      return spec.paths;
  }
}

function flowSource(source: ResolvedSource): FlowSource {
  const { spec, files, schema } = source;
  const scan: BoundNode = { kind: "scan", source, schema };
  const estimate = sizeBound(scan)?.rows ?? null;
  return {
    format: spec.format,
    paths: pathsOf(spec),
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    estimatedRecords: estimate === null ? null : Math.ceil(estimate),
  };
}
