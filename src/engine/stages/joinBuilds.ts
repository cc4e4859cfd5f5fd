import { required } from "../../common/assert.js";
import { planPartitions, resolveSource } from "../../io/sources.js";
import { verdictSchema } from "../../plan/checkVerdicts.js";
import { exchangeSource } from "../../planner/broadcast.js";
import type { Schema } from "../../schema/types.js";
import type { PlannedStep, WorkerStage } from "../../planner/stages.js";
import type { RowsBuild } from "../../task/protocol.js";
import { ofScratch } from "../../worker/scratchError.js";
import type { RunContext } from "../context.js";

/** What every task of a stage reads as a whole for a step: the right side of a join, the verdicts of checks. */
export async function joinBuilds(stage: WorkerStage, run: RunContext): Promise<ReadonlyMap<PlannedStep, readonly RowsBuild[]>> {
  const builds = new Map<PlannedStep, readonly RowsBuild[]>();
  for (const planned of stage.steps) {
    if (planned.step.op === "join") builds.set(planned, [await joinBuild(planned, run)]);
    const verdicts: RowsBuild[] = [];
    for (const exchange of planned.verdicts ?? []) verdicts.push(await verdictRows(exchange, run));
    if (verdicts.length > 0) builds.set(planned, verdicts);
  }
  return builds;
}

async function verdictRows(exchange: number, run: RunContext): Promise<RowsBuild> {
  const schema = verdictSchema;
  return (await exchangeRows(exchange, schema, run)) ?? { scan: { source: exchangeSource(schema), schema }, parts: [] };
}

/** null: an earlier stage without partitions leaves no file. */
async function exchangeRows(exchange: number, schema: Schema, run: RunContext): Promise<RowsBuild | null> {
  const paths = run.exchangeFiles(exchange).map((file) => file.path);
  if (paths.length === 0) return null;
  try {
    const source = await resolveSource({ format: "parquet", paths, schema, onReject: "fail", rejectLimits: {} });
    return { scan: { source, schema }, parts: await planPartitions(source, run.settings.partitionBytes) };
  } catch (error) {
    throw ofScratch(error);
  }
}

async function joinBuild({ step, build }: PlannedStep, run: RunContext): Promise<RowsBuild> {
  const from = required(build, "right side of a join");
  const { schema } = from;
  if (step.op !== "join") throw new TypeError("only a join has a right side");
  if (from.kind === "exchange") return (await exchangeRows(from.exchange, schema, run)) ?? step.build;
  const { source } = step.build.scan;
  return { scan: { source, schema }, parts: await planPartitions(source, run.settings.partitionBytes) };
}
