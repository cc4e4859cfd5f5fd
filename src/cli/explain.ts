import { Command } from "commander";
import { Engine } from "../index.js";
import { jsonLine } from "./jsonLines.js";
import { type EngineFlags, engineOptions, engineSettings, type Parameters, setOption } from "./options.js";
import { loadPlanFile } from "./planFile.js";
import type { Terminal } from "./terminal.js";

interface ExplainFlags extends EngineFlags {
  readonly set: Parameters;
  readonly json?: boolean;
}

/** `millrace explain plan.ts`: the plan, its stages, where each of them runs and why. Nothing is executed. */
export function explainCommand(terminal: Terminal): Command {
  const command = new Command("explain")
    .description("show the stages of a plan, where each runs and why, without running it")
    .argument("<plan>", "a TypeScript or JavaScript file that exports a plan, or a function from parameters to one")
    .addOption(setOption())
    .option("--json", "print the plan and each stage as NDJSON");
  for (const option of engineOptions()) command.addOption(option);
  return command.action(async (file: string, flags: ExplainFlags) => {
    const plan = (await loadPlanFile(file, flags.set)) as Explainable;
    const engine = await Engine.create(engineSettings(flags));
    try {
      if (flags.json === true) {
        terminal.out(await explanationLines(engine, plan));
        return;
      }
      const text = await engine.explain(plan);
      terminal.out(text.endsWith("\n") ? text : `${text}\n`);
    } finally {
      await engine.close();
    }
  });
}

/** A line for the plan, and one for each stage in the order in which they run. */
async function explanationLines(engine: Engine, plan: Explainable): Promise<string> {
  const { logical, physical } = await engine.explainData(plan);
  const stages = physical.stages.map(({ id, kind, name, reason }) => jsonLine({ kind: "stage", id, name, runs: kind, reason }));
  return [jsonLine({ kind: "plan", text: logical }), ...stages].join("");
}

type Explainable = globalThis.Parameters<Engine["explain"]>[0];
