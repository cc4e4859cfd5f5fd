import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunContext } from "../context.js";

/** Often enough to tell a run that works from one that hangs, and seldom enough to cost nothing. */
const everyMs = 2_000;

/** Tells that a run is alive, by an event and in `heartbeat.json` in its folder, until the function that it gives is called. */
export function beat(run: RunContext): () => void {
  const file = join(run.folder, "heartbeat.json");
  const once = (): void => {
    const { pace, runId } = run;
    run.emit({ kind: "heartbeat", ...pace });
    try {
      writeFileSync(`${file}.new`, `${JSON.stringify({ time: new Date().toISOString(), runId, pid: process.pid, ...pace })}\n`);
      renameSync(`${file}.new`, file);
    } catch {
      // Whoever watches sees that it is old; the run itself is not worse for it.
    }
  };
  const timer = setInterval(once, everyMs).unref();
  return () => {
    clearInterval(timer);
    try {
      // One that an earlier process was writing when it was cut off.
      rmSync(`${file}.new`, { force: true });
    } catch {
      // It must not hide how the run ended.
    }
  };
}
