import { createWriteStream } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import { openRejects, type Reject, type RunRejects } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { printable, usageError } from "./failure.js";
import { jsonLine } from "./jsonLines.js";
import { wholeNumber } from "./options.js";
import { tableText } from "./table.js";
import type { Terminal } from "./terminal.js";

type Format = "csv" | "jsonl" | "parquet" | "raw";

interface RejectsFlags {
  readonly stateDir?: string;
  readonly samples: number;
  readonly json?: boolean;
  readonly export?: Format;
  readonly out?: string;
}

/** `millrace rejects [run]`: what a run rejected, by code, file and column, with samples; or all of it as a file. */
export function rejectsCommand(terminal: Terminal, done: (code: number) => void): Command {
  return new Command("rejects")
    .description("list the records that a run rejected, or export them")
    .argument("[run]", "the run's id; the latest run that has rejects by default")
    .option("--samples <n>", "how many records to show", wholeNumber("--samples"), 10)
    .option("--json", "print counts and every record as NDJSON on stdout")
    .addOption(
      new Option("--export <format>", "write all of them: raw is the records as they stand in their file").choices([
        "csv",
        "jsonl",
        "parquet",
        "raw",
      ]),
    )
    .option("--out <path>", "where the export goes; stdout by default")
    .option("--state-dir <dir>", "where runs keep their journal and scratch files")
    .action(async (run: string | undefined, flags: RejectsFlags) => done(await listRejects(terminal, run, flags)));
}

async function listRejects(terminal: Terminal, run: string | undefined, flags: RejectsFlags): Promise<number> {
  const rejects = openRejects({
    ...(run === undefined ? {} : { runId: run }),
    ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
  });
  if (flags.export !== undefined) await exportRejects(terminal, rejects, flags.export, flags.out ?? null);
  else if (flags.json === true) await printJson(terminal, rejects);
  else await printWords(terminal, rejects, flags.samples, flags.stateDir);
  return exitCodes.ok;
}

async function printJson(terminal: Terminal, rejects: RunRejects): Promise<void> {
  const { runId, count, resolved, byCode, byFile, byColumn, rawFiles } = rejects;
  terminal.out(jsonLine({ kind: "rejects", runId, count, resolved, byCode, byFile, byColumn, rawFiles }));
  for await (const reject of rejects) terminal.out(jsonLine({ kind: "reject", ...plain(reject) }));
}

/** Raw bytes as text where they are UTF-8, else as base64. */
function plain({ raw, ...reject }: Reject): object {
  if (raw === null) return { ...reject, raw: null };
  try {
    return { ...reject, raw: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw) };
  } catch {
    return { ...reject, raw: null, rawBase64: Buffer.from(raw).toString("base64") };
  }
}

async function printWords(terminal: Terminal, rejects: RunRejects, samples: number, stateDir: string | undefined): Promise<void> {
  const { runId, count, resolved } = rejects;
  const settled = resolved === 0 ? "" : `, ${resolved} of them settled by replays`;
  terminal.out(`run ${runId}: ${count} ${count === 1 ? "record" : "records"} rejected${settled}\n`);
  for (const [title, counts] of [
    ["code", rejects.byCode],
    ["file", rejects.byFile],
    ["column", rejects.byColumn],
  ] as const) {
    const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
    if (rows.length === 0) continue;
    const columns = [{ title: "records", align: "right" } as const, { title, align: "left" } as const];
    terminal.out(
      `\n${tableText(
        columns,
        rows.map(([name, times]) => [String(times), name]),
      )}`,
    );
  }
  const shown = await samplesByCode(rejects, samples);
  if (shown.length > 0) terminal.out("\n");
  for (const reject of shown) terminal.out(sampleText(reject));
  terminal.err(nextSteps(rejects, shown.length, stateDir));
}

/**
 * The first few records of every code, the most frequent code first: what happened once must not be hidden behind what happened a million times.
 */
async function samplesByCode(rejects: RunRejects, samples: number): Promise<Reject[]> {
  const codes = Object.entries(rejects.byCode).sort((a, b) => b[1] - a[1]);
  const each = Math.floor(samples / Math.max(1, codes.length));
  const more = samples - each * codes.length;
  const groups = new Map(
    codes.map(([code, count], i) => [code, { room: Math.min(count, each + (i < more ? 1 : 0)), found: [] as Reject[] }]),
  );
  let wanted = [...groups.values()].reduce((sum, { room }) => sum + room, 0);
  if (wanted === 0) return [];
  for await (const reject of rejects) {
    const group = groups.get(reject.code);
    if (group === undefined || group.found.length === group.room) continue;
    group.found.push(reject);
    if (--wanted === 0) break;
  }
  return [...groups.values()].flatMap(({ found }) => found);
}

/** What to do about them. */
function nextSteps({ runId, count, kept, rawFiles }: RunRejects, shown: number, stateDir: string | undefined): string {
  if (count === 0) return "";
  if (!kept) return '\nThe records themselves were not kept: onReject: "quarantine" keeps them.\n';
  const state = stateDir === undefined ? "" : ` --state-dir ${stateDir}`;
  const lines = [
    ...(shown < count ? [`${shown} of ${count} records are shown. All of them:`] : ["As a file:"]),
    `  millrace rejects ${runId}${state} --export csv --out rejects.csv`,
    ...(rawFiles.length === 0
      ? []
      : [
          "As they stand in their source, to be repaired:",
          `  millrace rejects ${runId}${state} --export raw --out ${rawFiles.length > 1 ? "rejects" : "rejects.raw"}`,
        ]),
    "Again through a plan that takes them:",
    `  millrace replay ${runId}${state} [plan.ts] [--where code=…]`,
  ];
  return `\n${lines.join("\n")}\n`;
}

function sampleText(reject: Reject): string {
  const { file, line, byte, row, column, code, message, raw } = reject;
  const place = line !== null ? `${file}:${line}, byte ${byte}` : row !== null ? `${file} row ${row}` : file;
  const where = column === null ? place : `${place}, column ${JSON.stringify(column)}`;
  const text = raw === null ? "" : Buffer.from(raw.subarray(0, 200)).toString("utf8");
  const record = raw === null ? "" : `  ${printable(text).replaceAll("\n", "\\n")}${raw.length > 200 ? "…" : ""}\n`;
  return `${code}  ${printable(where)}: ${printable(message).replaceAll("\n", " ")}\n${record}`;
}

async function exportRejects(terminal: Terminal, rejects: RunRejects, format: Format, out: string | null): Promise<void> {
  if (rejects.file === null) {
    throw usageError("REJECTS_NOT_KEPT", `run ${rejects.runId} kept no rejects`, 'Read the source with onReject: "quarantine".');
  }
  if (format === "parquet") return copyFiles(terminal, [rejects.file], out);
  if (format === "raw") return exportRaw(terminal, rejects, out);
  const lines = format === "jsonl" ? jsonLines(rejects) : csvLines(rejects);
  if (out !== null) return pipeline(lines, createWriteStream(out));
  for await (const line of lines) terminal.out(line);
}

/** The records of every source file, each behind its header: one file, or a folder of them where there are several. */
async function exportRaw(terminal: Terminal, rejects: RunRejects, out: string | null): Promise<void> {
  const paths = rejects.rawFiles.map((raw) => raw.path);
  if (paths.length === 0) throw usageError("REJECTS_NOT_KEPT", "no rejected record has bytes of its own", "Export as jsonl.");
  if (paths.length === 1) return copyFiles(terminal, paths, out);
  if (out === null) {
    const message = `the rejects come from ${paths.length} files, each with a beginning of its own`;
    throw usageError("MISSING_OPTION", message, "Name a folder for them with --out.");
  }
  await mkdir(out, { recursive: true });
  for (const path of paths) await copyFiles(terminal, [path], join(out, basename(path)));
}

async function copyFiles(terminal: Terminal, files: readonly string[], out: string | null): Promise<void> {
  for (const file of files) {
    if (out === null) terminal.out(await readFile(file));
    else await copyFile(file, out);
  }
}

async function* jsonLines(rejects: RunRejects): AsyncGenerator<string> {
  for await (const reject of rejects) yield `${JSON.stringify(plain(reject))}\n`;
}

const csvColumns = [
  "runId",
  "source",
  "partition",
  "file",
  "line",
  "byte",
  "length",
  "row",
  "stage",
  "column",
  "code",
  "message",
  "functionName",
  "functionHash",
  "attempt",
  "rawKind",
  "raw",
] as const;

async function* csvLines(rejects: RunRejects): AsyncGenerator<string> {
  yield `${csvColumns.join(",")}\n`;
  for await (const reject of rejects) {
    const values = csvColumns.map((name) => {
      if (name === "raw") return reject.raw === null ? "" : Buffer.from(reject.raw).toString("utf8");
      return String(reject[name] ?? "");
    });
    yield `${values.map(csvField).join(",")}\n`;
  }
}

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
