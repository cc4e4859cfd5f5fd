import { required } from "../../common/assert.js";
import { planError } from "../../common/errors.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { SourceSpec } from "../../plan/nodes.js";
import type { PartitionSpec, ScanSpec } from "../../task/protocol.js";
import type { Field, Schema } from "../../schema/types.js";
import type { BatchReader, RejectSink, RejectsSink, ScanFilter } from "../contracts.js";
import { checkedHead, checkRequired, declaredFields, foundNames, placesOf } from "./csvFields.js";
import { formatParser } from "./csvFormats.js";
import { guessOptions } from "./csvGuess.js";
import { csvFileEncoding, readCsvHead } from "./csvHead.js";
import { inferCsvSchema } from "./csvInfer.js";
import { CsvReader, type CsvReaderOptions } from "./csvReader.js";
import type { ColumnPlace } from "./csvRows.js";
import type { FoundFiles } from "../files.js";
import type { ByteSource } from "../text/textBytes.js";
import { openText, type TextRange } from "../text/textFiles.js";
import { planText } from "../text/textPartitions.js";

/** How a partition is read. */
export interface ReaderOptions {
  readonly batchRows: number;
  readonly reject: RejectSink;
  /** Takes rejects many at a time; a reader that has them one by one gives those to `reject`, as all do where this is not said. */
  readonly rejectAll?: RejectsSink;
  readonly partition: number;
  /** Bytes of a text block; the default is right except for tests. */
  readonly blockBytes?: number;
  /** Whether a batch passes so many steps that fewer and larger ones are quicker. */
  readonly fewBatches?: boolean;
  readonly maxRecordBytes?: number;
  /** For readers that can do without rows; others deliver all. */
  readonly where?: ScanFilter | null;
  /** Whether batches should stay what they are after the next one and the end, where the reader can do that. */
  readonly keeps?: boolean;
  /** Gives a file's bytes from an offset on; they are read from the disk unless that is said. */
  readonly open?: (start: number) => ByteSource;
}

type CsvSpec = Extract<SourceSpec, { format: "csv" }>;

/** What folds rows is quickest while a block and its columns stay in the processor's own cache. */
const defaultBlockBytes = 1 << 20;
/** Where a batch passes a join and all behind it, what is done once for each of them weighs more. */
const largeBlockBytes = 2 << 20;
const defaultRecordBytes = 64 << 20;

/**
 * Completes a CSV source: guesses what it leaves to be guessed, reads every file's header, and checks the declared schema against it or
 * infers one from samples. A file of zero bytes is an error unless a schema is declared and `header` is false; a header without rows is
 * no error. @throws MillraceError Data/SOURCE_EMPTY, Data/CSV_NO_HEADER, Data/CSV_BAD_HEADER, Data/DUPLICATE_COLUMN, Plan/SCHEMA_MISMATCH
 */
export function resolveCsv(given: SourceSpec, found: FoundFiles): ResolvedSource {
  const csv = asCsv(given);
  const options = guessOptions(csv.csv, found.files);
  const spec = { ...csv, csv: options };
  const heads = found.files.map((file) => checkedHead(file, options, csv.schema));
  const own =
    csv.schema === undefined
      ? inferCsvSchema(options, found.files, heads, foundNames(options, found.files, heads))
      : declaredFields(csv.schema, found.partitionSchema);
  found.files.forEach((file, i) => {
    const head = required(heads[i], "head");
    if (head !== heads[i - 1]) placesOf(options, own, head, file);
  });
  const schema = [...own, ...found.partitionSchema];
  checkRequired(csv.required ?? [], schema);
  const partitionColumns = found.partitionSchema.map((field) => field.name);
  return { spec, files: found.files, schema, partitionColumns, rows: null };
}

/** Byte ranges of about `targetBytes`; a file that is compressed or in another encoding than UTF-8 is one partition. */
export function planCsv(source: ResolvedSource, targetBytes: number): PartitionSpec[] {
  const { csv } = asCsv(source.spec);
  return planText(source.files, targetBytes, (file) => csvFileEncoding(file, csv) !== "utf8");
}

/**
 * Opens one partition. `before`: see `openReader`; it goes on with a small file that begins like the one before.
 * @throws MillraceError Data/SOURCE_CHANGED, External/SOURCE_UNREADABLE, Plan/SCHEMA_MISMATCH
 */
export function openCsv(
  scan: ScanSpec,
  part: PartitionSpec,
  options: ReaderOptions,
  before: BatchReader | null = null,
): BatchReader {
  if (part.kind !== "bytes" && part.kind !== "wholeFile")
    throw planError("INVALID_PARTITION", `CSV has no ${part.kind} partitions`);
  const file = required(scan.source.files[part.file], `file ${part.file} of the source`);
  const { csv } = asCsv(scan.source.spec);
  return openText({
    part,
    file,
    open: options.open ?? null,
    before: before instanceof CsvReader ? before : null,
    goOn: (reader, { text, open }) => reader.goOn(text, readCsvHead(text, csv), open),
    make: (found, open, range) => readerOf(scan, found, { ...range, open }, options),
  });
}

type Bytes = TextRange & Pick<CsvReaderOptions, "open">;

function readerOf({ source, schema }: ScanSpec, file: SourceFile, bytes: Bytes, options: ReaderOptions): CsvReader {
  const csv = asCsv(source.spec);
  const head = readCsvHead(file, csv.csv);
  const own = source.schema.slice(0, source.schema.length - source.partitionColumns.length);
  const { fields, places } = placesOf(csv.csv, own, head, file);
  const placeOf = (field: Field): ColumnPlace => {
    const folder = source.partitionColumns.indexOf(field.name);
    if (folder >= 0) return { kind: "constant", text: file.partitionValues[folder] ?? null };
    return required(places.get(field.name), `column ${field.name}`);
  };
  return new CsvReader({
    file,
    head,
    fields,
    schema,
    places: schema.map(placeOf),
    nullValues: csv.csv.nullValues,
    parserOf: (field) => formatParser(csv.csv, field),
    required: csv.required ?? [],
    hidden: hiddenFields(csv.required ?? [], source.schema, schema).map((field) => ({ field, place: placeOf(field) })),
    trailing: csv.csv.trailingDelimiter === true,
    ...bytes,
    batchRows: options.batchRows,
    reject: options.reject,
    ...(options.rejectAll === undefined ? {} : { rejectAll: options.rejectAll }),
    blockBytes: options.blockBytes ?? (options.fewBatches === true ? largeBlockBytes : defaultBlockBytes),
    maxRecordBytes: options.maxRecordBytes ?? csv.csv.maxRecordBytes ?? defaultRecordBytes,
  });
}

/** Required columns that a plan does not read are read all the same. */
export const hiddenFields = (required: readonly string[], all: Schema, read: Schema): Schema =>
  all.filter(({ name }) => required.includes(name) && !read.some((field) => field.name === name));

function asCsv(spec: SourceSpec): CsvSpec {
  if (spec.format !== "csv") throw planError("INVALID_SOURCE", `expected a CSV source, found ${spec.format}`);
  return spec;
}
