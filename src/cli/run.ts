import { basename, dirname, extname, join, resolve } from "node:path";
import { Command } from "commander";
import { Engine } from "../index.js";
import { exitCodeOfError, exitCodeOfRun, exitCodes, type StopSignal, signalExitCode } from "./exitCodes.js";
import { errorDataOf, printError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import {
  type DeadlineFlags,
  deadlineOptions,
  deadlineSettings,
  type EngineFlags,
  engineSettings,
  type Parameters,
  runningOptions,
  setOption,
} from "./options.js";
import { loadPlanFile } from "./planFile.js";
import { type ProgressEvent, ProgressLine } from "./progress.js";
import { stopOnSignals } from "./stop.js";
import { paint, type Terminal } from "./terminal.js";

interface RunFlags extends EngineFlags, DeadlineFlags {
  readonly set: Parameters;
  readonly json?: boolean;
  readonly report?: string;
  readonly job?: string;
  readonly debug?: boolean;
  readonly resume?: boolean;
}

type Handle = ReturnType<Engine["run"]>;
type RunOptions = NonNullable<globalThis.Parameters<Engine["run"]>[1]>;
type RunnablePlan = globalThis.Parameters<Engine["run"]>[0];

/** `millrace run plan.ts`: runs a plan, shows its progress, prints a summary and writes the run report. */
export function runCommand(terminal: Terminal, done: (code: number) => void): Command {
  const command = new Command("run")
    .description("run a plan and write its outputs")
    .argument("<plan>", "a TypeScript or JavaScript file that exports a plan, or a function from parameters to one")
    .addOption(setOption())
    .option("--json", "print events as NDJSON on stdout instead of words")
    .option("--report <file>", "where the run report goes, a page if it ends in .html; JSON beside the first output by default")
    .option("--job <name>", "name of the job in the report; the file's name by default")
    .option("--resume", "go on with the latest unfinished run of this job, if there is one");
  for (const option of [...runningOptions(), ...deadlineOptions()]) command.addOption(option);
  return command.action(async (file: string, flags: RunFlags) => done(await runPlanFile(terminal, file, flags)));
}

async function runPlanFile(terminal: Terminal, file: string, flags: RunFlags): Promise<number> {
  const plan = await loadPlanFile(file, flags.set);
  const job = flags.job ?? basename(file, extname(file));
  return runPlan(
    terminal,
    { plan, planFile: file, job, parameters: flags.set, resume: flags.resume === true ? "auto" : false },
    flags,
  );
}

/** A plan to run, or to go on with. */
export interface PlanToRun {
  readonly plan: unknown;
  readonly planFile: string;
  readonly job: string;
  readonly parameters: RunOptions["parameters"] & object;
  /** A run's id, `"auto"`, or false for a new run. */
  readonly resume: NonNullable<RunOptions["resume"]>;
}

type ShownFlags = EngineFlags & DeadlineFlags & Pick<RunFlags, "report" | "json" | "debug">;

/** Runs a plan, shows what happens, and gives the exit code. The first signal stops it at the next border of a task, resumable. */
export async function runPlan(terminal: Terminal, run: PlanToRun, flags: ShownFlags): Promise<number> {
  const { plan, job, parameters, resume, planFile } = run;
  const report = flags.report ?? defaultReport(plan, job);
  const line = new ProgressLine(terminal, () => performance.now());
  const engine = await Engine.create(engineSettings(flags));
  let handle: Handle | null = null;
  const stop = stopOnSignals((signal) => {
    line.clear();
    terminal.err(`${signal}: stopping after the tasks under way, nothing will be published; once more stops at once.\n`);
    handle?.stop();
  });
  try {
    handle = engine.run(plan as RunnablePlan, {
      job,
      parameters,
      resume,
      planFile: resolve(planFile),
      ...deadlineSettings(flags),
      ...(report === null ? {} : { report: resolve(report) }),
    });
    return await follow(terminal, handle, { line, json: flags.json === true, debug: flags.debug === true, report, stop });
  } finally {
    line.clear();
    stop.release();
    await engine.close();
  }
}

interface Following {
  readonly line: ProgressLine;
  readonly json: boolean;
  readonly debug: boolean;
  readonly report: string | null;
  readonly stop: { readonly received: () => StopSignal | null };
}

/** Shows the events of a run and its result; gives the exit code. */
async function follow(terminal: Terminal, handle: Handle, options: Following): Promise<number> {
  let resumable = false;
  try {
    for await (const event of handle) {
      resumable ||= (event as { resumable?: boolean }).resumable === true;
      if (event.kind === "deadline-missed") tellLate(terminal, options, event.stopping);
      if (options.json) terminal.out(jsonLine(event));
      else if (event.kind === "progress") options.line.show(event as ProgressEvent);
    }
    const result = await handle.result;
    options.line.clear();
    if (options.json) {
      const { runId, status, outputs, report } = result;
      terminal.out(jsonLine({ kind: "result", runId, status, outputs, report }));
    } else {
      terminal.err(`${result.report.toText().trimEnd()}\n`);
      if (options.report !== null) terminal.err(paint(terminal, "dim", `report: ${options.report}\n`));
    }
    return exitCodeOfRun(result.status, (result.report.data.execution.deadline?.lateMs ?? 0) > 0);
  } catch (thrown) {
    const error = errorDataOf(thrown);
    const signal = options.stop.received();
    options.line.clear();
    if (options.json) terminal.out(jsonLine({ kind: "error", error: { ...error, stack: undefined } }));
    printError(terminal, error, options.debug);
    // A run that was stopped says so itself.
    const saysSo = error.code === "RUN_STOPPED" || error.code === "DEADLINE_EXCEEDED";
    if (resumable && !saysSo) terminal.err(`  resume it with: millrace resume ${handle.runId}\n`);
    if (error.code === "DEADLINE_EXCEEDED") return exitCodes.deadline;
    if (resumable) return exitCodes.resumable;
    return signal === null ? exitCodeOfError(error) : signalExitCode(signal);
  }
}

function tellLate(terminal: Terminal, { line, json }: Following, stopping: boolean): void {
  if (json) return;
  line.clear();
  terminal.err(`the deadline has passed: the run ${stopping ? "stops after the tasks under way" : "goes on"}.\n`);
}

/** The first output's folder holds the report under the job's name; null when the plan does not say where it writes. */
function defaultReport(plan: unknown, job: string): string | null {
  const outputs = (plan as { outputs?: readonly { sink?: { path?: unknown } }[] }).outputs;
  const path = outputs?.[0]?.sink?.path;
  return typeof path === "string" ? join(dirname(path), `${job}.report.json`) : null;
}
