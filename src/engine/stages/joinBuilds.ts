import { required } from "../../common/assert.js";
import { planPartitions, resolveSource } from "../../io/sources.js";
import type { PlannedStep, WorkerStage } from "../../planner/stages.js";
import type { JoinBuild } from "../../task/protocol.js";
import { ofScratch } from "../../worker/scratchError.js";
import type { RunContext } from "../context.js";

/** The right sides of a stage's joins by step, with the partitions that every task reads. The same for all tasks. */
export async function joinBuilds(stage: WorkerStage, run: RunContext): Promise<ReadonlyMap<PlannedStep, JoinBuild>> {
  const builds = new Map<PlannedStep, JoinBuild>();
  for (const planned of stage.steps) {
    if (planned.step.op === "join") builds.set(planned, await joinBuild(planned, run));
  }
  return builds;
}

async function joinBuild({ step, build }: PlannedStep, run: RunContext): Promise<JoinBuild> {
  const from = required(build, "right side of a join");
  const { schema } = from;
  if (step.op !== "join") throw new TypeError("only a join has a right side");
  let { source } = step.build.scan;
  if (from.kind === "exchange") {
    const paths = run.exchangeFiles(from.exchange).map((file) => file.path);
    // An earlier stage without partitions leaves no file.
    if (paths.length === 0) return step.build;
    try {
      source = await resolveSource({ format: "parquet", paths, schema, onReject: "fail", rejectLimits: {} });
    } catch (error) {
      throw ofScratch(error);
    }
  }
  return { scan: { source, schema }, parts: await planPartitions(source, run.settings.partitionBytes) };
}
