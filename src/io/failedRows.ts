import type { Column } from "../batch/column.js";

interface AtRow {
  readonly row: number;
}

/** The first failure of each row, in the order of the rows. Those of one column come in that order already. */
export function firstOfRows<Failure extends AtRow>(failures: readonly Failure[]): readonly Failure[] {
  let last = -1;
  for (const { row } of failures) {
    if (row <= last) return sorted(failures);
    last = row;
  }
  return failures;
}

function sorted<Failure extends AtRow>(failures: readonly Failure[]): readonly Failure[] {
  const byRow = new Map<number, Failure>();
  for (const failure of failures) if (!byRow.has(failure.row)) byRow.set(failure.row, failure);
  return [...byRow.values()].sort((a, b) => a.row - b.row);
}

/** Numbers of which a row has `width`. */
interface Numbers {
  readonly length: number;
  copyWithin(to: number, from: number, end: number): unknown;
}

/**
 * Moves rows together over the failed ones, which come in ascending order, each once. Every step behind takes a batch without gaps faster than
 * one with a list of the rows that count.
 */
export function closeGaps(values: Numbers, width: number, failed: readonly AtRow[]): void {
  let at = (failed[0]?.row ?? 0) * width;
  for (let i = 0; i < failed.length; i++) {
    const from = ((failed[i] as AtRow).row + 1) * width;
    const end = (failed[i + 1]?.row ?? values.length / width) * width;
    values.copyWithin(at, from, end);
    at += end - from;
  }
}

/** The column without its failed rows, in the same memory. */
export function withoutRows(column: Column, failed: readonly AtRow[]): Column {
  const length = column.length - failed.length;
  const valid = validWithout(column.valid, length, failed);
  switch (column.layout) {
    case "fixed":
      closeGaps(column.values, 1, failed);
      return { ...column, length, valid, values: column.values.subarray(0, length) };
    case "wide":
      closeGaps(column.values, 2, failed);
      return { ...column, length, valid, values: column.values.subarray(0, length * 2) };
    case "bytes":
      closeGaps(column.starts, 1, failed);
      closeGaps(column.ends, 1, failed);
      return { ...column, length, valid, starts: column.starts.subarray(0, length), ends: column.ends.subarray(0, length) };
    case "object": {
      const gone = new Set(failed.map(({ row }) => row));
      return { ...column, length, valid, values: column.values.filter((_, row) => !gone.has(row)) };
    }
  }
}

/** A failed value counts as null: without those a column may have none. */
function validWithout(valid: Uint8Array | null, length: number, failed: readonly AtRow[]): Uint8Array | null {
  if (valid === null) return null;
  closeGaps(valid, 1, failed);
  const left = valid.subarray(0, length);
  return left.includes(0) ? left : null;
}
