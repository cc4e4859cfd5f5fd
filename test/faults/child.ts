import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const here = (name: string): string => pathToFileURL(resolve(import.meta.dirname, name)).href;

/** What a process of trials printed, and how it ended: `status` is null where a signal ended it. */
export interface SweepEnd {
  readonly status: number | null;
  readonly output: string;
}

/** Runs `sweep.ts` in a process of its own, below whose engine files can be made to fail. */
export async function runSweep(args: readonly string[]): Promise<SweepEnd> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "millrace-faults-")));
  const imports = ["--import", here("../../.ci/typescript.mjs"), "--import", here("inject.mjs")];
  const child = spawn(process.execPath, [...imports, resolve(import.meta.dirname, "sweep.ts"), ...args], {
    env: { ...process.env, MILLRACE_FAULT_ROOT: root, NODE_NO_WARNINGS: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes) => {
      output += String(bytes);
    });
  }
  const status = await new Promise<number | null>((done) => child.on("close", done));
  rmSync(root, { recursive: true, force: true });
  return { status, output };
}
