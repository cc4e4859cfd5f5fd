import { dataError, type ErrorPlace } from "../../common/errors.js";
import type { ResolvedSource } from "../../plan/bound.js";
import type { RejectLimits } from "../../plan/nodes.js";
import type { TaskResult } from "../../task/protocol.js";

/** What one source has had so far. */
interface Tally {
  readonly limits: RejectLimits;
  readonly name: string;
  rows: number;
  count: number;
  readonly byFile: Map<string, number>;
  readonly byColumn: Map<string, number>;
}

/**
 * Holds the rejects of a run against the limits of its sources. Results come in partition order and each counts once, so that whether a run
 * fails depends on the input alone. Rows that an earlier stage made (after a join, say) have no single source any more: their
 * rejects count towards every source of the run.
 */
export class RejectLimiter {
  private readonly tallies: Tally[];

  constructor(private readonly sources: readonly ResolvedSource[]) {
    this.tallies = sources.map((source) => ({
      limits: source.spec.rejectLimits,
      name: nameOf(source),
      rows: 0,
      count: 0,
      byFile: new Map(),
      byColumn: new Map(),
    }));
  }

  /**
   * Adds a task's result. `source`: whose rows it read; null where they came from an earlier stage.
   * @throws MillraceError Data/REJECT_LIMIT_EXCEEDED
   */
  add(result: TaskResult, source: ResolvedSource | null): void {
    const { rejects, scan } = result;
    this.sources.forEach((one, i) => {
      const tally = this.tallies[i];
      if (tally === undefined || (source !== null && source !== one)) return;
      if (source !== null) tally.rows += scan.rows;
      if (rejects.count === 0) return;
      tally.count += rejects.count;
      for (const [column, times] of Object.entries(rejects.byColumn)) addTo(tally.byColumn, column, times);
      for (const [file, times] of Object.entries(rejects.byFile)) addTo(tally.byFile, file, times);
      checkCounts(tally, Object.keys(rejects.byFile));
    });
  }

  /**
   * Judges the shares once all rows of a stage were read.
   * @throws MillraceError Data/REJECT_LIMIT_EXCEEDED
   */
  stageFinished(): void {
    for (const { limits, name, rows, count } of this.tallies) {
      const { rate, minRows = 0 } = limits;
      if (rate === undefined || rows === 0 || rows < minRows || count <= rate * rows) continue;
      throw exceeded(
        `${count} of ${rows} records of ${name} were rejected, more than the share of ${rate} that "rate" allows`,
        {},
      );
    }
  }
}

/** `files`: those that have more rejects than before. */
function checkCounts({ limits, name, count, byFile, byColumn }: Tally, files: readonly string[]): void {
  if (limits.count !== undefined && count > limits.count) {
    throw exceeded(`more than ${limits.count} records of ${name} were rejected ("count")`, {});
  }
  for (const file of files) {
    if (limits.perFile === undefined || (byFile.get(file) ?? 0) <= limits.perFile) continue;
    throw exceeded(`more than ${limits.perFile} records of ${file} were rejected ("perFile")`, { file });
  }
  for (const [column, times] of byColumn) {
    if (limits.perColumn === undefined || times <= limits.perColumn) continue;
    const message = `more than ${limits.perColumn} values of column ${JSON.stringify(column)} of ${name} were rejected ("perColumn")`;
    throw exceeded(message, { column });
  }
}

const exceeded = (message: string, place: ErrorPlace) =>
  dataError("REJECT_LIMIT_EXCEEDED", message, {
    ...place,
    hint: "Look into the rejects in the run's folder; repair the input, or raise the source's rejectLimits.",
  });

function nameOf({ spec }: ResolvedSource): string {
  if (spec.format === "rows") return "read.rows";
  return spec.format === "sql" ? "read.sql" : spec.paths.join(", ");
}

const addTo = <K>(map: Map<K, number>, key: K, times: number): void => void map.set(key, (map.get(key) ?? 0) + times);
