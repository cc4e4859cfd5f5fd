import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { configError } from "../common/errors.js";
import { nearestNames } from "../common/nearest.js";
import { type PastRun, reportSchemaVersion, type RunReportData } from "../report/model.js";
import type { RunReport } from "../report/report.js";
import { History } from "./history.js";
import { folderOfRun, runIds, runNotFound } from "./runFolders.js";

export interface ReportOf {
  /** Where runs keep their files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
  /** A run's id, or its end where only one run has it. Default: the latest run that has a report. */
  readonly runId?: string;
}

export interface RunsOf {
  readonly stateDir?: string;
  readonly job?: string;
  /** Default 20. */
  readonly limit?: number;
}

const stateFolder = (stateDir: string | undefined): string => resolve(stateDir ?? ".millrace");

/** Runs that have ended, latest first. */
export function pastRuns({ stateDir, job, limit = 20 }: RunsOf = {}): readonly PastRun[] {
  return new History(stateFolder(stateDir)).runs({ limit, ...(job === undefined ? {} : { job }) });
}

/** The report that a run left. @throws MillraceError Config/RUN_NOT_FOUND, REPORT_UNREADABLE */
export async function openReport(of: ReportOf = {}): Promise<RunReport> {
  const stateDir = stateFolder(of.stateDir);
  const runId = of.runId === undefined ? latest(stateDir) : found(stateDir, of.runId);
  const file = reportOf(stateDir, runId);
  const data = readReport(file);
  // Loaded when it is needed: a run that goes well needs it at its end.
  const report = await import("../report/report.js");
  return new report.RunReport(data);
}

const reportOf = (stateDir: string, runId: string): string => join(folderOfRun(stateDir, runId), "report.json");

const runsWithReports = (stateDir: string): string[] => runIds(stateDir).filter((run) => existsSync(reportOf(stateDir, run)));

function latest(stateDir: string): string {
  const run = runsWithReports(stateDir).at(-1);
  if (run !== undefined) return run;
  throw configError("RUN_NOT_FOUND", `no run in ${stateDir} has left a report`, {
    file: stateDir,
    hint: "Run a plan first, or name another folder with stateDir.",
  });
}

/** A run by its id or its end, which is short enough to type. */
function found(stateDir: string, wanted: string): string {
  const runs = runsWithReports(stateDir);
  if (runs.includes(wanted)) return wanted;
  const ending = wanted === "" ? [] : runs.filter((run) => run.endsWith(wanted));
  if (ending.length === 1) return ending[0] as string;
  const near = ending.length > 1 ? ending : nearestNames(wanted, runs);
  throw runNotFound(stateDir, `there is no report of run ${JSON.stringify(wanted)}`, wanted, runs, near);
}

function readReport(file: string): RunReportData {
  const unreadable = (why: string, cause?: unknown) =>
    configError("REPORT_UNREADABLE", `${file} is no run report: ${why}`, {
      file,
      hint: "It may have been cut short or come from another version.",
      ...(cause === undefined ? {} : { cause }),
    });
  let report: Partial<RunReportData>;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Partial<RunReportData>;
  } catch (cause) {
    throw unreadable((cause as Error).message, cause);
  }
  if (report.schemaVersion !== reportSchemaVersion) {
    throw unreadable(`expected schema version ${reportSchemaVersion}, found ${JSON.stringify(report.schemaVersion)}`);
  }
  return report as RunReportData;
}
