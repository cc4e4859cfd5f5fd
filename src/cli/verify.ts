import { Command } from "commander";
import { type OutputDifference, type OutputVerification, verifyOutputs } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { printable } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { bytesText, countText } from "./numbers.js";
import { paint, type Terminal } from "./terminal.js";

interface VerifyFlags {
  readonly json?: boolean;
  readonly stateDir?: string;
}

/** `millrace verify TARGET|RUN`: whether outputs still have the bytes that were published. Exit code 1 where one does not. */
export function verifyCommand(terminal: Terminal, done: (code: number) => void): Command {
  return new Command("verify")
    .description("compare outputs with the rows, bytes and checksums that were published")
    .argument("<target>", "the folder or file that a plan writes, or a run's id or its end")
    .option("--json", "print findings as NDJSON on stdout")
    .option("--state-dir <dir>", "where runs keep their journal and scratch files")
    .addHelpText("after", "\nExit codes: 0 everything is as published, 1 something is not, 2 no such run, or no manifest.")
    .action(async (target: string, flags: VerifyFlags) => {
      const found = await verifyOutputs(target, flags.stateDir === undefined ? {} : { stateDir: flags.stateDir });
      for (const output of found) {
        terminal.out(flags.json === true ? jsonLine({ kind: "verification", ...output }) : outputText(terminal, output));
      }
      if (found.length === 0 && flags.json !== true) terminal.out("The run published no output.\n");
      const good = found.every(({ verdict }) => verdict === "intact" || verdict === "unverifiable");
      done(good ? exitCodes.ok : exitCodes.failed);
    });
}

function outputText(terminal: Terminal, output: OutputVerification): string {
  const { target, verdict, runId, files, rows, bytes, differences } = output;
  const style = verdict === "intact" ? "green" : verdict === "different" ? "red" : "yellow";
  const size = `${countText(files)} ${files === 1 ? "file" : "files"}, ${countText(rows)} rows, ${bytesText(bytes)}`;
  const says = {
    intact: `${size}, as run ${runId} left it`,
    different: `${countText(differences.length)} of ${size} ${differences.length === 1 ? "differs" : "differ"}`,
    replaced: `run ${runId} has written it since`,
    unverifiable: "keeps no manifest to compare it with",
  } as const;
  const lines = differences.map((difference) => `  ${printable(differenceText(difference))}\n`);
  return `${paint(terminal, style, verdict)}  ${printable(target)}  ${says[verdict]}\n${lines.join("")}`;
}

function differenceText({ kind, file, expected, found }: OutputDifference): string {
  switch (kind) {
    case "missing":
      return `missing     ${file}${expected === null ? "" : ` (${countText(expected.rows)} rows, ${bytesText(expected.bytes)})`}`;
    case "size":
      return `size        ${file}: expected ${countText(expected?.bytes ?? 0)} bytes, found ${countText(found?.bytes ?? 0)}`;
    case "content":
      return `content     ${file}: expected crc32 ${expected?.crc32}, found ${found?.crc32}`;
    case "unexpected":
      return `unexpected  ${file}: ${countText(found?.bytes ?? 0)} bytes that no run published`;
  }
}
