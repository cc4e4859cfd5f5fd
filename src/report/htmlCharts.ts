import { countText, durationText, shortCount, timeText } from "./format.js";
import { type Html, html } from "./htmlText.js";
import type { Comparison, PastRun, RunReportData, StageReport } from "./model.js";

const levels = 6;
/** With a tooltip each, cells take most of a page. */
const mostTitles = 600;
const cellSize = 14;
const across = 70;

/** One cell per partition, darker where it took longer; red marks stragglers. */
export function heatMap(stage: StageReport): Html {
  const { tasks } = stage;
  const size = tasks.length > 1500 ? cellSize / 2 : cellSize;
  const columns = (across * cellSize) / size;
  const height = Math.ceil(tasks.length / columns) * size;
  const longest = Math.max(1, ...tasks.map((task) => task.durationMs));
  const slow = new Set(stage.stragglers.map((straggler) => straggler.partition));
  const level = (task: StageReport["tasks"][number]) =>
    slow.has(task.partition) ? levels - 1 : Math.min(levels - 2, Math.floor(((levels - 1) * task.durationMs) / longest));
  const place = (i: number) => ({ x: (i % columns) * size, y: Math.floor(i / columns) * size });
  const cells =
    tasks.length <= mostTitles
      ? tasks.map((task, i) => {
          const { x, y } = place(i);
          const title = `partition ${task.partition}: ${countText(task.records)} records in ${durationText(task.durationMs)}`;
          return html`<rect class="h${level(task)}" x="${x}" y="${y}" width="${size - 2}" height="${size - 2}" rx="2"><title>${title}</title></rect>`;
        })
      : Array.from({ length: levels }, (_, wanted) => {
          const d = tasks.flatMap((task, i) => {
            const { x, y } = place(i);
            return level(task) === wanted ? `M${x} ${y}h${size - 1}v${size - 1}H${x}z` : [];
          });
          return html`<path class="h${wanted}" d="${d.join("")}"/>`;
        });
  const label = `Time of each of ${countText(tasks.length)} partitions; the slowest are in the table below`;
  const used = Math.min(tasks.length, columns) * size;
  return html`<svg viewBox="0 0 ${used} ${height}" width="${used}" height="${height}" role="img" aria-label="${label}">${cells}</svg>`;
}

const bins = 24;

/** How many partitions ran at which speed. */
export function throughputHistogram(stage: StageReport): Html {
  const rates = stage.tasks.map((task) => task.recordsPerSecond);
  const [least, most] = [Math.min(...rates), Math.max(...rates)];
  const width = Math.max(1, most - least) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const rate of rates) {
    const bin = Math.min(bins - 1, Math.floor((rate - least) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const highest = Math.max(...counts);
  const bar = (count: number, i: number) => {
    const height = (90 * count) / highest;
    const title = `${countText(count)} partitions from ${shortCount(least + i * width)} to ${shortCount(least + (i + 1) * width)} records/s`;
    return count === 0
      ? null
      : html`<rect class="bar" x="${i * 20 + 1}" y="${100 - height}" width="18" height="${height}" rx="1.5"><title>${title}</title></rect>`;
  };
  const { p50 } = stage.throughput;
  const mid = ((Math.min(Math.max(p50, least), most) - least) / width) * 20;
  const label = `Records a second of ${countText(rates.length)} partitions: from ${shortCount(least)} to ${shortCount(most)}, median ${shortCount(p50)}`;
  return html`<svg viewBox="0 0 480 122" width="480" height="122" role="img" aria-label="${label}">${counts.map(bar)}<path class="grid" d="M0 100.5H480"/><path class="usual" d="M${mid} 8V100"/><text class="t" x="${Math.min(380, mid + 4)}" y="14">median ${shortCount(p50)}/s</text><text class="t" x="0" y="115">${shortCount(least)}/s</text><text class="t" x="480" y="115" text-anchor="end">${shortCount(most)}/s</text></svg>`;
}

/** What the workers of a stage spent their time on. */
export function timeBar({ time, busy, label }: StageReport): Html | null {
  const all = time.readMs + time.computeMs + time.writeMs;
  if (all === 0) return null;
  const idle = busy === null || busy === 0 ? 0 : all / busy - all;
  const parts = [
    ["read", time.readMs],
    ["compute", time.computeMs],
    ["write", time.writeMs],
    ["idle", idle],
  ] as const;
  let x = 0;
  const bars = parts.map(([kind, ms]) => {
    const width = (220 * ms) / (all + idle);
    x += width;
    return html`<rect class="${kind}" x="${x - width}" width="${width}" height="12"><title>${kind}: ${durationText(ms)}</title></rect>`;
  });
  const words = parts.map(([kind, ms]) => `${kind} ${durationText(ms)}`).join(", ");
  return html`<svg viewBox="0 0 220 12" width="220" height="12" role="img" aria-label="${label}: ${words}">${bars}</svg>`;
}

const shade = { success: "ok", partial: "mid", failed: "no" } as const;

/** Earlier runs and this one, as bars of their duration; the line is what is usual. */
export function historyChart(report: RunReportData, comparison: Comparison): Html {
  const { execution } = report;
  const now = { ...comparisonPoint(report), start: execution.start };
  const runs: Pick<PastRun, "status" | "durationMs" | "start" | "runId" | "recordsRead">[] = [...comparison.recent, now];
  const most = Math.max(1, ...runs.map((run) => run.durationMs), comparison.durationMs.usual);
  const step = Math.min(30, 720 / runs.length);
  const bars = runs.map((run, i) => {
    const height = Math.max(1.5, (96 * run.durationMs) / most);
    const title = `${timeText(run.start)}: ${durationText(run.durationMs)}, ${countText(run.recordsRead)} records, ${run.status}`;
    const last = i === runs.length - 1;
    return html`<rect class="${shade[run.status]}${last ? "" : " dim"}" x="${i * step + 1}" y="${100 - height}" width="${step - 3}" height="${height}" rx="1.5"><title>${title}</title></rect>`;
  });
  const y = 100 - (96 * comparison.durationMs.usual) / most;
  const right = runs.length * step;
  const label = `Duration of the last ${runs.length} runs; usual is ${durationText(comparison.durationMs.usual)}, this one took ${durationText(execution.durationMs)}`;
  return html`<svg viewBox="0 0 ${right + 110} 118" width="${right + 110}" height="118" role="img" aria-label="${label}">${bars}<path class="grid" d="M0 100.5H${right}"/><path class="usual" d="M0 ${y}H${right}"/><text class="t" x="${right + 5}" y="${y + 4}">usual ${durationText(comparison.durationMs.usual)}</text><text class="t" x="0" y="114">${(runs[0]?.start ?? "").slice(0, 10)}</text><text class="t b" x="${right}" y="114" text-anchor="end">this run</text></svg>`;
}

const comparisonPoint = ({ status, runId, execution: { durationMs, recordsRead } }: RunReportData) => ({
  status,
  runId,
  durationMs,
  recordsRead,
});

/** How much of a check holds, with a mark at what is wanted. */
export function passBar(passRate: number, threshold: number, passed: boolean): Html {
  return html`<svg viewBox="0 0 120 10" width="120" height="10" aria-hidden="true"><rect class="track" width="120" height="10" rx="2"/><rect class="${passed ? "ok" : "no"}" width="${120 * passRate}" height="10" rx="2"/><path class="grid" style="stroke:var(--ink)" d="M${Math.min(119, 120 * threshold)} -2V12"/></svg>`;
}

/** A bar for a share of the largest of its column. */
export const shareBar = (share: number, kind = "bar"): Html =>
  html`<svg viewBox="0 0 120 10" width="120" height="10" aria-hidden="true"><rect class="${kind}" width="${Math.max(1, 120 * share)}" height="10" rx="2"/></svg>`;
