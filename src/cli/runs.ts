import { Argument, Command } from "commander";
import { listRuns, openReport, type PastRun, pastRuns, pruneRuns } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { usageError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { bytesText, countText, durationText } from "./numbers.js";
import { wholeNumber } from "./options.js";
import { tableText } from "./table.js";
import type { Terminal } from "./terminal.js";

interface RunsFlags {
  readonly job?: string;
  readonly limit: number;
  readonly keepDays?: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly stateDir?: string;
}

/** `millrace runs`: what has run, latest first. `millrace runs diff A B`: what differs between two runs. `millrace runs prune`: removes the files of old ones. */
export function runsCommand(terminal: Terminal, done: (code: number) => void): Command {
  return new Command("runs")
    .description("list the runs of a state folder, compare two of them, or remove the files of old ones")
    .addArgument(new Argument("[verb]", "diff: compare two runs; prune: remove the files of old runs").choices(["diff", "prune"]))
    .argument("[a]", "the earlier run's id, or its end")
    .argument("[b]", "the later run's id, or its end; the latest run by default")
    .option("--job <name>", "only runs of this job")
    .option("--limit <n>", "how many runs to list", wholeNumber("--limit"), 20)
    .option("--keep-days <n>", "prune: days that the files of a run are kept (default 400)", wholeNumber("--keep-days", 0))
    .option("--dry-run", "prune: only tell what would go")
    .option("--json", "print NDJSON on stdout instead of words")
    .option("--state-dir <dir>", "where runs keep their journal and scratch files")
    .action(async (verb: string | undefined, a: string | undefined, b: string | undefined, flags: RunsFlags) => {
      if (verb === undefined) list(terminal, flags);
      else if (verb === "prune") prune(terminal, flags);
      else await compare(terminal, a, b, flags);
      done(exitCodes.ok);
    });
}

type Unfinished = ReturnType<typeof listRuns>[number];

function list(terminal: Terminal, flags: RunsFlags): void {
  const { job, limit, stateDir } = flags;
  const of = stateDir === undefined ? {} : { stateDir };
  const past = pastRuns({ ...of, limit, ...(job === undefined ? {} : { job }) });
  // A run that was cut off has no end to remember; its journal tells of it.
  const open = listRuns(of)
    .filter(({ state }) => state === "running" || state === "unfinished" || state === "superseded")
    .filter((run) => job === undefined || run.job === job);
  const openIds = new Set(open.map(({ runId }) => runId));
  const rows = [
    ...open.map((run) => ({ runId: run.runId, run, past: null })),
    ...past.filter(({ runId }) => !openIds.has(runId)).map((one) => ({ runId: one.runId, run: null, past: one })),
  ]
    .sort((a, b) => (a.runId < b.runId ? 1 : -1))
    .slice(0, limit);
  if (flags.json === true) {
    for (const { run, past: ended } of rows)
      terminal.out(jsonLine(run === null ? { kind: "run", ...ended } : { kind: "open-run", ...run }));
  } else if (rows.length === 0) terminal.err("No run has ended with this state folder yet.\n");
  else
    terminal.out(
      tableText(
        columns,
        rows.map(({ run, past: ended }) => (ended === null ? openCells(run) : endedCells(ended))),
      ),
    );
}

const columns = [
  { title: "run", align: "left" },
  { title: "job", align: "left" },
  { title: "status", align: "left" },
  { title: "start (UTC)", align: "left" },
  { title: "duration", align: "right" },
  { title: "read", align: "right" },
  { title: "written", align: "right" },
  { title: "rejected", align: "right" },
  { title: "quality", align: "right" },
] as const;

const time = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;

function endedCells(run: PastRun): string[] {
  const status = run.errorCode === null ? run.status : `${run.status} ${run.errorCode}`;
  const counts = [run.recordsRead, run.recordsWritten, run.recordsFailed].map(countText);
  const score = run.score === null ? "" : `${run.score.toFixed(1)} %`;
  return [run.runId, run.job, status, time(run.start), durationText(run.durationMs), ...counts, score];
}

function openCells({ runId, job, state, startMs, done }: NonNullable<Unfinished>): string[] {
  return [runId, job, `${state}, ${done} ${done === 1 ? "task" : "tasks"} done`, time(new Date(startMs).toISOString())];
}

function prune(terminal: Terminal, { stateDir, keepDays, dryRun, json }: RunsFlags): void {
  const pruned = pruneRuns({
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(keepDays === undefined ? {} : { keepDays }),
    ...(dryRun === undefined ? {} : { dryRun }),
  });
  if (json === true) for (const run of pruned) terminal.out(jsonLine({ kind: "pruned", dryRun: dryRun === true, ...run }));
  else {
    const titles = [
      { title: "run", align: "left" },
      { title: "state", align: "left" },
      { title: "size", align: "right" },
    ] as const;
    const rows = pruned.map(({ runId, state, bytes }) => [runId, state ?? "no journal", bytesText(bytes)]);
    if (rows.length > 0) terminal.out(tableText(titles, rows));
    const freed = bytesText(pruned.reduce((sum, { bytes }) => sum + bytes, 0));
    const runs = `${countText(pruned.length)} ${pruned.length === 1 ? "run" : "runs"}`;
    terminal.err(`${dryRun === true ? "Would remove" : "Removed"} the files of ${runs}, ${freed}.\n`);
  }
}

async function compare(terminal: Terminal, a: string | undefined, b: string | undefined, flags: RunsFlags): Promise<void> {
  if (a === undefined)
    throw usageError(
      "MISSING_OPTION",
      "runs diff: expected a run to compare with",
      "Write millrace runs diff A B; millrace runs lists them.",
    );
  const of = flags.stateDir === undefined ? {} : { stateDir: flags.stateDir };
  const earlier = await openReport({ ...of, runId: a });
  const later = await openReport({ ...of, ...(b === undefined ? {} : { runId: b }) });
  terminal.out(flags.json === true ? jsonLine({ kind: "diff", ...earlier.diff(later) }) : earlier.diffText(later));
}
