import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { doctorCommand } from "./doctor.js";
import { exitCodeOfError, exitCodes } from "./exitCodes.js";
import { explainCommand } from "./explain.js";
import { errorDataOf, printError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { previewCommand } from "./preview.js";
import { rejectsCommand } from "./rejects.js";
import { replayCommand } from "./replay.js";
import { reportCommand } from "./report.js";
import { resumeCommand } from "./resume.js";
import { runCommand } from "./run.js";
import { runsCommand } from "./runs.js";
import type { Terminal } from "./terminal.js";
import { verifyCommand } from "./verify.js";

/** Every verb, in the order in which help lists them. A new one is a file and a line here. */
const verbs: readonly ((terminal: Terminal, done: (code: number) => void) => Command)[] = [
  runCommand,
  explainCommand,
  previewCommand,
  resumeCommand,
  rejectsCommand,
  replayCommand,
  runsCommand,
  reportCommand,
  verifyCommand,
  doctorCommand,
];

/**
 * Runs the command line and gives the exit code; never throws.
 * @param args without node and script
 */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.ok;
  const program = new Command("millrace")
    .description("Runs large batch jobs written in TypeScript on one machine.")
    .version(packageVersion(), "-V, --version", "print the version")
    .option("--debug", "print stacks of errors", false)
    .showHelpAfterError("Run millrace --help for what there is.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  for (const verb of verbs) {
    const command = verb(terminal, (result) => {
      code = result;
    });
    program.addCommand(command.copyInheritedSettings(program).option("--debug", "print stacks of errors", false));
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const error = errorDataOf(thrown);
    if (args.includes("--json")) terminal.out(jsonLine({ kind: "error", error: withoutStack(error) }));
    printError(terminal, error, args.includes("--debug"));
    return exitCodeOfError(error);
  }
}

function withoutStack<T extends { readonly stack?: string }>(error: T): Omit<T, "stack"> {
  const { stack: _, ...rest } = error;
  return rest;
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
