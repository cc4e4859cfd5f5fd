import { dataError, internalError, type MillraceError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { FileSource, SourceSpec } from "../../plan/nodes.js";
import { noteStatistics } from "../../plan/statistics.js";
import { type Field, type Schema, sameType, typeName } from "../../schema/types.js";
import type { PartitionSpec } from "../../task/protocol.js";
import type { ColumnsRead } from "../contracts.js";
import { nodeFileSystem } from "../fileSystem.js";
import { ownColumns, ownCondition } from "../folderColumns.js";
import { together } from "../smallFiles.js";
import { type Footer, readFooter } from "./parquetFooter.js";
import { FooterStatistics } from "./parquetFileStatistics.js";
import { columnNames, type FileColumn, fileColumns, inFile, schemaOfColumns } from "./parquetReadSchema.js";
import { numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";

export interface ResolvedFiles {
  /** The files' own columns. */
  readonly schema: Schema;
  readonly rows: number | null;
  /** The files, with what was found out about each, if anything was. */
  readonly files?: readonly SourceFile[];
}

/**
 * Reads the metadata of every file and gives their common schema; what it says of their columns is noted for `rangeOfColumn` and
 * `distinctOfColumn`. Times of day are delivered as int64 microseconds since midnight, UUIDs (outside of lists and structs), JSON and enums as utf8,
 * timestamps of every unit and zone as timestamp, maps as lists of key and value.
 * @throws MillraceError Data/PARQUET_NOT_PARQUET, PARQUET_TRUNCATED, PARQUET_CORRUPT, UNSUPPORTED_PARQUET_TYPE, SCHEMA_MISMATCH
 */
export async function resolveParquet(spec: SourceSpec & FileSource, files: readonly SourceFile[]): Promise<ResolvedFiles> {
  const [first] = files;
  if (first === undefined) throw internalError("a source without files was resolved");
  const names = spec.schema === undefined ? null : new Set(spec.schema.map((field) => field.name));
  let schema: Schema = [];
  let rows = 0;
  const statistics = new FooterStatistics();
  const known: SourceFile[] = [];
  for (const [i, found] of files.entries()) {
    const footer = readFooter(nodeFileSystem, found.path);
    const file = { ...found, rows: footer.rows };
    known.push(file);
    const columns = inFile(file.path, () => fileColumns(footer, file.path, names));
    statistics.add(file, footer, columns);
    rows += footer.rows;
    const own = inFile(file.path, () =>
      declaredPart(schemaOfColumns(columns, file.path), spec.schema, file.path, columnNames(footer)),
    );
    schema = i === 0 ? own : agreeing(schema, own, first.path, file.path);
  }
  noteStatistics(known, statistics);
  return { schema, rows, files: known };
}

/** The declared columns, which a file must have with the declared types. `names`: all columns of the file. */
export function declaredPart(own: Schema, declared: Schema | undefined, file: string, names: readonly string[]): Schema {
  if (declared === undefined) return own;
  return declared.map((field) => {
    const found = own.find((candidate) => candidate.name === field.name);
    if (found === undefined) {
      throw mismatch(file, field.name, `the file has no column ${JSON.stringify(field.name)}. ${didYouMean(field.name, names)}`);
    }
    if (!sameType(found.type, field.type)) {
      const what = `column ${JSON.stringify(field.name)} is declared as ${typeName(field.type)} and is ${typeName(found.type)} in the file`;
      throw mismatch(file, field.name, what, "Declare the file's type and cast the column in the plan.");
    }
    return { ...field, nullable: found.nullable };
  });
}

/** One schema for both files: the same columns and types by name; a column may hold nulls if it may in either. */
export function agreeing(schema: Schema, own: Schema, firstFile: string, file: string): Schema {
  const extra = own.find((field) => !schema.some((other) => other.name === field.name));
  if (extra !== undefined) {
    throw mismatch(file, extra.name, `column ${JSON.stringify(extra.name)} is not in the first file of the source, ${firstFile}`);
  }
  return schema.map((field): Field => {
    const other = own.find((candidate) => candidate.name === field.name);
    if (other === undefined) throw mismatch(file, field.name, `column ${JSON.stringify(field.name)} of ${firstFile} is missing`);
    if (!sameType(field.type, other.type)) {
      const found = `is ${typeName(other.type)}, but ${typeName(field.type)} in ${firstFile}`;
      throw mismatch(file, field.name, `column ${JSON.stringify(field.name)} ${found}`);
    }
    return field.nullable || !other.nullable ? field : { ...field, nullable: true };
  });
}

export function mismatch(file: string, column: string, what: string, hint?: string): MillraceError {
  return dataError("SCHEMA_MISMATCH", `${file}: ${what}`, {
    file,
    column,
    hint: hint ?? "Read files of different schemas as separate sources and union them.",
  });
}

/** A byte of Parquet holds about as much as so many of text. */
const textBytes = 3;
/** A file becomes so many partitions, if they have so many bytes each: few large ones would leave some workers idle at the end. */
const fewParts = 8;
const leastBytes = 2 ** 20;

/**
 * Cuts the files into even partitions of neighbouring row groups, of which as much is read as of about `targetBytes` of text at most; none for files
 * without rows. See `together` for small files.
 */
export async function planParquet(
  source: ResolvedSource,
  targetTextBytes: number,
  read: ColumnsRead | null = null,
): Promise<PartitionSpec[]> {
  const { files } = source;
  const targetBytes = targetTextBytes / textBytes;
  // Few plans have a condition: what looks at statistics is loaded for those.
  const tests = read === null || read.condition === null ? null : await import("./parquetRowGroupBounds.js");
  const parts = files.map((file, index) =>
    inFile(file.path, () => {
      const footer = readFooter(nodeFileSystem, file.path);
      const own = read === null ? null : ownColumns(source, read.schema).map(({ name }) => name);
      const columns = fileColumns(footer, file.path, own === null ? null : new Set(own));
      const condition = read?.condition == null ? null : ownCondition(read.condition, read.schema, source, index);
      const inOrder = own?.map((name) => columns.find((column) => column.name === name)) ?? [];
      const isOut = condition === null ? undefined : tests?.rowGroupTest(condition, inOrder, footer);
      return planFile(footer, index, targetBytes, (group) => (isOut?.(group) ? 0 : groupSize(group, columns)));
    }),
  );
  return together(files, parts, targetBytes);
}

function planFile(footer: Footer, file: number, targetBytes: number, sizeOf: (group: ThriftStruct) => number): PartitionSpec[] {
  const sizes = footer.rowGroups.map(sizeOf);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const count = Math.max(1, Math.round(total / Math.max(1, Math.min(targetBytes, Math.max(leastBytes, total / fewParts)))));
  const parts: PartitionSpec[] = [];
  let groups: number[] = [];
  let bytes = 0;
  let firstRow = 0;
  let row = 0;
  let closed = 0;
  for (const [i, group] of footer.rowGroups.entries()) {
    groups.push(i);
    bytes += sizes[i] as number;
    row += numberField(group, 3) ?? 0;
    const full = total === 0 ? 0 : Math.floor((bytes / total) * count);
    if (i < sizes.length - 1 && (full <= closed || full >= count)) continue;
    parts.push({ kind: "rowGroups", file, groups, firstRow });
    groups = [];
    firstRow = row;
    closed = full;
  }
  return parts;
}

/** About the bytes that are read of a row group: of a value one at least, however few its column takes. */
function groupSize(group: ThriftStruct, columns: readonly FileColumn[]): number {
  const chunks = structsField(group, 1);
  const rows = numberField(group, 3) ?? 0;
  let bytes = 0;
  for (const { firstLeaf, leaves } of columns) {
    for (const chunk of chunks.slice(firstLeaf, firstLeaf + leaves))
      bytes += Math.max(rows, numberField(structField(chunk, 3) ?? new Map(), 7) ?? 0);
  }
  return Math.max(rows, bytes);
}
