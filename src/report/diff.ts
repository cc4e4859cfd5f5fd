import { compared } from "./comparison.js";
import { bytesText, changeText, countText, durationText, percentText, visible } from "./format.js";
import type { Compared, RunReportData } from "./model.js";
import { tableLines } from "./text.js";

/** One figure of two runs; `now` is the second's. */
export interface FigureDiff extends Compared {
  readonly name: string;
  readonly unit: "ms" | "count" | "bytes" | "percent";
}

/** What differs between two runs. */
export interface RunDiff {
  readonly schemaVersion: 1;
  readonly a: RunName;
  readonly b: RunName;
  readonly samePlan: boolean;
  readonly figures: readonly FigureDiff[];
  readonly stages: readonly FigureDiff[];
  /** Settings, parameters and versions that differ, as text; null where a run has none. */
  readonly changed: readonly { readonly name: string; readonly a: string | null; readonly b: string | null }[];
  /** Input files of one run alone, and those whose size or time of change differs. */
  readonly inputs: { readonly onlyA: readonly string[]; readonly onlyB: readonly string[]; readonly changed: readonly string[] };
  /** Output files whose checksum differs or that one run alone has, under the same output. */
  readonly outputs: readonly { readonly path: string; readonly same: boolean; readonly differing: number }[];
}

interface RunName {
  readonly runId: string;
  readonly job: string;
  readonly status: string;
}

/** Compares two reports. Pure. */
export function diffRuns(a: RunReportData, b: RunReportData): RunDiff {
  const name = ({ runId, job, status }: RunReportData): RunName => ({ runId, job, status });
  return {
    schemaVersion: 1,
    a: name(a),
    b: name(b),
    samePlan: a.execution.planFingerprint === b.execution.planFingerprint,
    figures: figures(a, b),
    stages: stages(a, b),
    changed: changed(a, b),
    inputs: inputs(a, b),
    outputs: outputs(a, b),
  };
}

function figures(a: RunReportData, b: RunReportData): FigureDiff[] {
  const of = (name: string, unit: FigureDiff["unit"], figure: (report: RunReportData) => number | null): FigureDiff[] => {
    const [before, now] = [figure(a), figure(b)];
    return before === null || now === null ? [] : [{ name, unit, ...compared(now, [before]) }];
  };
  return [
    ...of("duration", "ms", (one) => one.execution.durationMs),
    ...of("records read", "count", (one) => one.execution.recordsRead),
    ...of("rows written", "count", (one) => one.execution.recordsWritten),
    ...of("filtered", "count", (one) => one.execution.recordsFiltered),
    ...of("rejected", "count", (one) => one.execution.recordsFailed),
    ...of("records/s", "count", (one) => one.performance.recordsPerSecond),
    ...of("CPU time", "ms", (one) => one.performance.cpuMs),
    ...of("peak memory", "bytes", (one) => one.performance.peakMemoryBytes),
    ...of("quality score", "percent", (one) => one.quality?.score ?? null),
  ];
}

function stages(a: RunReportData, b: RunReportData): FigureDiff[] {
  return b.execution.stages.flatMap(({ label, durationMs }) => {
    const before = a.execution.stages.find((stage) => stage.label === label);
    return before === undefined ? [] : [{ name: label, unit: "ms" as const, ...compared(durationMs, [before.durationMs]) }];
  });
}

function changed(a: RunReportData, b: RunReportData): RunDiff["changed"] {
  const groups = ["parameters", "settings", "versions"] as const;
  return groups.flatMap((group) => {
    const [before, now] = [a.execution[group], b.execution[group]];
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const text = (values: typeof before, name: string) => (Object.hasOwn(values, name) ? JSON.stringify(values[name]) : null);
    return names
      .map((name) => ({ name: `${group}.${name}`, a: text(before, name), b: text(now, name) }))
      .filter((one) => one.a !== one.b);
  });
}

function inputs(a: RunReportData, b: RunReportData): RunDiff["inputs"] {
  const [before, now] = [a, b].map((one) => new Map(one.execution.inputs.map((input) => [input.path, input])));
  const [ofA, ofB] = [before ?? new Map(), now ?? new Map()] as const;
  const differ = (path: string) =>
    ofA.get(path)?.bytes !== ofB.get(path)?.bytes || ofA.get(path)?.modifiedMs !== ofB.get(path)?.modifiedMs;
  return {
    onlyA: [...ofA.keys()].filter((path) => !ofB.has(path)),
    onlyB: [...ofB.keys()].filter((path) => !ofA.has(path)),
    changed: [...ofB.keys()].filter((path) => ofA.has(path) && differ(path)),
  };
}

function outputs(a: RunReportData, b: RunReportData): RunDiff["outputs"] {
  return b.execution.outputs.flatMap(({ path, files }) => {
    const before = a.execution.outputs.find((output) => output.path === path);
    if (before === undefined) return [];
    // Every run names its files anew, so that content alone tells what is the same.
    const [old, now] = [before.files.map(contentOf).sort(), files.map(contentOf).sort()];
    const kept = new Set(old);
    const differing = now.filter((content) => !kept.has(content)).length + Math.max(0, old.length - now.length);
    return [{ path, same: differing === 0 && old.length === now.length, differing }];
  });
}

const contentOf = (file: RunReportData["execution"]["outputs"][number]["files"][number]): string =>
  JSON.stringify([file.partitionValues, file.rows, file.bytes, file.checksum]);

/** For a terminal. */
export function diffText(diff: RunDiff): string {
  const show = (value: number, unit: FigureDiff["unit"]) =>
    ({ ms: durationText, count: countText, bytes: bytesText, percent: percentText })[unit](value);
  const rows = (all: readonly FigureDiff[]) =>
    all.map(({ name, unit, usual, now, changePercent }) => [name, show(usual, unit), show(now, unit), changeText(changePercent)]);
  const title = ({ runId, job, status }: RunName) => `${runId}  ${status}  ${visible(job)}`;
  const lines = [`A  ${title(diff.a)}`, `B  ${title(diff.b)}`, `   ${diff.samePlan ? "the same plan" : "different plans"}`, ""];
  lines.push(...tableLines(["", "A", "B", "change"], rows(diff.figures)));
  if (diff.stages.length > 0) lines.push("", ...tableLines(["Stage", "A", "B", "change"], rows(diff.stages)));
  if (diff.changed.length > 0)
    lines.push(
      "",
      ...tableLines(
        ["Changed", "A", "B"],
        diff.changed.map(({ name, a, b }) => [name, a ?? "–", b ?? "–"]),
      ),
    );
  const { onlyA, onlyB, changed: touched } = diff.inputs;
  const files = [
    ...onlyA.map((path) => `  only A: ${path}`),
    ...onlyB.map((path) => `  only B: ${path}`),
    ...touched.map((path) => `  changed: ${path}`),
  ];
  if (files.length > 0) lines.push("", "Inputs", ...files.map(visible));
  if (diff.outputs.length > 0) lines.push("", "Outputs");
  for (const { path, same, differing } of diff.outputs) {
    lines.push(
      `  ${same ? "the same bytes" : `${countText(differing)} ${differing === 1 ? "file differs" : "files differ"}`}: ${visible(path)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
