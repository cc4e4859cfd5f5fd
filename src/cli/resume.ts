import { Command } from "commander";
import { listRuns, type RunSummary } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { usageError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { type DeadlineFlags, deadlineOptions, type EngineFlags, runningOptions } from "./options.js";
import { loadPlanFile } from "./planFile.js";
import { runPlan } from "./run.js";
import type { Terminal } from "./terminal.js";

interface ResumeFlags extends EngineFlags, DeadlineFlags {
  readonly json?: boolean;
  readonly report?: string;
  readonly debug?: boolean;
}

/** `millrace resume [RUN]`: goes on with a run that was cut off, with the plan file and the parameters that it had. */
export function resumeCommand(terminal: Terminal, done: (code: number) => void): Command {
  const command = new Command("resume")
    .description("go on with a run that was cut off; work that is done and unchanged is not done again")
    .argument("[run]", "the run's id; the latest unfinished one by default")
    .option("--json", "print events as NDJSON on stdout instead of words")
    .option("--report <file>", "where the JSON run report goes; beside the first output by default");
  for (const option of [...runningOptions(), ...deadlineOptions()]) command.addOption(option);
  return command.action(async (run: string | undefined, flags: ResumeFlags) => done(await resumeRun(terminal, run, flags)));
}

async function resumeRun(terminal: Terminal, runId: string | undefined, flags: ResumeFlags): Promise<number> {
  const runs = listRuns(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir });
  const run =
    runId === undefined ? runs.findLast(({ state }) => state === "unfinished") : runs.find((one) => one.runId === runId);
  if (run === undefined && runId === undefined) return nothingUnfinished(terminal, runs, flags);
  if (run === undefined) throw notFound(runId ?? "", runs);
  const { planFile } = run;
  if (planFile === null) {
    throw usageError(
      "RUN_NOT_RESUMABLE",
      `run ${run.runId} was started by a program, not from a plan file`,
      `Resume it there: engine.run(plan, { resume: ${JSON.stringify(run.runId)} }).`,
    );
  }
  if (flags.json !== true) terminal.err(`${run.runId}: ${run.job}, ${run.state}, ${run.done} tasks done\n`);
  const plan = await inFolder(run.workingFolder, () => loadPlanFile(planFile, textsOf(run.parameters)));
  return runPlan(terminal, { plan, planFile, job: run.job, parameters: run.parameters, resume: run.runId }, flags);
}

/** A plan names its files as they were named where it was run first. */
async function inFolder<T>(folder: string, action: () => Promise<T>): Promise<T> {
  if (folder !== process.cwd()) process.chdir(folder);
  return action();
}

const textsOf = (parameters: RunSummary["parameters"]) =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]));

function nothingUnfinished(terminal: Terminal, runs: readonly RunSummary[], flags: ResumeFlags): number {
  const running = runs.filter(({ state }) => state === "running");
  const also = running.map(({ runId, pid }) => ` Process ${pid} works on ${runId}.`).join("");
  if (flags.json === true) terminal.out(jsonLine({ kind: "nothing-to-resume" }));
  else terminal.err(`There is no unfinished run.${also}\n`);
  return exitCodes.ok;
}

function notFound(runId: string, runs: readonly RunSummary[]): Error {
  const latest = runs.slice(-3).map((run) => run.runId);
  const hint = latest.length === 0 ? "No run of this state folder wrote to sinks." : `The latest are ${latest.join(", ")}.`;
  return usageError("RUN_NOT_FOUND", `there is no run ${JSON.stringify(runId)} that could be resumed`, hint);
}
