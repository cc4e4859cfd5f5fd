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
  return physical.stages.map((stage) => {
    const { id, name, kind, reason } = stage;
    const reads = stageExchanges(stage).reads.flatMap((exchange) => writer.get(exchange) ?? []);
    const verdicts = verdictsOf(stage).flatMap((exchange) => writer.get(exchange) ?? []);
    const outputs = [...writtenBy(stage), ...delivered.flatMap((one) => (one.stage === id ? [one.index] : []))];
    return {
      id,
      name,
      kind,
      reason,
      sources: sourcesOf(stage),
      reads: [...new Set(reads)],
      ...(verdicts.length === 0 ? {} : { verdicts: [...new Set(verdicts)] }),
      outputs: [...new Set(outputs)].filter((output) => output < checksFrom),
      checks: outputs.some((output) => output >= checksFrom),
    };
  });
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
