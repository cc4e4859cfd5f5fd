import { dataError, planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import { required } from "../common/assert.js";
import type { ResolvedSource, SourceFile } from "../plan/bound.js";
import type { CsvOptions, SourceSpec } from "../plan/nodes.js";
import { isNested, type Schema, typeName } from "../schema/types.js";
import type { PartitionSpec, ScanSpec } from "../task/protocol.js";
import type { BatchReader, RejectSink } from "./contracts.js";
import { type CsvHead, readCsvHead } from "./csvHead.js";
import { inferCsvSchema } from "./csvInfer.js";
import { type ColumnPlace, CsvReader } from "./csvReader.js";
import type { FoundFiles } from "./files.js";
import { isGzip, openGzip, openPlain } from "./textBytes.js";
import { planText } from "./textPartitions.js";

/** How a partition is read. */
export interface ReaderOptions {
  readonly batchRows: number;
  readonly reject: RejectSink;
  readonly partition: number;
  /** Bytes of a text block; the default is right except for tests. */
  readonly blockBytes?: number;
  readonly maxRecordBytes?: number;
}

type CsvSpec = Extract<SourceSpec, { format: "csv" }>;

const defaultBlockBytes = 1 << 20;

/**
 * Completes a CSV source: reads every file's header, and checks the declared schema against it or infers one from a sample of the first
 * file that has records. A file of zero bytes is an error unless a schema is declared and `header` is false; a header without rows is
 * no error. @throws MillraceError Data/SOURCE_EMPTY, Data/CSV_NO_HEADER, Data/DUPLICATE_COLUMN, Plan/SCHEMA_MISMATCH
 */
export function resolveCsv(spec: SourceSpec, found: FoundFiles): ResolvedSource {
  const csv = asCsv(spec);
  const heads = found.files.map((file) => checkedHead(file, csv));
  const own =
    csv.schema === undefined ? inferCsvSchema(csv.csv, found.files, heads) : declared(csv.schema, found.partitionSchema);
  found.files.forEach((file, i) => {
    placesOf(csv.csv, own, required(heads[i], "head"), file);
  });
  const schema = [...own, ...found.partitionSchema];
  const partitionColumns = found.partitionSchema.map((field) => field.name);
  return { spec, files: found.files, schema, partitionColumns, rows: null };
}

/** Byte ranges of about `targetBytes`; a compressed file is one partition. */
export function planCsv(source: ResolvedSource, targetBytes: number): PartitionSpec[] {
  return planText(source.files, targetBytes);
}

/** Opens one partition. @throws MillraceError Data/SOURCE_CHANGED, External/SOURCE_UNREADABLE, Plan/SCHEMA_MISMATCH */
export function openCsv(scan: ScanSpec, part: PartitionSpec, options: ReaderOptions): BatchReader {
  const { source, schema } = scan;
  const csv = asCsv(source.spec);
  if (part.kind !== "bytes" && part.kind !== "wholeFile")
    throw planError("INVALID_PARTITION", `CSV has no ${part.kind} partitions`);
  const file = required(source.files[part.file], `file ${part.file} of the source`);
  const head = readCsvHead(file, csv.csv);
  const own = source.schema.slice(0, source.schema.length - source.partitionColumns.length);
  const { fields, places } = placesOf(csv.csv, own, head, file);
  return new CsvReader({
    file,
    head,
    fields,
    schema,
    places: schema.map((field): ColumnPlace => {
      const folder = source.partitionColumns.indexOf(field.name);
      if (folder >= 0) return { kind: "folder", text: file.partitionValues[folder] ?? null };
      return { kind: "field", index: required(places.get(field.name), `column ${field.name}`) };
    }),
    nullValues: csv.csv.nullValues,
    open: (start) => (isGzip(file.path) ? openGzip(file) : openPlain(file, start)),
    start: part.kind === "bytes" ? part.start : 0,
    end: part.kind === "bytes" ? part.end : Number.POSITIVE_INFINITY,
    exactStart: part.kind === "bytes" ? part.exactStart : true,
    batchRows: options.batchRows,
    reject: options.reject,
    blockBytes: options.blockBytes ?? defaultBlockBytes,
    ...(options.maxRecordBytes === undefined ? {} : { maxRecordBytes: options.maxRecordBytes }),
  });
}

function asCsv(spec: SourceSpec): CsvSpec {
  if (spec.format !== "csv") throw planError("INVALID_SOURCE", `expected a CSV source, found ${spec.format}`);
  return spec;
}

function checkedHead(file: SourceFile, spec: CsvSpec): CsvHead {
  const head = readCsvHead(file, spec.csv);
  const needed = spec.csv.header || spec.schema === undefined;
  if (needed && head.unclosed) {
    throw dataError(
      "CSV_NO_HEADER",
      `${file.path}: a quote in the ${spec.csv.header ? "header" : "first record"} is never closed`,
      {
        file: file.path,
        byte: 0,
        hint: "Check quote and skipLines, or declare a schema and set header: false.",
      },
    );
  }
  if (needed && head.fields === 0) {
    throw dataError("SOURCE_EMPTY", `${file.path} is empty: it has no header${spec.csv.header ? "" : " and no record"}`, {
      file: file.path,
      hint: "Leave the file out, or declare a schema and set header: false.",
    });
  }
  const twice = head.names?.find((name, i) => head.names?.indexOf(name) !== i);
  if (twice !== undefined && spec.csv.columns === "byName") {
    throw dataError("DUPLICATE_COLUMN", `${file.path}: the header names ${JSON.stringify(twice)} twice`, {
      file: file.path,
      line: 1,
      column: twice,
      hint: 'Declare a schema and read with columns: "byPosition".',
    });
  }
  return head;
}

/** The declared columns that stand in the file; those of the folders come from there. */
function declared(schema: Schema, partitionSchema: Schema): Schema {
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

/** Which field of a record each of the source's own columns is. */
function placesOf(
  options: CsvOptions,
  own: Schema,
  head: CsvHead,
  file: SourceFile,
): { readonly fields: number; readonly places: ReadonlyMap<string, number> } {
  const { names } = head;
  if (names !== null && options.columns === "byName") {
    const places = new Map(names.map((name, i) => [name, i]));
    const missing = own.find((field) => !places.has(field.name));
    if (missing !== undefined) {
      const message = `${file.path}: the header has no column ${JSON.stringify(missing.name)}. ${didYouMean(missing.name, names)}`;
      throw planError("SCHEMA_MISMATCH", message, { file: file.path, column: missing.name });
    }
    return { fields: names.length, places };
  }
  const fields = names === null ? own.length : names.length;
  if (fields !== own.length && own.length > 0) {
    throw planError("SCHEMA_MISMATCH", `${file.path}: the schema has ${own.length} columns, the header ${fields}`, {
      file: file.path,
      hint: "By position the schema lists every column of the file.",
    });
  }
  return { fields, places: new Map(own.map((field, i) => [field.name, i])) };
}
