import { assertNever } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { SourceSpec } from "../plan/nodes.js";
import type { PartitionSpec, ScanSpec } from "../task/protocol.js";
import type { BatchReader, ColumnsRead } from "./contracts.js";
import { checkRequired } from "./csv/csvFields.js";
import { openCsv, planCsv, type ReaderOptions, resolveCsv } from "./csv/csvSource.js";
import { findFiles } from "./files.js";
import { withFolderColumns } from "./folderColumns.js";
import { FilesReader } from "./smallFiles.js";
import { planParquet, resolveParquet } from "./parquet/parquetResolve.js";

// Loaded when a plan first needs them: start-up is a good part of a short job, and Arrow alone takes a tenth of a second.
const arrow = () => import("./arrow/arrowRead.js");
const jsonl = () => import("./json/jsonlSource.js");
const parquet = () => import("./parquet/parquetRead.js");

export type { ReaderOptions } from "./csv/csvSource.js";

/**
 * Finds a source's files and learns its schema from headers, metadata or a sample.
 * @throws MillraceError SOURCE_NOT_FOUND, SOURCE_NO_MATCH, SOURCE_EMPTY_FOLDER, SOURCE_UNREADABLE, SOURCE_EMPTY, SCHEMA_MISMATCH
 */
export async function resolveSource(spec: SourceSpec): Promise<ResolvedSource> {
  if (spec.format === "rows" || spec.format === "sql") throw rowsSource();
  const found = await findFiles(spec.paths, spec.format, spec.schema);
  switch (spec.format) {
    case "csv":
      return resolveCsv(spec, found);
    case "jsonl":
      return (await jsonl()).resolveJsonl(spec, found);
    case "parquet":
    case "arrow": {
      const resolve = spec.format === "parquet" ? resolveParquet : (await arrow()).resolveArrow;
      const folder = new Set(found.partitionSchema.map((field) => field.name));
      // Declared columns may be those of the folders, which no file has.
      const inFiles =
        spec.schema === undefined ? spec : { ...spec, schema: spec.schema.filter((field) => !folder.has(field.name)) };
      const { schema, rows, files = found.files } = await resolve(inFiles, found.files);
      const own = schema.filter((field) => !folder.has(field.name));
      const columns = { schema: [...own, ...found.partitionSchema], partitionColumns: [...folder] };
      checkRequired(spec.required ?? [], columns.schema);
      return { spec, files, ...columns, rows };
    }
    default:
      return assertNever(spec, "source");
  }
}

/** Partitions of about `targetBytes` (text) or their format's own units; they depend on the files, and on what is read of them, alone. null: all. */
export async function planPartitions(
  source: ResolvedSource,
  targetBytes: number,
  read: ColumnsRead | null = null,
): Promise<PartitionSpec[]> {
  const { format } = source.spec;
  switch (format) {
    case "csv":
      return planCsv(source, targetBytes);
    case "jsonl":
      return (await jsonl()).planJsonl(source, targetBytes);
    case "parquet":
      return planParquet(source, targetBytes, read);
    case "arrow":
      return (await arrow()).planArrow(source, targetBytes);
    case "rows":
    case "sql":
      throw rowsSource();
    default:
      return assertNever(format, "source");
  }
}

/**
 * Opens one partition for reading the columns of `scan.schema`. `before`: a reader of the same scan that is at its end; what comes back is that one,
 * or it is closed.
 */
export async function openReader(
  scan: ScanSpec,
  part: PartitionSpec,
  options: ReaderOptions,
  before: BatchReader | null = null,
): Promise<BatchReader> {
  const { format } = scan.source.spec;
  if (part.kind === "files") return new FilesReader(part, (one, last) => openReader(scan, one, options, last));
  if (format === "csv") return openCsv(scan, part, options, before);
  if (format === "jsonl") return (await jsonl()).openJsonl(scan, part, options, before);
  // The reader before makes room for the next one.
  await before?.close();
  const { where = null } = options;
  switch (format) {
    case "parquet": {
      const { openParquet } = await parquet();
      return withFolderColumns(scan, part.file, where, (own, left) => openParquet(own, part, { ...options, where: left }));
    }
    case "arrow": {
      const { openArrow } = await arrow();
      return withFolderColumns(scan, part.file, null, (own) => openArrow(own, part, options));
    }
    case "rows":
    case "sql":
      throw rowsSource();
    default:
      return assertNever(format, "source");
  }
}

const rowsSource = () => internalError("rows of a program or of a query are read from exchange files, not here");
