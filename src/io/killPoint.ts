/** Steps of a run behind which a test may end the process; docs/RESUME.md says what each one is. */
export type KillPoint =
  | "run-begun"
  | "task-done"
  | "journal-write"
  | "journal-sync"
  | "rejects-kept"
  | "staged"
  | "publishing"
  | "intent"
  | "rename"
  | "removal"
  | "manifest"
  | "intent-removed"
  | "publish"
  | "table"
  | "finished";

const setting = process.env.MILLRACE_KILL_AT;

/**
 * A testing aid: with `MILLRACE_KILL_AT="rename:3"` in the environment, the third passing of the point `rename` ends the process by SIGKILL, as
 * a crash would. Without it this is a call of an empty function.
 */
export const killPoint: (point: KillPoint) => void = setting === undefined ? () => undefined : killer(setting);

function killer(text: string): (point: KillPoint) => void {
  const [name, times = "1"] = text.split(":");
  let left = Number(times);
  return (point) => {
    if (point === name && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
