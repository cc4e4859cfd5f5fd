import { planError } from "../common/errors.js";
import { describe } from "./literal.js";
import type { Plan } from "./nodes.js";

/**
 * Several sinks as one plan: what they share is read and computed once, and they become visible together or not at all.
 */
function all(...plans: readonly (Plan | readonly Plan[])[]): Plan {
  const flat = plans.flat() as readonly Plan[];
  if (flat.length === 0) throw planError("INVALID_ARGUMENT", "plan.all: expected at least one plan");
  for (const plan of flat) {
    if (!Array.isArray((plan as Partial<Plan> | null)?.outputs)) {
      throw planError("INVALID_ARGUMENT", `plan.all: expected plans, found ${describe(plan)}`, {
        hint: "A plan ends in a sink: dataset.write.parquet(path).",
      });
    }
  }
  if (flat.some((one) => one.stream !== undefined)) {
    throw planError("INVALID_ARGUMENT", "plan.all: write.stream cannot be one of several outputs", {
      hint: "Run it as a plan of its own: what a stream has taken cannot be published together with files.",
    });
  }
  return { outputs: flat.flatMap((plan) => plan.outputs), data: new Map(flat.flatMap((plan) => [...plan.data])) };
}

export const plan = { all } as const;
