import type { CheckResult } from "../quality/results.js";
import { percent } from "../quality/results.js";
import { boundText } from "./findings.js";
import { bytesText, changeText, countText, cut, durationText, percentText, shortCount, shortPath, timeText } from "./format.js";
import { historyChart, passBar, shareBar, timeBar } from "./htmlCharts.js";
import { code, figure, table, text } from "./htmlTable.js";
import { type Html, html } from "./htmlText.js";
import type { Compared, RunReportData, StageReport } from "./model.js";

/** A report of an earlier version has none of these. */
function remark({ unfinished, spillBytes, waitMs, durationMs }: Partial<StageReport>): string {
  const spilled = (spillBytes ?? 0) > 0 ? `, spilled ${bytesText(spillBytes ?? 0)}` : "";
  const waited = (waitMs ?? 0) > (durationMs ?? 0) ? `, its tasks waited ${durationText(waitMs ?? 0)} in all` : "";
  return `${unfinished === true ? ", not finished" : ""}${spilled}${waited}`;
}

export function stageTable({ execution }: RunReportData): Html {
  const columns = [
    text("Stage"),
    figure("In"),
    figure("Out"),
    figure("Filtered"),
    figure("Rejected"),
    figure("Time"),
    figure("Share"),
    figure("Records/s"),
    figure("Tasks"),
    text("Workers' time"),
  ];
  const rows = execution.stages.map((stage) => [
    html`${stage.label}<br><span class="soft small">${stage.kind === "worker" ? "workers" : stage.kind === "duckdb" ? "DuckDB" : "main thread"}${remark(stage)}</span>`,
    countText(stage.recordsIn),
    countText(stage.recordsOut),
    countText(stage.filtered),
    countText(stage.failed),
    durationText(stage.durationMs),
    percentText(100 * stage.shareOfTotal, 0),
    shortCount(stage.recordsPerSecond),
    stage.partitions === 0
      ? "–"
      : stage.attempts > stage.partitions
        ? `${stage.partitions} (${stage.attempts} tries)`
        : countText(stage.partitions),
    timeBar(stage) ?? html`<span class="soft small">${boundText(stage)}</span>`,
  ]);
  return table(columns, rows);
}

export const timeLegend = html`<div class="legend"><span><i style="background:var(--read)"></i>read</span><span><i style="background:var(--compute)"></i>compute</span><span><i style="background:var(--write)"></i>write</span><span><i style="background:var(--query)"></i>DuckDB, program</span><span><i style="background:var(--idle)"></i>waiting, other</span><span><i style="background:var(--bad)"></i>straggler</span></div>`;

export function qualitySection({ quality }: RunReportData): Html | null {
  if (quality === null) return null;
  const columns = [text("Check"), text("Result"), figure("Rows"), figure("Failed"), text("Holds for"), figure("Wanted")];
  const rows = quality.checks.map((check) => {
    const passed = check.verdict === "passed";
    const verdict = html`<span class="chip ${passed ? "passed" : check.critical ? "critical" : "partial"}">${passed ? "passed" : check.critical ? "critical" : "failed"}</span>`;
    const what = html`<b>${cut(check.name, 80)}</b><br><span class="soft small">${check.dimension}, expected ${cut(check.expected, 120)}</span>`;
    if (check.observed !== null) return [what, verdict, "", "", `found ${cut(check.observed, 60)}`, ""];
    const holds = html`${passBar(check.passRate, check.threshold, passed)}<span class="small">${percent(check.passRate)}</span>`;
    return [what, verdict, countText(check.total), countText(check.failed), holds, percent(check.threshold)];
  });
  const failing = quality.checks.filter(
    (check) => check.failed > 0 && (check.samples.length > 0 || check.unexpected.values.length > 0),
  );
  return html`<section id="checks"><h2>Checks</h2><p class="soft">Score ${percentText(quality.score)}: pass rates weighted by records.</p>${table(columns, rows)}${failing.map(samples)}</section>`;
}

const valueText = (value: string | null): Html =>
  value === null ? html`<span class="soft">null</span>` : code(JSON.stringify(value), 80);

function samples(check: CheckResult): Html {
  const shown = check.samples.map(({ file, line, values, message }) => {
    const place = file === null ? "" : `${file}${line === null ? "" : `:${line}`}`;
    const found = Object.entries(values).map(([column, value], i) => html`${i > 0 ? ", " : ""}${column} = ${valueText(value)}`);
    return html`<li>${place === "" ? null : html`<code class="soft">${place}</code> `}${found}${message === null ? null : html` <span class="soft">(${cut(message, 200)})</span>`}</li>`;
  });
  const values = check.unexpected.values.map(
    ({ value, count }, i) => html`${i > 0 ? ", " : ""}${valueText(value)} × ${countText(count)}`,
  );
  const most =
    values.length === 0
      ? null
      : html`<p class="small"><span class="soft">Most frequent:</span> ${values}${check.unexpected.complete ? "" : ", …"}</p>`;
  return html`<details${check.verdict === "failed" ? html` open` : null}><summary>${cut(check.name, 80)}: ${countText(check.failed)} ${check.failed === 1 ? "row fails" : "rows fail"}</summary>${most}<ul class="small">${shown}</ul></details>`;
}

export function rejectSection({ execution: { rejects } }: RunReportData): Html | null {
  if (rejects.count === 0) return null;
  const bars = (title: string, counts: { readonly [name: string]: number }) => {
    const all = Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (all.length === 0) return null;
    const most = all[0]?.[1] ?? 1;
    const shown = all
      .slice(0, 12)
      .map(([name, times]) => [html`<code>${shortPath(name, 44)}</code>`, countText(times), shareBar(times / most, "no")]);
    const rest = all.length > 12 ? html`<p class="soft small">and ${countText(all.length - 12)} more</p>` : null;
    return html`<div>${table([text(title), figure("Records"), text("")], shown)}${rest}</div>`;
  };
  const columns = [text("Sample"), text("Where"), text("What")];
  const rows = rejects.samples.map(({ file, line, byte, row, column, code: why, message }) => {
    const place = line !== null ? `${file}:${line}` : row !== null ? `${file} row ${countText(row)}` : file;
    const where = html`<code>${cut(place, 120)}</code>${byte === null ? null : html`<br><span class="soft small">byte ${countText(byte)}</span>`}`;
    return [
      html`<code>${why}</code>${column === null ? null : html`<br><span class="soft small">${cut(column, 60)}</span>`}`,
      where,
      cut(message, 300),
    ];
  });
  const files =
    rejects.files.length === 0
      ? null
      : html`<p class="soft small">All of them: ${rejects.files.slice(0, 5).map((file, i) => html`${i > 0 ? ", " : ""}${code(file)}`)}</p>`;
  return html`<section id="rejects"><h2>Rejects</h2><p class="soft">${countText(rejects.count)} ${rejects.count === 1 ? "record" : "records"} left out.</p><div class="reasons">${bars("Reason", rejects.byCode)}${bars("Column", rejects.byColumn)}${bars("File", rejects.byFile)}</div>${table(columns, rows)}${files}</section>`;
}

export function historySection(report: RunReportData): Html | null {
  const { comparison } = report.performance;
  if (comparison === null) return null;
  const row = (name: string, { now, usual, changePercent }: Compared, show: (value: number) => string) => [
    name,
    show(now),
    show(usual),
    changeText(changePercent),
  ];
  const rows = [
    row("duration", comparison.durationMs, durationText),
    row("records read", comparison.recordsRead, countText),
    row("records rejected", comparison.recordsFailed, countText),
    row("records/s", comparison.recordsPerSecond, shortCount),
    row("CPU time", comparison.cpuMs, durationText),
    row("peak memory", comparison.peakMemoryBytes, bytesText),
  ];
  const stages = comparison.stages.map((stage) => row(stage.label, stage, durationText));
  const columns = (title: string) => [text(title), figure("Now"), figure("Usual"), figure("Change")];
  const of = comparison.runs === 1 ? "the one run before it" : `the average of ${comparison.runs} runs before it`;
  return html`<section id="history"><h2>Compared with usual</h2><p class="soft">Usual is ${of} that finished.</p><div class="wide fit">${historyChart(report, comparison)}</div><div class="two"><div>${table(columns("Figure"), rows)}</div><div>${table(columns("Stage"), stages)}</div></div></section>`;
}

const mostFiles = 20;

export function filesSection({ execution: { inputs, outputs } }: RunReportData): Html {
  const inputRows = inputs
    .slice(0, mostFiles)
    .map(({ path, bytes, modifiedMs }) => [code(path), bytesText(bytes), timeText(new Date(modifiedMs).toISOString())]);
  const outputRows = outputs.map(({ path, format, mode, rows, bytes, partitions }) => [
    code(path),
    `${format}, ${mode}`,
    countText(rows),
    bytesText(bytes),
    countText(partitions),
  ]);
  const files = outputs.flatMap((output) => output.files.map((file) => ({ ...file, output: output.path })));
  const fileRows = files
    .slice(0, mostFiles)
    .map(({ path, rows, bytes, checksum }) => [code(path), countText(rows), bytesText(bytes), html`<code>${checksum}</code>`]);
  const more = (all: number) => (all > mostFiles ? html`<p class="soft small">and ${countText(all - mostFiles)} more</p>` : null);
  const written =
    files.length === 0
      ? null
      : html`<details><summary>${countText(files.length)} ${files.length === 1 ? "file" : "files"} with checksums</summary>${table([text("File"), figure("Rows"), figure("Size"), text("crc32")], fileRows)}${more(files.length)}</details>`;
  return html`<h3>Inputs</h3>${inputs.length === 0 ? html`<p class="soft">No files.</p>` : table([text("File"), figure("Size"), text("Changed")], inputRows)}${more(inputs.length)}
<h3>Outputs</h3>${outputs.length === 0 ? html`<p class="soft">Nothing was published.</p>` : table([text("Path"), text("Format, mode"), figure("Rows"), figure("Size"), figure("Files")], outputRows)}${written}`;
}
