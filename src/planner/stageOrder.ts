import { assertNever, required } from "../common/assert.js";
import { exchangesRead, type Stage } from "./stages.js";

/** Exchanges a stage writes and reads. */
export function stageExchanges(stage: Stage): { readonly reads: readonly number[]; readonly writes: readonly number[] } {
  switch (stage.kind) {
    case "worker":
      return {
        reads: [
          ...exchangesRead(stage),
          ...(stage.input.kind === "exchange" && stage.input.beside !== undefined ? [stage.input.beside.exchange] : []),
          ...stage.steps.flatMap(({ build }) => (build?.kind === "exchange" ? [build.exchange] : [])),
          ...verdictsOf(stage),
        ],
        writes: stage.steps.flatMap((step) => (step.exchange === null ? [] : [step.exchange])),
      };
    case "duckdb":
      return { reads: stage.inputs, writes: stage.target.kind === "exchange" ? [stage.target.exchange] : [] };
    case "ingest":
      return { reads: [], writes: [stage.exchange] };
    default:
      return assertNever(stage, "stage");
  }
}

/** Exchanges whose rows say which rows a stage sets aside. */
export const verdictsOf = (stage: Stage): readonly number[] =>
  stage.kind === "worker" ? stage.steps.flatMap(({ verdicts }) => verdicts ?? []) : [];

/** Sorts stages so that readers come after writers, and numbers them. */
export function inOrder(stages: readonly Stage[]): Stage[] {
  const writer = new Map<number, Stage>();
  for (const stage of stages) for (const exchange of stageExchanges(stage).writes) writer.set(exchange, stage);
  const sorted: Stage[] = [];
  const visit = (stage: Stage): void => {
    if (sorted.includes(stage)) return;
    for (const exchange of stageExchanges(stage).reads) visit(required(writer.get(exchange), "writer of an exchange"));
    sorted.push(stage);
  };
  for (const stage of stages) visit(stage);
  return sorted.map((stage, id) => ({ ...stage, id }));
}
