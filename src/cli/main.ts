import { runCommandLine } from "./program.js";
import { processTerminal } from "./terminal.js";

// A reader that goes away early (`| head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

runCommandLine(process.argv.slice(2), processTerminal()).then((code) => {
  process.exitCode = code;
});
