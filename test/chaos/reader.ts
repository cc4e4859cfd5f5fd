import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Expected, partialIn } from "./target.ts";

/** A process that reads the targets over and over while runs are killed and resumed. Takes what to expect, or `stop`, line by line. */
let expected: Expected | null = null;
let reads = 0;
const partial = new Set<string>();

function look(): void {
  if (expected !== null) {
    reads++;
    for (const what of partialIn(expected)) if (partial.size < 5) partial.add(what);
  }
  setTimeout(look, 4);
}

createInterface(process.stdin)
  .on("line", (line) => {
    if (line !== "stop") {
      expected = JSON.parse(line) as Expected;
      return;
    }
    writeSync(1, `${JSON.stringify({ reads, partial: [...partial] })}\n`);
    expected = null;
    reads = 0;
    partial.clear();
  })
  .on("close", () => process.exit());
look();
