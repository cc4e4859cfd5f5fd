import type { Batch, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { giveGroupKernels, takeGroupKernels } from "../kernels/groups/groupMemory.js";
import { JoinTable } from "../kernels/joins/joinTable.js";
import type { Schema } from "../schema/types.js";
import type { Step } from "../task/protocol.js";
import { concatColumns } from "./joinColumns.js";

export type BucketJoinStep = Extract<Step, { op: "bucketJoin" }>;

/** Matches are written once there are this many. */
export const writeRows = 2 ** 17;

/** The right rows of some buckets. */
export interface RightRows {
  /** null where there are none. */
  readonly table: JoinTable | null;
  /** The columns that go with a match. */
  readonly columns: readonly Column[];
  /** Ends the use of the table's memory. */
  free(): void;
}

/** A table over these right rows. */
export function rightRows(step: BucketJoinStep, schema: Schema, batches: readonly Batch[]): RightRows {
  const rows = batches.reduce((sum, batch) => sum + batch.length, 0);
  const known = new Map<number, Column>();
  const column = (index: number): Column => {
    const made =
      known.get(index) ??
      concatColumns(
        required(schema[index], "column").type,
        batches.map((batch) => required(batch.columns[index], "column")),
      );
    known.set(index, made);
    return made;
  };
  const columns = step.right.map(column);
  if (rows === 0) return { table: null, columns, free: () => undefined };
  const kernels = takeGroupKernels();
  const keys = step.on.map((pair) => column(pair.right));
  const table = new JoinTable(keys, rows, kernels);
  let freed = false;
  const free = () => {
    if (freed) return;
    freed = true;
    table.free();
    giveGroupKernels(kernels);
  };
  return { table, columns, free };
}
