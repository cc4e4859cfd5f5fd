import { type CheckResult, checkText, type FailingSample, type QualityReport } from "../quality/results.js";

/** The checks for a terminal: the score, then one line a check, with samples below those that do not hold. */
export function qualityLines(quality: QualityReport): string[] {
  const lines = [`Quality  score ${quality.score.toFixed(2)} %, ${quality.verdict}`];
  for (const check of quality.checks) {
    const mark = check.verdict === "passed" ? "ok  " : check.critical ? "CRIT" : "FAIL";
    lines.push(`  ${mark} ${checkText(check)}`);
    if (check.failed === 0) continue;
    for (const sample of check.samples) lines.push(`         ${sampleText(sample)}`);
    if (check.unexpected.values.length > 0) lines.push(`         unexpected: ${valuesText(check)}`);
  }
  return lines;
}

function sampleText({ file, line, values, message }: FailingSample): string {
  const place = file === null ? "" : `${file}${line === null ? "" : `:${line}`}: `;
  const found = Object.entries(values).map(([column, value]) => `${column} = ${value === null ? "null" : JSON.stringify(value)}`);
  return `${place}${found.join(", ")}${message === null ? "" : ` (${message})`}`;
}

function valuesText({ unexpected }: CheckResult): string {
  const texts = unexpected.values.map(
    ({ value, count }) => `${value === null ? "null" : JSON.stringify(value)} × ${count.toLocaleString("en-US")}`,
  );
  return `${texts.join(", ")}${unexpected.complete ? "" : ", …"}`;
}
