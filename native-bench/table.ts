import type { EngineName, Workload } from "./workload.ts";

/** One engine's figures for one workload. */
export type Cell =
  | { readonly engine: EngineName; readonly error: string }
  | {
      readonly engine: EngineName;
      readonly medianMs: number;
      readonly lowestMs: number;
      readonly highestMs: number;
      readonly peakMb: number;
      /** Measured on fewer rows and scaled up. */
      readonly extrapolated: boolean;
      /** What the workload had to say, run by run. */
      readonly notes: readonly string[];
    };

/** A workload's engines as lines: median, spread, ratio to ours (above 1: slower than ours), peak memory. */
export function tableOf(workload: Workload, cells: readonly Cell[]): string {
  const ours = cells.find((cell) => cell.engine === "millrace");
  const base = ours !== undefined && "medianMs" in ours ? ours.medianMs : null;
  const lines = cells.map((cell) => {
    const name = `  ${cell.engine.padEnd(9)}`;
    if ("error" in cell) return `${name} ${cell.error}`;
    const seconds = (ms: number) => (ms / 1000).toFixed(2);
    const ratio = base === null ? "" : `${(cell.medianMs / base).toFixed(2)}x`;
    const spread = `${seconds(cell.lowestMs)}–${seconds(cell.highestMs)}`;
    const note = cell.extrapolated ? "  extrapolated from 500,000 rows" : "";
    return `${name} ${seconds(cell.medianMs).padStart(8)} s  ${spread.padStart(15)}  ${ratio.padStart(8)}  ${cell.peakMb.toFixed(0).padStart(6)} MB${note}${cell.notes.map((text) => `\n    ${text}`).join("")}`;
  });
  const absent = Object.entries(workload.absent ?? {}).map(([engine, why]) => `  ${engine.padEnd(9)} ${why}`);
  return `\n${workload.name}: ${workload.what}\n${[...lines, ...absent].join("\n")}\n`;
}
