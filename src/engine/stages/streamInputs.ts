import type { Plan } from "../../plan/nodes.js";
import { StreamInput } from "../../plan/stream.js";

/** Ends the streams that a plan reads. */
export function destroyInputs(plan: Plan): void {
  for (const input of plan.data.values()) if (input instanceof StreamInput && !input.readable.destroyed) input.readable.destroy();
}

/** Ends them when the run is stopped, also while it waits for a stream that says nothing. Answers how to undo that. */
export function destroyInputsOnAbort(plan: Plan, signal: AbortSignal | undefined): () => void {
  const stop = (): void => destroyInputs(plan);
  signal?.addEventListener("abort", stop, { once: true });
  return () => signal?.removeEventListener("abort", stop);
}
