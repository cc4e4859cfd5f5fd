import { cut, durationText } from "./format.js";
import { type Html, html } from "./htmlText.js";
import type { Bound, RunReportData, StageReport } from "./model.js";

const width = 1000;
const labelWidth = 190;
const rowHeight = 30;
/** Single tasks are drawn up to this many; more would be a grey smear. */
const mostTasks = 400;

interface Row {
  readonly label: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly kind: Bound | "idle";
  readonly stage: StageReport | null;
}

/** When each phase and stage ran, with the tasks of worker stages in lanes. */
export function timeline({ execution }: RunReportData): Html {
  const total = Math.max(1, execution.durationMs);
  const x = (ms: number) => labelWidth + ((width - labelWidth) * Math.max(0, ms)) / total;
  const rows = rowsOf(execution);
  const heights = rows.map((row) => (row.stage !== null && lanesOf(row.stage).length > 1 ? rowHeight + 12 : rowHeight));
  const height = heights.reduce((a, b) => a + b, 0) + 24;
  let y = 20;
  const drawn = rows.map((row, i) => {
    const at = y;
    y += heights[i] ?? rowHeight;
    return drawRow(row, at, (heights[i] ?? rowHeight) - 8, x);
  });
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Timeline of the stages; the table below has the same figures">
${ticks(total).map((ms) => html`<path class="grid" d="M${x(ms)} 16V${height}"/><text class="t" x="${x(ms)}" y="10" text-anchor="${x(ms) > width - 40 ? "end" : "middle"}">${durationText(ms)}</text>`)}
${drawn}</svg>`;
}

function rowsOf(execution: RunReportData["execution"]): Row[] {
  const phases = execution.phases.map(
    ({ name, startMs, durationMs }): Row => ({ label: name, startMs, durationMs, kind: "idle", stage: null }),
  );
  const stages = execution.stages.map((stage): Row => {
    const { label, startMs, durationMs, bound } = stage;
    return { label, startMs, durationMs, kind: bound, stage };
  });
  return [...phases, ...stages].sort((a, b) => a.startMs - b.startMs);
}

function drawRow({ label, startMs, durationMs, kind, stage }: Row, y: number, height: number, x: (ms: number) => number): Html {
  const [from, to] = [x(startMs), Math.max(x(startMs) + 2, x(startMs + durationMs))];
  const title = `${label}: ${durationText(durationMs)}, from ${durationText(startMs)} on`;
  const time = durationText(durationMs);
  // Beside the bar where there is room, before it where there is none.
  const after = to < width - 70;
  const text = html`<text class="t" x="${after ? to + 6 : from - 6}" y="${y + height / 2 + 4}" text-anchor="${after ? "start" : "end"}">${time}</text>`;
  const tasks = stage === null ? null : drawTasks(stage, y, height, x);
  const bar = html`<rect class="${kind}${tasks === null ? "" : " dim"}" x="${from}" y="${y}" width="${to - from}" height="${height}" rx="3"><title>${title}</title></rect>`;
  return html`<text x="0" y="${y + height / 2 + 4}">${cut(label, 27)}</text>${bar}${tasks}${text}`;
}

/** Tasks one after the other, in as few lanes as hold them. */
function lanesOf(stage: StageReport): StageReport["tasks"][number][][] {
  if (stage.tasks.length > mostTasks) return [];
  const lanes: StageReport["tasks"][number][][] = [];
  for (const task of [...stage.tasks].sort((a, b) => a.startMs - b.startMs || a.partition - b.partition)) {
    const lane = lanes.find((one) => {
      const last = one[one.length - 1];
      return last !== undefined && last.startMs + last.durationMs <= task.startMs;
    });
    if (lane === undefined) lanes.push([task]);
    else lane.push(task);
  }
  return lanes;
}

function drawTasks(stage: StageReport, y: number, height: number, x: (ms: number) => number): Html | null {
  const lanes = lanesOf(stage);
  if (lanes.length === 0 || stage.tasks.length < 2) return null;
  const each = height / lanes.length;
  const slow = new Set(stage.stragglers.map((straggler) => straggler.partition));
  const path = (of: (partition: number) => boolean) =>
    lanes
      .flatMap((lane, i) =>
        lane.flatMap((task) => {
          if (!of(task.partition)) return [];
          const [from, to] = [x(task.startMs), x(task.startMs + task.durationMs)];
          return `M${short(from)} ${short(y + i * each + 0.5)}h${short(Math.max(0.5, to - from - 0.8))}v${short(Math.max(1, each - 1))}H${short(from)}z`;
        }),
      )
      .join("");
  return html`<path class="${stage.bound}" d="${path((one) => !slow.has(one))}"/>${slow.size === 0 ? null : html`<path class="no" d="${path((one) => slow.has(one))}"/>`}`;
}

const short = (value: number): string => String(Math.round(value * 10) / 10);

/** Four to eight round times. */
function ticks(totalMs: number): number[] {
  const steps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 432e5,
  ];
  const step = steps.find((one) => totalMs / one <= 8) ?? totalMs / 6;
  return Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, i) => i * step);
}
