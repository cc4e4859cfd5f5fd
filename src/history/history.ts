import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { PastRun } from "../report/model.js";

/** How runs are remembered. */
export interface HistoryOptions {
  /** Days after which a run is forgotten and its folder (journal, report, rejects) removed. Default 400. */
  readonly keepDays?: number;
  /** Finished runs that a run is compared with. Default 20. */
  readonly compareWith?: number;
}

export const defaultKeepDays = 400;
export const defaultCompareWith = 20;

/** The name of runs whose program gave none. */
export const unnamedJob = "job";

const mostName = 80;
const dayFile = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;

/**
 * The runs of a state folder, one line of JSON each, in `history/<job>/<day>.jsonl` (day of the run's start, UTC). A line is written by one
 * call that appends, so that several processes can add runs at once; it begins with a line feed, so that a line that a crash cut short spoils
 * none after it. Days are forgotten as whole files.
 */
export class History {
  private readonly root: string;

  constructor(stateDir: string) {
    this.root = join(stateDir, "history");
  }

  /** Adds a run; gives whether it is the first of its job and day. @throws Error of the file system */
  add(run: PastRun): boolean {
    const folder = join(this.root, folderOf(run.job));
    const file = join(folder, `${run.start.slice(0, 10)}.jsonl`);
    mkdirSync(folder, { recursive: true });
    const isNew = !existsSync(file);
    appendFileSync(file, `\n${JSON.stringify(run)}\n`);
    return isNew;
  }

  /** Runs of all jobs, or of one, latest first; as many as `keep` lets through, up to `limit`. */
  runs(options: { readonly job?: string; readonly limit?: number; readonly keep?: (run: PastRun) => boolean } = {}): PastRun[] {
    const { job, limit = Number.POSITIVE_INFINITY, keep = () => true } = options;
    const found: PastRun[] = [];
    const seen = new Set<string>();
    for (const files of this.days(job === undefined ? this.jobFolders() : [folderOf(job)])) {
      const runs = latestLines(files.flatMap(readDay)).filter((run) => !seen.has(run.runId));
      for (const { runId } of runs) seen.add(runId);
      found.push(...runs.filter((run) => (job === undefined || run.job === job) && keep(run)).sort(latestFirst));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  /** Earlier runs that tell what is usual for a job, latest first. Runs without a name belong together when they had the same plan. */
  before(run: { readonly job: string; readonly planFingerprint: string; readonly runId: string }, limit: number): PastRun[] {
    const { job, planFingerprint, runId } = run;
    const alike = (one: PastRun) => job !== unnamedJob || one.planFingerprint === planFingerprint;
    return this.runs({ job, limit, keep: (one) => one.runId !== runId && alike(one) });
  }

  /** Forgets the days that lie more than `keepDays` before `now`; gives how many files went. */
  forget(keepDays: number, now: Date): number {
    const oldest = new Date(now.getTime() - keepDays * 86_400_000).toISOString().slice(0, 10);
    let gone = 0;
    for (const folder of this.jobFolders()) {
      for (const name of names(join(this.root, folder))) {
        const day = dayFile.exec(name)?.[1];
        if (day === undefined || day >= oldest) continue;
        rmSync(join(this.root, folder, name), { force: true });
        gone++;
      }
    }
    return gone;
  }

  private jobFolders(): string[] {
    return names(this.root);
  }

  /** Files of each day, latest day first. */
  private days(folders: readonly string[]): string[][] {
    const byDay = new Map<string, string[]>();
    for (const folder of folders) {
      for (const name of names(join(this.root, folder))) {
        if (dayFile.test(name)) byDay.set(name, [...(byDay.get(name) ?? []), join(this.root, folder, name)]);
      }
    }
    return [...byDay].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, files]) => files);
  }
}

/** By start, then by id, so that two runs of one millisecond always stand in one order. */
function latestFirst(a: PastRun, b: PastRun): number {
  if (a.start !== b.start) return a.start < b.start ? 1 : -1;
  return a.runId < b.runId ? 1 : -1;
}

/** A run that was gone on with has a line from each process; its last one holds. */
function latestLines(runs: readonly PastRun[]): PastRun[] {
  return [...new Map(runs.map((run) => [run.runId, run])).values()];
}

function names(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** A job's name as a folder: what might mean something to a file system is encoded, and a long name ends in its hash. */
function folderOf(job: string): string {
  const name = `j-${encodeURIComponent(wellFormed(job)).replace(/[.*~'()!]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`;
  if (name.length <= mostName && name.toLowerCase() === name) return name;
  // A file system may not tell capitals apart.
  return `${name.slice(0, mostName - 17)}-${createHash("sha256").update(job).digest("hex").slice(0, 16)}`;
}

/** Lines that are not whole are what a crash left. */
function readDay(file: string): PastRun[] {
  return read(file)
    .split("\n")
    .flatMap((line) => {
      const run = line === "" ? null : parse(line);
      return run === null ? [] : [run];
    });
}

/** Another process may just have forgotten the day. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ENOENT") return "";
    throw thrown;
  }
}

function parse(line: string): PastRun | null {
  try {
    const run = JSON.parse(line) as PastRun;
    return run.schemaVersion === 1 && typeof run.runId === "string" && typeof run.start === "string" ? run : null;
  } catch {
    return null;
  }
}

/** Half a surrogate pair has no encoding. */
const wellFormed = (text: string): string => Buffer.from(text, "utf8").toString("utf8");
