import type { Step } from "./protocol.js";

/** Steps that end in files of an exchange. */
export type FileStep = Extract<
  Step,
  { op: "exchange" | "groupExchange" | "sortRuns" | "keyExchange" | "window" | "keepOne" | "bucketJoin" }
>;

export function writesExchange(step: Step): step is FileStep {
  switch (step.op) {
    case "exchange":
    case "groupExchange":
    case "sortRuns":
    case "keyExchange":
    case "window":
    case "keepOne":
    case "bucketJoin":
      return true;
    default:
      return false;
  }
}
