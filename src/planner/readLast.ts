import { assertNever } from "../common/assert.js";
import { verdictsOf } from "./stageOrder.js";
import type { PhysicalPlan, Stage } from "./stages.js";

/** The exchanges that a stage reads and nothing after it does. */
export function readLast(stage: Stage, { stages, outputs }: PhysicalPlan): number[] {
  const later = new Set(stages.slice(stages.indexOf(stage) + 1).flatMap(exchangesRead));
  for (const output of outputs) if (output.kind === "rows" && output.exchange !== null) later.add(output.exchange);
  return exchangesRead(stage).filter((exchange) => !later.has(exchange));
}

function exchangesRead(stage: Stage): readonly number[] {
  switch (stage.kind) {
    case "worker": {
      const builds = stage.steps.flatMap(({ build }) => (build?.kind === "exchange" ? [build.exchange] : []));
      const { input } = stage;
      const beside = [...builds, ...verdictsOf(stage)];
      if (input.kind === "source") return beside;
      return [input.exchange, ...(input.beside === undefined ? [] : [input.beside.exchange]), ...beside];
    }
    case "duckdb":
      return stage.inputs;
    case "ingest":
      return [];
    default:
      return assertNever(stage, "stage");
  }
}
