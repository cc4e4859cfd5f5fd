import type { Batch, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { resourceError } from "../common/errors.js";
import { JoinTable } from "../kernels/joins/joinTable.js";
import type { RowsBuild, Step } from "../task/protocol.js";
import { eachBatch } from "./buildRows.js";
import { type BuildColumn, buildColumns } from "./joinCodes.js";
import { concatColumns, keptBatch, ownBatch } from "./joinColumns.js";

export type JoinStep = Extract<Step, { readonly op: "join" }>;

/** The right side of a join: its rows by key, and the columns that the output takes from it, by their index. */
export interface BuildSide {
  readonly table: JoinTable;
  readonly columns: ReadonlyMap<number, BuildColumn>;
  readonly rows: number;
  readonly bytes: number;
}

/** No estimate is so wrong that a right side may be larger. */
const mostBytes = 768 * 2 ** 20;
/** What a thread keeps of right sides that no running task has asked for. */
const keptBytes = 128 * 2 ** 20;
/** A right side that this many joins after it did not want is dropped: its run is most likely over. */
const patience = 8;

interface Entry {
  readonly side: Promise<BuildSide>;
  bytes: number;
  usedAt: number;
}

/** Right sides that tasks of this thread have read, by run and content: a stage's tasks share one. */
const kept = new Map<string, Entry>();
let clock = 0;

/** The right side of a join, read by the first task of a run on this thread that asks for it. */
export async function buildSide(step: JoinStep, runId: string): Promise<BuildSide> {
  const key = keyOf(step, runId);
  clock++;
  let entry = kept.get(key);
  if (entry === undefined) {
    forget();
    entry = { side: readBuild(step), bytes: 0, usedAt: clock };
    kept.set(key, entry);
    entry.side.then(
      (side) => {
        required(entry, "right side").bytes = side.bytes;
      },
      () => kept.delete(key),
    );
  }
  entry.usedAt = clock;
  return entry.side;
}

function keyOf(step: JoinStep, runId: string): string {
  const { scan, parts } = step.build;
  return JSON.stringify([runId, scan.source.files, scan.schema, parts, step.on.map((pair) => pair.right), rightColumns(step)]);
}

/** Drops what waited too long, then the longest unused until the rest fits. */
function forget(): void {
  for (const [key, entry] of kept) if (clock - entry.usedAt > patience) drop(key, entry);
  const oldest = [...kept].sort(([, a], [, b]) => a.usedAt - b.usedAt);
  let bytes = oldest.reduce((sum, [, entry]) => sum + entry.bytes, 0);
  for (const [key, entry] of oldest) {
    if (bytes <= keptBytes) return;
    drop(key, entry);
    bytes -= entry.bytes;
  }
}

function drop(key: string, { side }: Entry): void {
  kept.delete(key);
  side.then(
    ({ table }) => table.forget(),
    () => undefined,
  );
}

const rightColumns = (step: JoinStep): number[] => [
  ...new Set(step.output.flatMap((output) => (output.side === "right" ? [output.index] : []))),
];

async function readBuild(step: JoinStep): Promise<BuildSide> {
  const { build, on } = step;
  const batches = await readAll(build);
  const rows = batches.reduce((sum, batch) => sum + batch.length, 0);
  const column = (index: number): Column => {
    const { type } = required(build.scan.schema[index], "column of the right side");
    return concatColumns(
      type,
      batches.map((batch) => required(batch.columns[index], "column")),
    );
  };
  const table = new JoinTable(
    on.map((pair) => column(pair.right)),
    rows,
  );
  const columns = buildColumns(new Map(rightColumns(step).map((index) => [index, column(index)])));
  for (const { coded } of columns.values())
    if (coded !== null && table.unique) table.keepCodes(coded.codes, coded.texts.length - 1);
  const bytes = [...columns.values()].reduce(
    (sum, one) => sum + bytesOf(one.column) + (one.coded?.codes.byteLength ?? 0),
    table.bytes,
  );
  return { table, columns, rows, bytes };
}

async function readAll(build: RowsBuild): Promise<Batch[]> {
  const batches: Batch[] = [];
  let bytes = 0;
  await eachBatch(build, "the right side of a join", (batch, keeps) => {
    const copy = keeps ? keptBatch(batch) : ownBatch(batch);
    bytes += copy.columns.reduce((sum, column) => sum + bytesOf(column), 0);
    if (bytes > mostBytes) throw tooLarge(bytes);
    batches.push(copy);
  });
  return batches;
}

const tooLarge = (bytes: number) =>
  resourceError(
    "BROADCAST_TOO_LARGE",
    `the right side of a join holds more than ${Math.round(bytes / 2 ** 20)} MiB, far over its estimate`,
    {
      hint: "Set broadcastBytes to 0, so that the join runs in DuckDB.",
    },
  );

function bytesOf(column: Column): number {
  const valid = column.valid?.byteLength ?? 0;
  if (column.layout === "object") return valid + column.length * 64;
  return valid + (column.layout === "bytes" ? column.bytes.byteLength + column.length * 8 : column.values.byteLength);
}
