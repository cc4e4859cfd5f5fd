import type { SlowDialect, SlowField } from "./slowCsv.js";

/** A line or record of a file, as plain reading finds it. */
export interface SlowUnit {
  readonly kind: "record" | "comment" | "blank";
  readonly start: number;
  readonly text: string;
  readonly fields: readonly SlowField[];
  /** null where nothing is wrong with it by itself. */
  readonly reject: string | null;
}

const mostUnits = 64;
const mostBytes = 256 * 1024;
const tidyUnits = 8;

/** What docs/SEMANTICS.md says of doubtful records, in so many words: the units that are. */
export function doubtfulUnits(
  units: readonly SlowUnit[],
  dialect: SlowDialect,
  newline: string,
  count: number,
): ReadonlySet<number> {
  const found = new Set<number>();
  units.forEach((unit, at) => {
    const isUnclosed = unit.reject === "CSV_UNCLOSED_QUOTE";
    if (!isUnclosed && unit.reject !== "CSV_STRAY_QUOTE") return;
    if (closesAField(unit.text, dialect, newline)) walk({ units, dialect, newline, found }, at, -1);
    if (isUnclosed) walk({ units, dialect, newline, found }, at, 1);
  });
  units.forEach(({ fields, text }, at) => {
    if (count < 2 || fields.length !== 1 || /^[ \t\r]*$/.test(text)) return;
    for (const step of [-1, 1]) {
      let beside = at + step;
      while (units[beside] !== undefined && units[beside]?.kind !== "record") beside += step;
      const unit = units[beside];
      if (unit === undefined || unit.reject !== null || Math.abs(beside - at) > mostUnits) continue;
      const line = text.replace(/\r$/, "");
      const isParted = dialect.quote !== null && (step > 0 ? line.endsWith(dialect.quote) : line.startsWith(dialect.quote));
      if (!isParted && (step > 0 ? unit.fields[0] : unit.fields[count - 1])?.quoted) continue;
      if (Math.abs(unit.start - (units[at] as SlowUnit).start) <= mostBytes) found.add(beside);
    }
  });
  return found;
}

interface Walk {
  readonly units: readonly SlowUnit[];
  readonly dialect: SlowDialect;
  readonly newline: string;
  readonly found: Set<number>;
}

function walk({ units, dialect, newline, found }: Walk, from: number, step: number): void {
  let tidy = 0;
  for (let i = 1; i <= mostUnits && tidy < tidyUnits; i++) {
    const unit = units[from + i * step];
    if (unit === undefined || Math.abs(unit.start - (units[from] as SlowUnit).start) > mostBytes) return;
    if (unit.kind !== "record") continue;
    if (unit.reject === null) found.add(from + i * step);
    if (unit.reject === null && unit.fields.some((field) => isValue(field, dialect))) return;
    const holdsLines = unit.fields.some((field) => field.quoted && field.raw.includes(newline));
    tidy = unit.reject === null && !holdsLines ? tidy + 1 : 0;
  }
}

/** Neither begins nor ends with what stands between fields, and is more than quotes. */
function isValue({ raw, quoted }: SlowField, { delimiter, quote }: SlowDialect): boolean {
  if (!quoted || quote === null) return false;
  const inner = raw.slice(1, -1);
  const between = [delimiter, "\n", "\r"];
  if (inner === "" || between.includes(inner[0] as string) || between.includes(inner[inner.length - 1] as string)) return false;
  return inner.replaceAll(quote, "") !== "";
}

function closesAField(text: string, dialect: SlowDialect, newline: string): boolean {
  const { delimiter, quote, escape: escaping } = dialect;
  if (quote === null) return false;
  const between = [undefined, delimiter, "\r", newline];
  if (escaping === null || escaping === quote) {
    for (const { 0: run, index } of text.matchAll(new RegExp(`[${quote}]+`, "g"))) {
      if (run.length % 2 === 1) return between.includes(text[index + run.length]);
    }
    return false;
  }
  for (let at = 0; at < text.length; at++) {
    if (text[at] === quote) return between.includes(text[at + 1]);
    if (text[at] === escaping) at++;
  }
  return false;
}
