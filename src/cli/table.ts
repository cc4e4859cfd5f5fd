import { printable } from "./failure.js";

export interface TableColumn {
  readonly title: string;
  /** A second heading line, such as the type. */
  readonly subtitle?: string;
  readonly align: "left" | "right";
}

const widest = 40;

/** Rows of text as an aligned table; long values are cut with an ellipsis and control characters made visible. */
export function tableText(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const heads = [columns.map((c) => cell(c.title))];
  if (columns.some((c) => c.subtitle !== undefined)) heads.push(columns.map((c) => cell(c.subtitle ?? "")));
  const body = rows.map((row) => columns.map((_, i) => cell(row[i] ?? "")));
  const widths = columns.map((_, i) => Math.max(...[...heads, ...body].map((line) => displayWidth(line[i] ?? ""))));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, i) => pad(text, widths[i] ?? 0, columns[i]?.align ?? "left"))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return `${[...heads.map(line), rule, ...body.map(line)].join("\n")}\n`;
}

function cell(text: string): string {
  const clean = printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  const points = Array.from(clean);
  return points.length > widest ? `${points.slice(0, widest - 1).join("")}…` : clean;
}

const displayWidth = (text: string): number => Array.from(text).length;

function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + space : space + text;
}
