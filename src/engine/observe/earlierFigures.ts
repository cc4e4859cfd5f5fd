import { History, unnamedJob } from "../../history/history.js";
import type { PastRun } from "../../report/model.js";
import type { EngineSettings } from "../options.js";

/** More than a check looks at. */
const mostRuns = 1000;

/** Figures of a check in the accepted runs of a job before this one, latest first. The history is read when the first check asks. */
export function earlierFigures(
  settings: Pick<EngineSettings, "history" | "stateDir">,
  run: { readonly job: string | undefined; readonly planFingerprint: string; readonly runId: string },
): (check: string) => readonly number[] {
  let past: readonly PastRun[] | null = null;
  return (check) => {
    if (settings.history === false) return [];
    past ??= read(settings.stateDir, { ...run, job: run.job ?? unnamedJob });
    return past.flatMap(({ figures }) => {
      const figure = figures !== undefined && Object.hasOwn(figures, check) ? figures[check] : undefined;
      return figure === undefined ? [] : [figure];
    });
  };
}

function read(stateDir: string, run: Parameters<History["before"]>[0]): readonly PastRun[] {
  try {
    return new History(stateDir).before(run, mostRuns);
  } catch (cause) {
    process.emitWarning(`the history of runs could not be read: ${(cause as Error).message}`, "MillraceWarning");
    return [];
  }
}
