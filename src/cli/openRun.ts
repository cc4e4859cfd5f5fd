import type { OpenRun } from "../index.js";
import { printable } from "./failure.js";
import { countText } from "./numbers.js";

/** A run without a report, in words: what is done, what is missing, and how to go on. */
export function openRunText(run: OpenRun): string {
  const { runId, job, state, startMs, pid, stages, processes, lastBeat, published, staged, stoppedBy, targets, planFile } = run;
  const says = {
    running: `is at work (process ${pid})`,
    unfinished: "was cut off",
    superseded: "was cut off, and a later run has taken a target of it over",
    finished: "has ended",
    failed: "has failed",
  } as const;
  const begun = `${new Date(startMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const goOn =
    state === "unfinished"
      ? planFile === null
        ? `engine.run(plan, { resume: ${JSON.stringify(runId)} })`
        : `millrace resume ${runId}`
      : null;
  const lines = [
    `Run ${runId} of ${job} ${says[state]}; it has no report yet.`,
    `  begun     ${begun}${processes > 1 ? `, by ${processes} processes so far` : ""}`,
    ...(stoppedBy === null ? [] : [`  stopped   ${stoppedBy}`]),
    ...(lastBeat === null ? [] : [`  last sign ${lastBeat.time}${lastBeat.stage === "" ? "" : `, in stage ${lastBeat.stage}`}`]),
    ...(stages.length === 0 ? ["  done      nothing that could be kept"] : stages.map((stage, i) => stageLine(stage, i))),
    `  missing   ${missing(staged, published, targets)}`,
    ...(goOn === null ? [] : [`  go on     ${goOn}`]),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

function stageLine({ stage, tasks, recordsRead, retries }: OpenRun["stages"][number], index: number): string {
  const read =
    recordsRead === null
      ? "a query"
      : `${countText(tasks)} ${tasks === 1 ? "task" : "tasks"}, ${countText(recordsRead)} records read`;
  const again = retries === 0 ? "" : `, ${countText(retries)} done again`;
  return `  ${index === 0 ? "done" : "    "}      stage ${stage}: ${read}${again}`;
}

function missing(staged: boolean, published: readonly string[], targets: readonly string[]): string {
  const rest = targets.filter((target) => !published.includes(target)).join(", ");
  if (!staged) return `the rest of the work; nothing was published${targets.length === 0 ? "" : ` to ${rest}`}`;
  return rest === "" ? "only its report" : `everything is computed; still to be published: ${rest}`;
}
