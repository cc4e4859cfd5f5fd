import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { Command } from "commander";
import { openReport, openRun, openRunReport, type ReportOf } from "../index.js";
import { exitCodes } from "./exitCodes.js";
import { errorDataOf, usageError } from "./failure.js";
import { schemaVersion } from "./jsonLines.js";
import { openRunText } from "./openRun.js";
import type { Terminal } from "./terminal.js";

type Form = "html" | "json" | "text" | "prometheus";

interface ReportFlags {
  readonly html?: boolean;
  readonly json?: boolean;
  readonly text?: boolean;
  readonly prometheus?: boolean;
  readonly out?: string;
  readonly stateDir?: string;
}

/** `millrace report [run]`: the report of a run as words, a page, JSON or Prometheus' text. */
export function reportCommand(terminal: Terminal, done: (code: number) => void): Command {
  return new Command("report")
    .description("show the report of a run")
    .argument("[run]", "the run's id, or its end; the latest run by default")
    .option("--text", "words for a terminal (default)")
    .option("--html", "one page that needs nothing else")
    .option("--json", "the data")
    .option("--prometheus", "Prometheus' text format")
    .option("--out <file>", "where it goes, its form told by .html, .json, .txt or .prom; stdout by default")
    .option("--state-dir <dir>", "where runs keep their journal and scratch files")
    .action(async (run: string | undefined, flags: ReportFlags) => {
      const form = formOf(flags);
      const of = {
        ...(run === undefined ? {} : { runId: run }),
        ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      };
      const text = await textOf(of, form);
      if (flags.out === undefined) terminal.out(text);
      else await writeFile(flags.out, text);
      done(exitCodes.ok);
    });
}

/** A run that was cut off has no report; its journal tells what there is to know. */
async function textOf(of: ReportOf, form: Form): Promise<string> {
  try {
    return render(await openReport(of), form);
  } catch (thrown) {
    const run =
      of.runId === undefined || errorDataOf(thrown).code !== "RUN_NOT_FOUND" ? null : openRun({ ...of, runId: of.runId });
    if (run === null) throw thrown;
    if (form === "html" || form === "prometheus") {
      const report = await openRunReport({ ...of, runId: run.runId });
      if (report === null) throw thrown;
      return render(report, form);
    }
    return form === "json" ? `${JSON.stringify({ schemaVersion, kind: "open-run", ...run }, null, 2)}\n` : openRunText(run);
  }
}

const forms: readonly Form[] = ["html", "json", "text", "prometheus"];
const formOfName: { readonly [extension: string]: Form } = {
  ".html": "html",
  ".json": "json",
  ".txt": "text",
  ".prom": "prometheus",
};

/** @throws MillraceError Config/INVALID_OPTION for more than one */
function formOf(flags: ReportFlags): Form {
  const asked = forms.filter((form) => flags[form] === true);
  if (asked.length > 1) throw usageError("INVALID_OPTION", `--${asked.join(" and --")}: expected one of them`);
  return asked[0] ?? (flags.out === undefined ? "text" : (formOfName[extname(flags.out)] ?? "text"));
}

function render(report: Awaited<ReturnType<typeof openReport>>, form: Form): string {
  switch (form) {
    case "html":
      return report.toHtml();
    case "json":
      return `${JSON.stringify(report, null, 2)}\n`;
    case "text":
      return report.toText();
    case "prometheus":
      return report.toPrometheus();
  }
}
