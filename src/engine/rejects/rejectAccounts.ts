import { MillraceError } from "../../common/errors.js";
import type { WorkerStage } from "../../planner/stages.js";
import type { Step, TaskResult } from "../../task/protocol.js";

/**
 * Holds every record of a stage to its account: what was read is delivered or rejected, and what a row-wise step took in is given on, filtered
 * or rejected, down to the rows of the files that were written. Nothing is published of a run whose account does not balance.
 * @throws MillraceError Internal/ROWS_UNACCOUNTED
 */
export function checkAccounts(stage: WorkerStage, results: readonly TaskResult[]): void {
  results.forEach((result, task) => {
    const fail = (what: string, expected: number, found: number) => unaccounted(stage.name, task, what, expected, found);
    const steps = stage.steps.map(({ step }) => step);
    let rejected = stage.again === true ? 0 : result.scan.rejected;
    steps.forEach((step, i) => {
      const counts = result.steps[i];
      if (counts === undefined) throw fail(`counts of step ${step.name}`, 1, 0);
      if (stage.steps[i]?.again !== true) rejected += counts.rejected;
      const given = step.input < 0 ? result.scan.rows - result.scan.rejected : (result.steps[step.input]?.rowsOut ?? 0);
      if (counts.rowsIn !== given) throw fail(`rows that ${step.name} took in`, given, counts.rowsIn);
      if (!isRowWise(step)) return;
      const gone = counts.rowsOut + counts.filtered + counts.rejected + (counts.repeated ?? 0);
      if (gone !== counts.rowsIn) throw fail(`rows that ${step.name} gave on, filtered or rejected`, counts.rowsIn, gone);
      if (step.op !== "sink" && step.op !== "exchange" && step.op !== "sortRuns") return;
      const written = counts.files.reduce((sum, file) => sum + file.rows, 0);
      if (written !== counts.rowsOut) throw fail(`rows in the files of ${step.name}`, counts.rowsOut, written);
    });
    if (rejected !== result.rejects.count) throw fail("rejects", rejected, result.rejects.count);
  });
}

/** Steps of which every row that comes in leaves in one way. A join, a flatMap or a function over batches makes any number of rows of one. */
function isRowWise(step: Step): boolean {
  switch (step.op) {
    case "join":
    case "flatMap":
    case "mapBatches":
    case "partialAggregate":
    case "groupExchange":
    case "finalAggregate":
    case "bucketJoin":
      return false;
    default:
      return true;
  }
}

const unaccounted = (stage: string, task: number, what: string, expected: number, found: number) =>
  new MillraceError(
    "Internal",
    "ROWS_UNACCOUNTED",
    `stage ${stage}, task ${task}: expected ${expected} as ${what}, found ${found}; nothing was published`,
    { stage, hint: "This is a bug in Millrace: please report it with the plan." },
  );
