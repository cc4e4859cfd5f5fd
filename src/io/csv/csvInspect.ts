import { statSync } from "node:fs";
import { externalError, planError } from "../../common/errors.js";
import type { CsvGuessed, CsvOptions } from "../../plan/csvSpec.js";
import { type ReadCsvOptions, read } from "../../plan/read.js";
import { typeName } from "../../schema/types.js";
import { checkedHead, foundNames } from "./csvFields.js";
import { guessCsv } from "./csvGuess.js";
import { dateFormatOf } from "./csvGuessDates.js";
import { inferCsvSchema } from "./csvInfer.js";
import { readPlain } from "./csvRecords.js";
import { sampleText } from "../text/textPartitions.js";

/** A column as a sample of its file shows it. */
export interface CsvColumnGuess {
  readonly name: string;
  /** As a schema spells it. */
  readonly type: string;
  /** How its dates are written where that is not ISO's way, as `parseDate` takes it; null for all other columns. */
  readonly dateFormat: string | null;
  /** Day and month could as well stand the other way around. */
  readonly ambiguousDate: boolean;
}

/** What was found out about a CSV file. */
export interface CsvInspection {
  /** The options of `read.csv` that say the same. */
  readonly options: {
    readonly encoding: string;
    readonly delimiter: string;
    readonly quote: string | null;
    readonly escape: string | null;
    readonly comment: string | null;
    readonly header: boolean;
    readonly nullValues: readonly string[];
    readonly skipLines: number;
  };
  /** How sure each guess is, 0 to 1; options that were given are not guessed. */
  readonly sure: { readonly [K in CsvGuessed]?: number };
  readonly lineEnd: "LF" | "CRLF" | "CR";
  readonly columns: readonly CsvColumnGuess[];
}

const dateRecords = 1_000;

/**
 * Guesses how a CSV file is written, from samples of it. Options that are given are taken as they are.
 * @throws MillraceError External/SOURCE_UNREADABLE, and what `read.csv` throws for a file without a usable header
 */
export function inspectCsv(path: string, options: ReadCsvOptions = {}): CsvInspection {
  const { node } = read.csv(path, { ...options, dialect: "auto" });
  if (node.kind !== "scan" || node.source.format !== "csv") throw planError("INVALID_SOURCE", "expected a CSV source");
  const file = { path, bytes: sizeOf(path), modifiedMs: 0, partitionValues: [] };
  const guess = guessCsv(file, node.source.csv);
  const head = checkedHead(file, guess.options, undefined);
  const { encoding, delimiter, quote, escape: escaping, comment, header, nullValues, skipLines } = guess.options;
  const schema = inferCsvSchema(guess.options, [file], [head], foundNames(guess.options, [file], [head]));
  const [piece] = sampleText(file, head.dataStart, head.dialect.newline, head.encoding);
  const texts = schema.map((): string[] => []);
  let crs = 0;
  if (piece !== undefined) crs = collect(piece.bytes, piece.last, guess.options, head.dialect, texts);
  const columns = schema.map(({ name, type }, i): CsvColumnGuess => {
    const format = type.kind === "utf8" ? dateFormatOf(texts[i] ?? []) : null;
    return { name, type: typeName(type), dateFormat: format?.format ?? null, ambiguousDate: format?.ambiguous ?? false };
  });
  return {
    options: { encoding, delimiter, quote, escape: escaping, comment, header, nullValues, skipLines },
    sure: guess.sure,
    lineEnd: head.dialect.newline === 13 ? "CR" : crs > 0 ? "CRLF" : "LF",
    columns,
  };
}

/** Collects the columns' texts, without those that mean null; answers how many lines end with CR and LF. */
function collect(
  bytes: Uint8Array,
  last: boolean,
  options: CsvOptions,
  dialect: Parameters<typeof readPlain>[2],
  texts: readonly string[][],
): number {
  let crs = 0;
  for (let at = 0, records = 0; at < bytes.length && records < dateRecords; records++) {
    const step = readPlain(bytes, at, dialect, last);
    if (step === null) break;
    const end = step.kind === "skip" ? step.end : step.record.end;
    if (bytes[end - 1] === 10 && bytes[end - 2] === 13) crs++;
    at = end;
    if (step.kind === "skip" || step.record.fields.length !== texts.length) continue;
    step.record.fields.forEach((text, i) => {
      if (text !== null && text !== "" && !options.nullValues.includes(text)) texts[i]?.push(text);
    });
  }
  return crs;
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw externalError(
      "SOURCE_UNREADABLE",
      `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        file: path,
        cause,
      },
    );
  }
}
