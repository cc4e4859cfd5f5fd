import { Command } from "commander";
import { Engine } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { usageError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { type EngineFlags, runningOptions, engineSettings, type Parameters, setOption } from "./options.js";
import { loadPlanFile } from "./planFile.js";
import { stopOnSignals } from "./stop.js";
import type { Terminal } from "./terminal.js";

interface ReplayFlags extends EngineFlags {
  readonly set: Parameters;
  readonly where: Parameters;
  readonly json?: boolean;
}

type Replayed = Awaited<ReturnType<Engine["replay"]>>;

/** `millrace replay RUN [plan.ts]`: runs what a run rejected through today's plan, and adds what is good now to its outputs. */
export function replayCommand(terminal: Terminal, done: (code: number) => void): Command {
  const command = new Command("replay")
    .description("run the rejected records of a run again and add those that are good now to its outputs")
    .argument("<run>", "the run's id")
    .argument("[plan]", "a file that exports the plan to use; the run's own plan by default")
    .option("--where <field=value>", "only rejects with this code, file, column or stage; may be repeated", collectWhere, {})
    .option("--json", "print the result as NDJSON on stdout instead of words")
    .addOption(setOption());
  for (const option of runningOptions()) command.addOption(option);
  return command.action(async (run: string, file: string | undefined, flags: ReplayFlags) =>
    done(await replay(terminal, run, file, flags)),
  );
}

function collectWhere(text: string, before: Parameters): Parameters {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw usageError("INVALID_OPTION", `--where ${text}: expected field=value`, "Write for example --where code=UDF_THREW.");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

type RunnablePlan = globalThis.Parameters<Engine["run"]>[0];

async function replay(terminal: Terminal, run: string, file: string | undefined, flags: ReplayFlags): Promise<number> {
  const plan = file === undefined ? null : ((await loadPlanFile(file, flags.set)) as RunnablePlan);
  const stop = stopOnSignals((signal) => terminal.err(`${signal}: stopping, nothing will be published.\n`));
  const engine = await Engine.create(engineSettings(flags));
  try {
    const result = await engine.replay(run, plan, { where: flags.where, signal: stop.signal });
    if (flags.json === true) terminal.out(jsonLine({ kind: "replay", ...result }));
    else terminal.err(words(result));
    return result.remaining === 0 ? exitCodes.ok : exitCodes.rejects;
  } finally {
    stop.release();
    await engine.close();
  }
}

function words({ runId, replayId, strategy, replayed, resolved, remaining, outputs }: Replayed): string {
  const left = remaining === 0 ? "" : ` ${remaining} of its rejects are not settled.`;
  if (replayed === 0)
    return `nothing to replay: ${remaining === 0 ? `all rejects of run ${runId} are settled` : `run ${runId}`}.${left}\n`;
  if (resolved === 0) return `${replayed} records were tried, and none is good now; nothing was written.${left}\n`;
  const how = strategy === "append" ? "added to" : "computed anew:";
  const paths = outputs.map((output) => output.path).join(", ");
  return `${resolved} of ${replayed} records are good now and were ${how} ${paths} (${replayId}).${left}\n`;
}
