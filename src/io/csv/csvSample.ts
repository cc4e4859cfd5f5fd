import type { SourceFile } from "../../plan/bound.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import type { CsvHead } from "./csvHead.js";
import { readPlain } from "./csvRecords.js";
import { sampleText } from "../text/textPartitions.js";

const mostRecords = 1_000;

/** Texts of each of a file's columns in its first records, without those that mean null. */
export function sampleTexts(file: SourceFile, head: CsvHead, options: CsvOptions, columns: number): readonly string[][] {
  const texts = Array.from({ length: columns }, (): string[] => []);
  const [piece] = sampleText(file, head.dataStart, head.dialect.newline, head.encoding);
  if (piece === undefined) return texts;
  const { bytes, last } = piece;
  for (let at = 0, records = 0; at < bytes.length && records < mostRecords; records++) {
    const step = readPlain(bytes, at, head.dialect, last);
    if (step === null) break;
    at = step.kind === "skip" ? step.end : step.record.end;
    if (step.kind === "skip" || step.record.fields.length < columns) continue;
    texts.forEach((column, i) => {
      const text = step.record.fields[i] ?? "";
      if (text !== "" && !options.nullValues.includes(text)) column.push(text);
    });
  }
  return texts;
}
