import type { RunMetrics } from "../../report/model.js";

/** What the coordinator counted; the rest of a report's material is the same for every run of an engine. */
export type CountedMetrics = Omit<RunMetrics, "flow" | "versions" | "settings">;
