import { required } from "../../common/assert.js";
import { dataError, planError } from "../../common/errors.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { SourceSpec } from "../../plan/nodes.js";
import type { Schema } from "../../schema/types.js";
import type { PartitionSpec, ScanSpec } from "../../task/protocol.js";
import type { BatchReader } from "../contracts.js";
import { checkRequired } from "../csv/csvFields.js";
import { hiddenFields, type ReaderOptions } from "../csv/csvSource.js";
import type { FoundFiles } from "../files.js";
import { JsonGuess, sampledJson } from "./jsonlInfer.js";
import { JsonlReader } from "./jsonlReader.js";
import { openText } from "../text/textFiles.js";
import { planText, sampleText } from "../text/textPartitions.js";

/** What is done once a block costs more than what a larger one loses in caches. */
const defaultBlockBytes = 2 << 20;
const sampleRecords = 2_000;

/**
 * Completes a JSON lines source: the declared schema, or one inferred from a sample of the first file that has records.
 * @throws MillraceError Data/SOURCE_EMPTY when nothing is declared and no file has a readable record.
 */
export function resolveJsonl(spec: SourceSpec, found: FoundFiles): ResolvedSource {
  if (spec.format !== "jsonl") throw planError("INVALID_SOURCE", `expected a JSONL source, found ${spec.format}`);
  const folder = new Set(found.partitionSchema.map((field) => field.name));
  const own = (spec.schema ?? infer(found.files)).filter((field) => !folder.has(field.name));
  const schema = [...own, ...found.partitionSchema];
  checkRequired(spec.required ?? [], schema);
  return {
    spec,
    files: found.files,
    schema,
    partitionColumns: [...folder],
    rows: null,
  };
}

/** Byte ranges of about `targetBytes`; a compressed file is one partition. */
export function planJsonl(source: ResolvedSource, targetBytes: number): PartitionSpec[] {
  return planText(source.files, targetBytes);
}

/** Opens one partition. `before`: see `openReader`. @throws MillraceError Data/SOURCE_CHANGED, External/SOURCE_UNREADABLE */
export function openJsonl(
  scan: ScanSpec,
  part: PartitionSpec,
  options: ReaderOptions,
  before: BatchReader | null = null,
): BatchReader {
  if (part.kind !== "bytes" && part.kind !== "wholeFile")
    throw planError("INVALID_PARTITION", `JSONL has no ${part.kind} partitions`);
  const { source, schema } = scan;
  const { spec } = source;
  if (spec.format !== "jsonl") throw planError("INVALID_SOURCE", `expected a JSONL source, found ${spec.format}`);
  const file = required(source.files[part.file], `file ${part.file} of the source`);
  return openText({
    part,
    file,
    open: options.open ?? null,
    before: before instanceof JsonlReader ? before : null,
    goOn: (reader, { text, open }) => reader.goOn(text, open),
    make: (found, open, range) =>
      new JsonlReader({
        file: found,
        schema,
        required: spec.required ?? [],
        hidden: hiddenFields(spec.required ?? [], source.schema, schema),
        folder: new Map(source.partitionColumns.map((name, i) => [name, file.partitionValues[i] ?? null])),
        open,
        ...range,
        batchRows: options.batchRows,
        reject: options.reject,
        blockBytes: options.blockBytes ?? defaultBlockBytes,
        ...(options.maxRecordBytes === undefined ? {} : { maxRecordBytes: options.maxRecordBytes }),
      }),
  });
}

function infer(files: readonly SourceFile[]): Schema {
  for (const file of files) {
    const guess = new JsonGuess();
    for (const piece of sampleText(file, 0, 10)) addPiece(guess, piece.bytes, piece.last);
    const type = guess.type;
    if (type.kind === "struct") return type.fields;
  }
  const first = files[0]?.path ?? "the source";
  throw dataError("SOURCE_EMPTY", `${first} has no record that a schema could be taken from`, {
    file: first,
    hint: "Declare a schema.",
  });
}

function addPiece(guess: JsonGuess, bytes: Uint8Array, last: boolean): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  const lines = text.split("\n");
  if (!last) lines.pop();
  for (const line of lines.slice(0, sampleRecords)) {
    if (line.trim() === "") continue;
    try {
      guess.add(sampledJson(line));
    } catch (error) {
      // A line that is no JSON is rejected when it is read; it says nothing about types.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
}
