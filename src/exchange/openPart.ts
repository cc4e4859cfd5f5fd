import type { Batch } from "../batch/column.js";
import { assertNever, required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BatchReader, ColumnsRead } from "../io/contracts.js";
import { openReader, planPartitions, type ReaderOptions } from "../io/sources.js";
import { forgetLargeGroups } from "../kernels/groups/groupMemory.js";
import { forgetReaderKernels } from "../kernels/taskKernels.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import type { PartitionSpec, RowsBeside, ScanSpec } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { BucketReader, planBuckets } from "./bucketReader.js";
import { KeyedReader, planKeyed } from "./keyedReader.js";
import { JoinedReader } from "./joinedReader.js";
import { type PlacedPart, PlacedReader, planPlaced } from "./placedReader.js";
import { openRange } from "./rangeReader.js";
import { ReadMemory } from "./readMemory.js";
import { planRuns } from "./runRanges.js";

/** How the block files of an exchange are read. */
export type BlockLayout = "buckets" | "runs" | "keyed" | "placed";

/** The block files of an exchange as a source. */
export function blockSource(paths: readonly string[], schema: Schema): ResolvedSource {
  const files = paths.map((path) => ({ path, bytes: 0, modifiedMs: 0, partitionValues: [] }));
  return {
    // No format of a user's: only `openPart` reads it.
    spec: { format: "arrow", paths, schema, onReject: "fail", rejectLimits: {} },
    files,
    schema,
    partitionColumns: [],
    rows: null,
  };
}

/** Partitions of a source (see `planPartitions`), or of the block files of an exchange. `beside`: files of another exchange in the same buckets. */
export async function planParts(
  source: ResolvedSource,
  layout: BlockLayout | null,
  targetBytes: number,
  beside: readonly string[] = [],
  read: ColumnsRead | null = null,
): Promise<PartitionSpec[]> {
  switch (layout) {
    case null:
      return planPartitions(source, targetBytes, read);
    case "buckets":
      return planBuckets(pathsOf(source));
    case "runs":
      return planRuns(pathsOf(source));
    case "keyed":
      return planKeyed(pathsOf(source), beside);
    case "placed":
      return planPlaced(pathsOf(source));
    default:
      return assertNever(layout, "layout");
  }
}

/** What a thread's reader has usually grown to. */
const usualBytes = 2 ** 26;

let lastKind: PartitionSpec["kind"] | null = null;

/** Opens one partition of a source or of an exchange. */
export async function openPart(scan: ScanSpec, part: PartitionSpec, options: ReaderOptions): Promise<BatchReader> {
  if (part.kind !== lastKind) giveUpMemory(part);
  lastKind = part.kind;
  if (part.kind === "buckets") return new BucketReader(pathsOf(scan.source), part);
  if (part.kind === "runs") return openRange(pathsOf(scan.source), scan.schema, part);
  if (part.kind === "keyed") return new KeyedReader(pathsOf(scan.source), scan.schema, part);
  if (part.kind === "placed") {
    const beside = required(scan.beside, "what was computed of the rows");
    return openPlaced(pathsOf(scan.source)[0] ?? null, scan.schema, part, beside);
  }
  return openReader(scan, part, options);
}

function openPlaced(path: string | null, schema: Schema, part: PlacedPart, { paths, how }: RowsBeside): BatchReader {
  switch (how.kind) {
    case "columns":
    case "keep":
      return new PlacedReader(path, schema, part, paths, how.kind);
    case "join":
      return new JoinedReader(path, schema, part, paths, how.output);
    default:
      throw internalError("rows are not put back with the other side of a join");
  }
}

/** Between stages of different kinds a thread lets go of the memory that the one before has grown and this one would only hold beside its own. */
function giveUpMemory({ kind }: PartitionSpec): void {
  forgetLargeGroups();
  // Buckets are read into that memory, too.
  if (isOfBlocks(kind)) forgetReaderKernels(kind === "buckets" ? usualBytes : 0);
}

const isOfBlocks = (kind: PartitionSpec["kind"]): boolean =>
  kind === "buckets" || kind === "runs" || kind === "keyed" || kind === "placed";

/** Every row of block files, in order. Batches own their memory, or are good until the next one where one `memory` is given for all of them. */
export function* readBlocks(paths: readonly string[], memory?: ReadMemory): Generator<Batch> {
  for (const path of paths) {
    const file = new BlockFile(path);
    try {
      for (const block of file.blocks) {
        const columns = file.read(block, 0, block.rows, memory ?? new ReadMemory(true));
        yield { schema: file.schemaOf(block), length: block.rows, columns, selection: null, origin: null };
      }
    } finally {
      file.close();
    }
  }
}

const pathsOf = (source: ResolvedSource): string[] => source.files.map((file) => file.path);
