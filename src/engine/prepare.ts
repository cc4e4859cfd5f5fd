import { required } from "../common/assert.js";
import { bindPlan } from "../plan/bind.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import { planChecks } from "../plan/checkQueries.js";
import type { Plan, SourceSpec } from "../plan/nodes.js";
import { sourceKey, sourcesOf } from "../plan/walk.js";
import { optimize, rules } from "../optimize/optimize.js";
import { narrowSources } from "./narrowSources.js";
import { type Explanation, explain } from "../planner/explain.js";
import { queriesMayFail } from "../planner/placement.js";
import { planStages } from "../planner/plan.js";
import type { PhysicalPlan } from "../planner/stages.js";
import { describeSql } from "../duckdb/stage.js";
import { resolveSource } from "../io/sources.js";
import { planError } from "../common/errors.js";
import type { PreparedChecks } from "./stages/checkFindings.js";
import type { EngineSettings } from "./options.js";
import { RowFeed } from "./stages/rowFeed.js";
import { StreamReader } from "../io/streamRead.js";
import { StreamInput } from "../plan/stream.js";

/** A stream of the program, and the source that its text is. */
export interface StreamFeed {
  readonly reader: StreamReader;
  readonly text: ResolvedSource;
}

/** A plan that is ready to run: sources found, names and types checked, stages cut. */
export interface PreparedPlan {
  readonly bound: readonly BoundNode[];
  /** Whether a query may fail for a single row, in which case `replanned` gives a plan that rejects the row instead. */
  readonly queriesMayFail: boolean;
  readonly physical: PhysicalPlan;
  readonly broadcastBytes: number;
  /** As the settings say; it decides how aggregations are cut. */
  readonly partitionBytes: number;
  readonly sources: readonly ResolvedSource[];
  readonly feeds: ReadonlyMap<string, RowFeed | StreamFeed>;
  readonly checks: PreparedChecks;
}

/** Finds the sources, binds, optimises and cuts into stages. Reads headers and metadata only. */
export async function preparePlan(
  plan: Plan,
  settings: EngineSettings,
  change: (source: ResolvedSource, number: number) => ResolvedSource = (source) => source,
): Promise<PreparedPlan> {
  const feeds: Feeds = new Map();
  const sources = new Map<string, ResolvedSource>();
  for (const spec of sourcesOf(plan.outputs)) {
    const source = await resolved(spec, plan, feeds);
    sources.set(sourceKey(spec), change(source, sources.size));
  }
  const find = (spec: SourceSpec): ResolvedSource => {
    const source = sources.get(sourceKey(spec));
    if (source === undefined) throw new TypeError("a source was not resolved");
    return source;
  };
  const { outputs, checks, queries, shapes } = planChecks(plan.outputs);
  const side = [...queries, ...shapes].map(({ node }) => node);
  const all = await bindPlan([...outputs, ...side], find, describeSql);
  const bound = all.slice(0, outputs.length + queries.length);
  const seen = shapes.map(({ check }, i) => ({ check, schema: required(all[bound.length + i], "columns").schema }));
  const whole = { outputs: optimize(bound, settings.optimizer ? rules : []), sources: [...sources.values()] };
  const { outputs: optimised, sources: read } = settings.optimizer ? narrowSources(whole.outputs, whole.sources) : whole;
  const { broadcastBytes } = settings;
  const mayFail = queriesMayFail(optimised, broadcastBytes);
  return {
    bound: optimised,
    queriesMayFail: mayFail,
    physical: planStages(optimised, "failQuery", broadcastBytes, settings.partitionBytes),
    broadcastBytes,
    partitionBytes: settings.partitionBytes,
    sources: read,
    feeds,
    checks: { checks, queries, firstOutput: outputs.length, shapes: seen },
  };
}

/** The same plan with everything that can fail for a row in workers, which reject it. */
export const replanned = (prepared: PreparedPlan): PreparedPlan => ({
  ...prepared,
  queriesMayFail: false,
  physical: planStages(prepared.bound, "rejectRows", prepared.broadcastBytes, prepared.partitionBytes),
});

export const explainPrepared = (prepared: PreparedPlan): Explanation => explain(prepared.bound, prepared.physical);

type Feeds = Map<string, RowFeed | StreamFeed>;

async function resolved(spec: SourceSpec, plan: Plan, feeds: Feeds): Promise<ResolvedSource> {
  if (spec.format === "rows") return resolveRows(spec, plan, feeds);
  if (spec.format !== "sql") return resolveSource(spec);
  // Loaded for such a source alone, and DuckDB's library with it.
  const { resolveSqlSource } = await import("../duckdb/source.js");
  return resolveSqlSource(spec);
}

async function resolveRows(spec: Extract<SourceSpec, { format: "rows" }>, plan: Plan, feeds: Feeds): Promise<ResolvedSource> {
  const rows = plan.data.get(spec.id);
  if (rows === undefined) {
    throw planError("ROWS_MISSING", "the plan reads rows of a program, but they are not with it", {
      hint: "Run the plan in the program that made it with read.rows.",
    });
  }
  if (rows instanceof StreamInput) {
    const reader = StreamReader.open(rows);
    const text = await reader.resolve(spec);
    feeds.set(spec.id, { reader, text });
    return { spec, files: [], schema: text.schema, partitionColumns: [], rows: null };
  }
  const feed = await RowFeed.open(rows);
  feeds.set(spec.id, feed);
  return {
    spec,
    files: [],
    schema: spec.schema ?? (await feed.inferSchema()),
    partitionColumns: [],
    rows: Array.isArray(rows) ? rows.length : null,
  };
}
