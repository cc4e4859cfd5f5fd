import { required } from "../../common/assert.js";
import { dataError, planError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import type { SourceFile } from "../../plan/bound.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import { isNested, type Schema, typeName } from "../../schema/types.js";
import { type CsvHead, readCsvHead } from "./csvHead.js";
import type { ColumnPlace } from "./csvRows.js";

/** How a file's records become the source's own columns. */
export interface FilePlaces {
  /** Fields of every record. */
  readonly fields: number;
  readonly places: ReadonlyMap<string, ColumnPlace>;
}

const absent: ColumnPlace = { kind: "constant", text: null };

/**
 * A file's head, where its columns must be known from it.
 * @throws MillraceError Data/CSV_NO_HEADER, Data/CSV_BAD_HEADER, Data/SOURCE_EMPTY, Data/DUPLICATE_COLUMN
 */
export function checkedHead(file: SourceFile, options: CsvOptions, schema: Schema | undefined): CsvHead {
  const head = readCsvHead(file, options);
  const { header } = options;
  const needed = header || schema === undefined;
  const place = { file: file.path, byte: 0 };
  if (needed && head.unclosed) {
    const message = `${file.path}: a quote in the ${header ? "header" : "first record"} is never closed`;
    const hint = "Check quote and skipLines, or declare a schema and set header: false.";
    throw dataError("CSV_NO_HEADER", message, { ...place, hint });
  }
  if (needed && head.fields === 0) {
    const message = `${file.path} is empty: it has no header${header ? "" : " and no record"}`;
    const hint = "Leave the file out, or declare a schema and set header: false.";
    throw dataError("SOURCE_EMPTY", message, { file: file.path, hint });
  }
  if (head.looksWide) {
    const message = `${file.path}: every other byte is NUL, as in UTF-16`;
    throw dataError("CSV_BAD_HEADER", message, { ...place, line: 1, hint: 'Declare encoding: "utf-16le" or "utf-16be".' });
  }
  if (header && head.damage !== null) {
    const [what, hint] = headerDamage[head.damage];
    throw dataError("CSV_BAD_HEADER", `${file.path}: the header ${what}`, { ...place, line: head.lines, hint });
  }
  refuseRepeated(file, options, head, schema);
  return head;
}

const headerDamage = {
  utf8: ["is not well-formed UTF-8", "Declare the file's encoding."],
  nul: ["holds a NUL byte", "Check the file and its encoding: it may be no text, or not begin with its header."],
  quotes: ["has a quote or a line end in the middle of a field", 'Repair the header, or read with quotes: "lenient".'],
} as const;

/** A name that the header has twice means no one column; where it is not read it does no harm. */
function refuseRepeated(file: SourceFile, options: CsvOptions, head: CsvHead, schema: Schema | undefined): void {
  const { names } = head;
  if (names === null || (schema !== undefined && options.columns === "byPosition")) return;
  const wanted = schema === undefined ? null : new Set(schema.map((field) => field.name));
  const twice = names.find((name, i) => names.indexOf(name) !== i && wanted?.has(name) !== false);
  if (twice === undefined) return;
  throw dataError("DUPLICATE_COLUMN", `${file.path}: the header names ${JSON.stringify(twice)} twice`, {
    file: file.path,
    line: head.lines,
    column: twice,
    hint: 'Declare a schema and read with columns: "byPosition".',
  });
}

/** The declared columns that stand in the file; those of the folders come from there. */
export function declaredFields(schema: Schema, partitionSchema: Schema): Schema {
  const folder = new Set(partitionSchema.map((field) => field.name));
  const own = schema.filter((field) => !folder.has(field.name));
  const nested = own.find((field) => isNested(field.type));
  if (nested !== undefined) {
    throw planError("SCHEMA_MISMATCH", `column ${JSON.stringify(nested.name)}: CSV holds no ${typeName(nested.type)}`, {
      column: nested.name,
    });
  }
  return own;
}

/** @throws MillraceError Plan/UNKNOWN_COLUMN for a required column that the source does not have */
export function checkRequired(required: readonly string[], schema: Schema): void {
  const names = schema.map((field) => field.name);
  const unknown = required.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const message = `required: there is no column ${JSON.stringify(unknown)}. ${didYouMean(unknown, names)}`;
  throw planError("UNKNOWN_COLUMN", message, { column: unknown });
}

/** Which field of a record each of the source's own columns is. @throws MillraceError Plan/SCHEMA_MISMATCH */
export function placesOf(options: CsvOptions, own: Schema, head: CsvHead, file: SourceFile): FilePlaces {
  const { fields, places } =
    options.columns === "byName" && head.names !== null
      ? placesByName(options, own, head.names, file)
      : placesByPosition(options, own, head.names, file);
  return { fields: fields + trailingFields(options), places };
}

/** Fields behind the columns' own. */
export const trailingFields = (options: CsvOptions): number => (options.trailingDelimiter === true ? 1 : 0);

function placesByName(options: CsvOptions, own: Schema, names: readonly string[], file: SourceFile): FilePlaces {
  const places = new Map<string, ColumnPlace>();
  for (const field of own) {
    const index = names.indexOf(field.name);
    if (index < 0 && (options.schemaDrift === "fail" || !field.nullable)) {
      const message = `${file.path}: the header has no column ${JSON.stringify(field.name)}. ${didYouMean(field.name, names)}`;
      const hint = 'schemaDrift: "evolve" or "discard" reads a column that a file lacks as null.';
      throw planError("SCHEMA_MISMATCH", message, { file: file.path, column: field.name, hint });
    }
    places.set(field.name, index < 0 ? absent : { kind: "field", index });
  }
  return { fields: names.length, places };
}

function placesByPosition(options: CsvOptions, own: Schema, names: readonly string[] | null, file: SourceFile): FilePlaces {
  const fields = names === null ? own.length : names.length;
  if (fields !== own.length && own.length > 0 && options.schemaDrift === "fail") {
    throw planError("SCHEMA_MISMATCH", `${file.path}: the schema has ${own.length} columns, the header ${fields}`, {
      file: file.path,
      hint: "By position the schema lists every column of the file.",
    });
  }
  const place = (index: number): ColumnPlace => (index < fields ? { kind: "field", index } : absent);
  return { fields, places: new Map(own.map((field, i) => [field.name, place(i)])) };
}

/**
 * Columns of a source without a declared schema: those of the first file, and with `schemaDrift: "evolve"` those of every file, in the
 * order in which they first appear. @throws MillraceError Plan/SCHEMA_MISMATCH for a column that only a later file has
 */
export function foundNames(options: CsvOptions, files: readonly SourceFile[], heads: readonly CsvHead[]): readonly string[] {
  const first = namesOf(required(heads[0], "head"));
  if (options.columns === "byPosition") return options.schemaDrift === "evolve" ? longest(heads) : first;
  const found = new Set(first);
  heads.forEach((head, i) => {
    for (const name of namesOf(head)) {
      if (found.has(name)) continue;
      if (options.schemaDrift === "evolve") found.add(name);
      if (options.schemaDrift !== "fail") continue;
      const file = required(files[i], "file").path;
      const message = `${file}: the header has a column ${JSON.stringify(name)} that the first file has not. ${didYouMean(name, first)}`;
      const hint = 'Declare a schema, or choose schemaDrift: "evolve" or "discard".';
      throw planError("SCHEMA_MISMATCH", message, { file, column: name, hint });
    }
  });
  return [...found];
}

/** The names of a file's columns: `column` with the place, from 0, where it has no header. */
export const namesOf = (head: CsvHead): readonly string[] =>
  head.names ?? Array.from({ length: head.fields }, (_, i) => `column${i}`);

const longest = (heads: readonly CsvHead[]): readonly string[] =>
  heads.map(namesOf).reduce((best, names) => (names.length > best.length ? names : best));
