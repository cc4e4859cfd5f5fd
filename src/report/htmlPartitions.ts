import { boundText, causeText, resumeText } from "./findings.js";
import { countText, cut, durationText, percentText, shortCount } from "./format.js";
import { heatMap, throughputHistogram } from "./htmlCharts.js";
import { figure, table, text } from "./htmlTable.js";
import { type Html, html } from "./htmlText.js";
import type { RunReportData, StageReport } from "./model.js";

/** Stages with a figure of their own are the longest few. */
const mostStages = 4;
const leastPartitions = 8;

/** The longest stages that have enough partitions to compare. */
export function partitionSections({ execution }: RunReportData): Html[] {
  const stages = execution.stages.filter((stage) => stage.tasks.length >= leastPartitions);
  return [...stages]
    .sort((a, b) => b.durationMs - a.durationMs)
    .slice(0, mostStages)
    .map(partitionSection);
}

function partitionSection(stage: StageReport): Html {
  const { latency, throughput, skew } = stage;
  const uneven =
    skew === null
      ? ""
      : ` The largest holds ${skew.records.toFixed(2)} times the mean number of records and took ${skew.duration.toFixed(2)} times the mean time.`;
  const busy = stage.busy === null ? "" : ` Workers were busy ${percentText(100 * stage.busy, 0)} of the stage.`;
  const figures = [
    ["time", latency, durationText],
    ["records/s", throughput, shortCount],
  ] as const;
  const columns = [text("Per partition"), figure("least"), figure("p50"), figure("p95"), figure("p99"), figure("most")];
  const rows = figures.map(([name, of, show]) => [name, show(of.min), show(of.p50), show(of.p95), show(of.p99), show(of.max)]);
  return html`<h3>${stage.label}: ${countText(stage.partitions)} partitions</h3>
<p class="soft small">Held up by ${boundText(stage)}.${uneven}${busy}</p>
<div class="legend"><span><i style="background:var(--h0)"></i>quick</span><span><i style="background:var(--h4)"></i>slow</span><span><i style="background:var(--h5)"></i>straggler</span></div>
<div class="wide" tabindex="0">${heatMap(stage)}</div>
<div class="two"><div><h3>Records a second</h3><div class="wide fit">${throughputHistogram(stage)}</div></div><div><h3>Spread</h3>${table(columns, rows)}</div></div>
${slowest(stage)}`;
}

const mostSlow = 5;
const mostShown = 15;

function slowest(stage: StageReport): Html {
  const causes = new Map(stage.stragglers.map((straggler) => [straggler.partition, straggler]));
  const longest = [...stage.tasks].sort((a, b) => b.durationMs - a.durationMs || a.partition - b.partition);
  const shown = longest.slice(0, Math.min(mostShown, Math.max(mostSlow, stage.stragglers.length)));
  const columns = [
    text("Slowest partitions"),
    figure("Time"),
    figure("Records"),
    figure("Records/s"),
    figure("Waited"),
    figure("Read"),
    figure("Compute"),
    figure("Write"),
  ];
  const rows = shown.map((task) => {
    const straggler = causes.get(task.partition);
    const why = straggler === undefined ? null : html`<br><span class="chip warning">straggler</span>${causeText(straggler)}`;
    const where = task.where === "" ? null : html`<br><span class="soft small">${cut(task.where, 160)}</span>`;
    const times = [task.readMs, task.computeMs, task.writeMs].map(durationText);
    return [
      html`partition ${String(task.partition)}${where}${why}`,
      durationText(task.durationMs),
      countText(task.records),
      shortCount(task.recordsPerSecond),
      durationText(task.waitMs),
      ...times,
    ];
  });
  return table(columns, rows);
}

const mostAttempts = 20;

const mostRedone = 20;

/** What was taken over from the processes that were cut off before. */
export function resumeSection({ execution: { resume } }: RunReportData): Html | null {
  if (resume === null) return null;
  const { redone } = resume;
  const again =
    redone.length === 0
      ? html`<p class="soft small">Nothing that had been done was done again.</p>`
      : table(
          [text("Done again"), text("Why")],
          redone.slice(0, mostRedone).map(({ task, reason }) => [cut(task, 80), cut(reason, 300)]),
        );
  const more =
    redone.length > mostRedone ? html`<p class="soft small">and ${countText(redone.length - mostRedone)} more</p>` : null;
  return html`<section id="resume"><h2>Gone on with</h2><p class="soft">${resumeText(resume)}</p>${again}${more}</section>`;
}

/** What was tried more than once, and why. */
export function attemptSection({ execution }: RunReportData): Html | null {
  const { attempts } = execution;
  if (attempts.length === 0) return null;
  const columns = [text("Task"), figure("Attempt"), text("Why"), text("Outcome"), figure("Time"), text("Error")];
  const rows = attempts
    .slice(0, mostAttempts)
    .map((one) => [
      `${one.stage}, partition ${one.partition}`,
      countText(one.attempt),
      one.reason,
      one.outcome,
      durationText(one.endMs - one.startMs),
      one.code === null ? null : html`<code>${one.code}</code> ${cut(one.message ?? "", 300)}`,
    ]);
  const more =
    attempts.length > mostAttempts ? html`<p class="soft small">and ${countText(attempts.length - mostAttempts)} more</p>` : null;
  return html`<section id="attempts"><h2>Attempts</h2><p class="soft">Further attempts of tasks, and those that failed.</p>${table(columns, rows)}${more}</section>`;
}
