import type { Batch } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { jsonText } from "../io/sink/sinkJsonl.js";
import { boundChildren } from "../expr/walk.js";
import type { Bound, FunctionRef } from "../expr/nodes.js";
import type { SourceSpec } from "../plan/nodes.js";
import type { PartitionSpec, RejectRecord, Step } from "../task/protocol.js";
import type { RejectRaw } from "./rejectFile.js";

/** Where a rejected row stood, and what it was. */
export interface FoundRow {
  readonly place: Pick<RejectRecord, "file" | "line" | "byte" | "length" | "row">;
  readonly raw: RejectRaw | null;
}

const nowhere = { file: "", line: null, byte: null, length: null, row: null };

/**
 * Finds the record that a row came from. Rows without bytes of their own (Parquet, Arrow, rows of an earlier stage) are told by their number,
 * where they stand in a file, and given as JSON of the columns that were read.
 */
export class RowFinder {
  /** Rows of the file that came before. */
  private before = 0;
  private file = "";
  private readonly firstRow: number | null;
  /** Rows are numbered anew in each file. */
  private readonly isOfFiles: boolean;
  private numbered = false;

  constructor(
    part: PartitionSpec,
    format: SourceSpec["format"],
    private readonly fromSource: boolean,
  ) {
    const isText = format === "csv" || format === "jsonl";
    this.firstRow = isText ? null : firstRowOf(part);
    this.isOfFiles = part.kind === "files" && !isText;
  }

  /** Gives a batch just read an origin that leads back to its row, through whatever the steps make of the batch. */
  enter(batch: Batch): Batch {
    const { origin } = batch;
    if (this.isOfFiles) this.enterFile(origin?.place(0).file ?? "");
    const first = this.before;
    this.before += batch.length;
    this.numbered = origin === null || this.firstRow !== null;
    if (!this.numbered) return batch;
    const known = origin ?? { place: () => nowhere, raw: () => null };
    return {
      ...batch,
      origin: {
        place: (row) => ({ ...known.place(row), row: first + row }),
        raw: (row) => jsonOfRow(batch, row),
      },
    };
  }

  private enterFile(file: string): void {
    if (file === this.file) return;
    this.file = file;
    this.before = 0;
  }

  /** `row`: a physical row of a batch that a step was given. */
  find(batch: Batch, row: number, wantsRaw: boolean): FoundRow {
    const { origin } = batch;
    if (origin === null) return { place: nowhere, raw: null };
    const { file, line, byte, length, row: inPart } = origin.place(row);
    const bytes = wantsRaw ? origin.raw(row) : null;
    const raw: RejectRaw | null = bytes === null ? null : { kind: this.numbered ? "json" : "bytes", bytes };
    // Rows of an earlier stage have lost their place; the name of a scratch file would mislead.
    if (!this.fromSource) return { place: nowhere, raw };
    const number = inPart === undefined || this.firstRow === null ? null : this.firstRow + inPart;
    return { place: { file, line, byte, length, row: number }, raw };
  }
}

/** The file's number of the partition's first row; null for what is no part of a file. */
function firstRowOf(part: PartitionSpec): number | null {
  if (part.kind === "files") return 0;
  if (part.kind === "rowGroups") return part.firstRow;
  if (part.kind === "batches") return part.firstRow;
  return null;
}

function jsonOfRow(batch: Batch, row: number): Uint8Array {
  const members = batch.schema.map((field, i) => {
    const column = batch.columns[i];
    const value = column === undefined ? null : columnReader(column)(row);
    return `${JSON.stringify(field.name)}:${value === null ? "null" : jsonText(value, field.type)}`;
  });
  return Buffer.from(`{${members.join(",")}}`, "utf8");
}

/** The hash of a step's function by its name; null where the step has none of that name. */
export function functionHash(step: Step, name: string | null): string | null {
  if (name === null) return null;
  return functionsOf(step).find((fn) => fn.name === name)?.hash ?? null;
}

function functionsOf(step: Step): FunctionRef[] {
  switch (step.op) {
    case "map":
    case "flatMap":
    case "mapBatches":
      return [step.fn];
    case "rows":
      return step.ops.flatMap((op) =>
        op.kind === "filter" ? inBound(op.predicate) : op.columns.flatMap(({ expr }) => inBound(expr)),
      );
    case "partialAggregate":
    case "groupExchange":
    case "finalAggregate":
      return [...step.keys.flatMap(({ expr }) => inBound(expr)), ...step.aggregates.flatMap(({ args }) => args.flatMap(inBound))];
    case "sortRuns":
      return step.keys.flatMap(({ expr }) => inBound(expr));
    default:
      return [];
  }
}

const inBound = (bound: Bound): FunctionRef[] => [
  ...(bound.kind === "udf" ? [bound.fn] : []),
  ...boundChildren(bound).flatMap(inBound),
];
