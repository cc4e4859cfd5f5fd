import { appendFileSync } from "node:fs";

/** Steps of a run behind which a test may end the process; docs/RESUME.md says what each one is. */
export const killPoints = [
  "locked",
  "journal-begun",
  "target-ready",
  "run-begun",
  "task-done",
  "journal-write",
  "journal-sync",
  "rejects-kept",
  "file-staged",
  "staged",
  "publishing",
  "text-written",
  "intent",
  "rename",
  "removal",
  "manifest",
  "intent-removed",
  "staging-removed",
  "publish",
  "table-filled",
  "table-committed",
  "table",
  "completed",
  "report-written",
  "finished",
  "replay-prepared",
  "replay-confirmed",
] as const;

export type KillPoint = (typeof killPoints)[number];

const setting = process.env.MILLRACE_KILL_AT;

/**
 * A testing aid: with `MILLRACE_KILL_AT="rename:3"` in the environment, the third passing of the point `rename` ends the process by SIGKILL, as
 * a crash would; with `MILLRACE_KILL_AT="trace:FILE"` every passing adds a line to a file. Without it this is a call of an empty function.
 */
export const killPoint: (point: KillPoint) => void = setting === undefined ? () => undefined : reaction(setting);

function reaction(text: string): (point: KillPoint) => void {
  const border = text.indexOf(":");
  const [name, rest] = border < 0 ? [text, "1"] : [text.slice(0, border), text.slice(border + 1)];
  if (name === "trace") return (point) => appendFileSync(rest, `${point}\n`);
  let left = Number(rest);
  return (point) => {
    if (point === name && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
