import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RunReport } from "../../report/report.js";

/** Writes the report into the run's folder, and where the caller wants it. One that cannot be written is told, but never fails the run. */
export function writeReportFiles(report: RunReport, runFolder: string, extra: string | undefined): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  for (const file of [join(runFolder, "report.json"), ...(extra === undefined ? [] : [extra])]) {
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, file.endsWith(".html") ? report.toHtml() : json);
    } catch (cause) {
      process.emitWarning(`the run report could not be written to ${file}: ${(cause as Error).message}`, "MillraceWarning");
    }
  }
}
