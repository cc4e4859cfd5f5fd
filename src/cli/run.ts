import { basename, dirname, extname, join, resolve } from "node:path";
import { Command } from "commander";
import { Engine } from "../index.js";
import { exitCodeOfError, exitCodeOfStatus, exitCodes, type StopSignal, signalExitCode } from "./exitCodes.js";
import { errorDataOf, printError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { type EngineFlags, engineOptions, engineSettings, type Parameters, setOption } from "./options.js";
import { loadPlanFile } from "./planFile.js";
import { type ProgressEvent, ProgressLine } from "./progress.js";
import { stopOnSignals } from "./stop.js";
import { paint, type Terminal } from "./terminal.js";

interface RunFlags extends EngineFlags {
  readonly set: Parameters;
  readonly json?: boolean;
  readonly report?: string;
  readonly job?: string;
  readonly debug?: boolean;
}

type Handle = ReturnType<Engine["run"]>;
type RunnablePlan = globalThis.Parameters<Engine["run"]>[0];

/** `millrace run plan.ts`: runs a plan, shows its progress, prints a summary and writes the run report. */
export function runCommand(terminal: Terminal, done: (code: number) => void): Command {
  const command = new Command("run")
    .description("run a plan and write its outputs")
    .argument("<plan>", "a TypeScript or JavaScript file that exports a plan, or a function from parameters to one")
    .addOption(setOption())
    .option("--json", "print events as NDJSON on stdout instead of words")
    .option("--report <file>", "where the JSON run report goes; beside the first output by default")
    .option("--job <name>", "name of the job in the report; the file's name by default");
  for (const option of engineOptions()) command.addOption(option);
  return command.action(async (file: string, flags: RunFlags) => done(await runPlanFile(terminal, file, flags)));
}

async function runPlanFile(terminal: Terminal, file: string, flags: RunFlags): Promise<number> {
  const plan = await loadPlanFile(file, flags.set);
  const job = flags.job ?? basename(file, extname(file));
  const report = flags.report ?? defaultReport(plan, job);
  const line = new ProgressLine(terminal, () => performance.now());
  const stop = stopOnSignals((signal) => {
    line.clear();
    terminal.err(`${signal}: stopping, nothing will be published; once more stops at once.\n`);
  });
  const engine = await Engine.create(engineSettings(flags));
  try {
    const handle = engine.run(plan as RunnablePlan, {
      signal: stop.signal,
      job,
      parameters: flags.set,
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
    return exitCodeOfStatus(result.status);
  } catch (thrown) {
    const error = errorDataOf(thrown);
    const signal = options.stop.received();
    options.line.clear();
    if (options.json) terminal.out(jsonLine({ kind: "error", error: { ...error, stack: undefined } }));
    printError(terminal, error, options.debug);
    if (signal === null) return error.category === "Cancelled" && resumable ? exitCodes.resumable : exitCodeOfError(error);
    return resumable ? exitCodes.resumable : signalExitCode(signal);
  }
}

/** The first output's folder holds the report under the job's name; null when the plan does not say where it writes. */
function defaultReport(plan: unknown, job: string): string | null {
  const outputs = (plan as { outputs?: readonly { sink?: { path?: unknown } }[] }).outputs;
  const path = outputs?.[0]?.sink?.path;
  return typeof path === "string" ? join(dirname(path), `${job}.report.json`) : null;
}
