import { Command } from "commander";
import { Engine } from "../index.js";
import { type EngineFlags, engineOptions, engineSettings, type Parameters, setOption } from "./options.js";
import { loadPlanFile } from "./planFile.js";
import type { Terminal } from "./terminal.js";

interface ExplainFlags extends EngineFlags {
  readonly set: Parameters;
}

/** `millrace explain plan.ts`: the plan, its stages, where each of them runs and why. Nothing is executed. */
export function explainCommand(terminal: Terminal): Command {
  const command = new Command("explain")
    .description("show the stages of a plan, where each runs and why, without running it")
    .argument("<plan>", "a TypeScript or JavaScript file that exports a plan, or a function from parameters to one")
    .addOption(setOption());
  for (const option of engineOptions()) command.addOption(option);
  return command.action(async (file: string, flags: ExplainFlags) => {
    const plan = (await loadPlanFile(file, flags.set)) as Explainable;
    const engine = await Engine.create(engineSettings(flags));
    try {
      const text = await engine.explain(plan);
      terminal.out(text.endsWith("\n") ? text : `${text}\n`);
    } finally {
      await engine.close();
    }
  });
}

type Explainable = globalThis.Parameters<Engine["explain"]>[0];
