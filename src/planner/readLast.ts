import { stageExchanges } from "./stageOrder.js";
import type { PhysicalPlan, Stage } from "./stages.js";

/** The exchanges that a stage reads and nothing after it does. */
export function readLast(stage: Stage, { stages, outputs }: PhysicalPlan): number[] {
  const later = new Set(stages.slice(stages.indexOf(stage) + 1).flatMap((one) => stageExchanges(one).reads));
  for (const output of outputs) if (output.kind === "rows" && output.exchange !== null) later.add(output.exchange);
  return stageExchanges(stage).reads.filter((exchange) => !later.has(exchange));
}
