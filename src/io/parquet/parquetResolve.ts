import { dataError, internalError, type MillraceError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { FileSource, SourceSpec } from "../../plan/nodes.js";
import { noteStatistics } from "../../plan/statistics.js";
import { type Field, type Schema, sameType, typeName } from "../../schema/types.js";
import type { PartitionSpec } from "../../task/protocol.js";
import { nodeFileSystem } from "../fileSystem.js";
import { together } from "../smallFiles.js";
import { type Footer, readFooter } from "./parquetFooter.js";
import { FooterStatistics } from "./parquetFileStatistics.js";
import { columnNames, fileColumns, inFile, schemaOfColumns } from "./parquetReadSchema.js";
import { numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";

export interface ResolvedFiles {
  /** The files' own columns. */
  readonly schema: Schema;
  readonly rows: number | null;
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
  for (const [i, file] of files.entries()) {
    const footer = readFooter(nodeFileSystem, file.path);
    const columns = inFile(file.path, () => fileColumns(footer, file.path, names));
    statistics.add(file, footer, columns);
    rows += footer.rows;
    const own = inFile(file.path, () =>
      declaredPart(schemaOfColumns(columns, file.path), spec.schema, file.path, columnNames(footer)),
    );
    schema = i === 0 ? own : agreeing(schema, own, first.path, file.path);
  }
  noteStatistics(files, statistics);
  return { schema, rows };
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

/**
 * Cuts the files into partitions of neighbouring row groups that hold about as much as `targetBytes` of text; none for files without rows. See
 * `together` for small files.
 */
export async function planParquet({ files }: ResolvedSource, targetTextBytes: number): Promise<PartitionSpec[]> {
  const targetBytes = targetTextBytes / textBytes;
  const parts = files.map((file, index) =>
    inFile(file.path, () => planFile(readFooter(nodeFileSystem, file.path), index, targetBytes)),
  );
  return together(files, parts, targetBytes);
}

function planFile(footer: Footer, file: number, targetBytes: number): PartitionSpec[] {
  const parts: PartitionSpec[] = [];
  let groups: number[] = [];
  let bytes = 0;
  let firstRow = 0;
  let row = 0;
  const close = () => {
    if (groups.length > 0) parts.push({ kind: "rowGroups", file, groups, firstRow });
    groups = [];
    bytes = 0;
    firstRow = row;
  };
  footer.rowGroups.forEach((group, i) => {
    const size = groupBytes(group);
    if (groups.length > 0 && bytes + size > targetBytes * 1.25) close();
    groups.push(i);
    bytes += size;
    row += numberField(group, 3) ?? 0;
    if (bytes >= targetBytes) close();
  });
  close();
  return parts;
}

const groupBytes = (group: ThriftStruct): number =>
  structsField(group, 1).reduce((sum, chunk) => sum + (numberField(structField(chunk, 3) ?? new Map(), 7) ?? 0), 0);
