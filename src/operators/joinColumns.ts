import { type Coded, codedColumn, codesOf, textColumn } from "../batch/coded.js";
import { concatColumn } from "../batch/concat.js";
import { copyBatch } from "../batch/gather.js";
import type { Batch, BytesColumn, Column } from "../batch/column.js";
import { bytesOfTexts } from "../batch/text.js";
import { assertNever, required } from "../common/assert.js";
import { resourceError } from "../common/errors.js";
import type { DataType } from "../schema/types.js";

/** The live rows in memory of their own. Whole blocks are copied where that is not much more than the rows. */
export function ownBatch(batch: Batch): Batch {
  if (batch.selection !== null) return copyBatch(batch);
  const columns = batch.columns.map(
    (column, index) => ownColumn(column) ?? required(copyBatch({ ...batch, columns: [column] }).columns[0], `column ${index}`),
  );
  return { ...batch, columns, origin: null };
}

/** The live rows of a batch whose memory nobody else uses again: as they are, but for texts that would keep a block of mostly other rows. */
export function keptBatch(batch: Batch): Batch {
  if (batch.selection !== null) return copyBatch(batch);
  const columns = batch.columns.map((column, index) =>
    column.layout !== "bytes" || codesOf(column) !== null || fillsBlock(column)
      ? column
      : required(copyBatch({ ...batch, columns: [column] }).columns[0], `column ${index}`),
  );
  return { ...batch, columns, origin: null };
}

/** Whether the block that byte strings lie in is not much larger than they are. */
function fillsBlock({ bytes, starts, ends, length }: BytesColumn): boolean {
  return bytes.length <= 4096 + bytesOfTexts({ starts, ends, valid: null }, null, 0, length) * 2;
}

/** null where a copy of the block would be mostly of other rows. */
function ownColumn(column: Column): Column | null {
  const { length } = column;
  const valid = column.valid === null ? null : column.valid.slice(0, length);
  switch (column.layout) {
    case "fixed":
      return { ...column, values: column.values.slice(0, length), valid };
    case "wide":
      return { ...column, values: column.values.slice(0, length * 2), valid };
    case "object":
      return { ...column, values: column.values.slice(0, length), valid };
    case "bytes": {
      const { bytes, starts, ends } = column;
      if (!fillsBlock(column)) return null;
      return { ...column, bytes: bytes.slice(), starts: starts.slice(0, length), ends: ends.slice(0, length), valid };
    }
    default:
      return assertNever(column, "column layout");
  }
}

/** Columns of all rows, from those of their batches. */
export function concatColumns(type: DataType, parts: readonly Column[]): Column {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return (
    concatCodes(parts, length) ??
    concatColumn(type, parts, () =>
      resourceError("BROADCAST_TOO_LARGE", "a column of a join's right side holds more than 2 GiB of text", {
        hint: "Set broadcastBytes to 0, so that the join runs in DuckDB.",
      }),
    )
  );
}

/** More different texts than this are not worth codes. */
const mostTexts = 4096;

/** Columns that all have codes, with one dictionary for all of them; null for any others. */
function concatCodes(parts: readonly Column[], length: number): BytesColumn | null {
  const all: Coded[] = [];
  for (const part of parts) {
    const coded = codesOf(part);
    if (coded === null) return null;
    all.push(coded);
  }
  const numbers = new Map<string | null, number>();
  const texts: (Uint8Array | null)[] = [];
  const tables = all.map(({ texts: own }) => {
    const table = new Uint16Array(own.length);
    for (let i = 0; i < own.length; i++) {
      const text = own.valid?.[i] === 0 ? null : own.bytes.subarray(own.starts[i], own.ends[i]);
      const name = text === null ? null : Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
      const number = numbers.get(name) ?? texts.push(text) - 1;
      numbers.set(name, number);
      table[i] = number;
    }
    return table;
  });
  const [first] = all;
  if (first === undefined || texts.length > mostTexts) return null;
  const codes = texts.length <= 256 ? new Uint8Array(length) : new Uint16Array(length);
  let at = 0;
  for (const [i, { codes: own }] of all.entries()) {
    const rows = parts[i]?.length ?? 0;
    translated(own, rows, tables[i] as Uint16Array, codes, at);
    at += rows;
  }
  return codedColumn({ codes, texts: textColumn(first.texts.type, texts) }, length);
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

function translated(codes: Coded["codes"], rows: number, table: Uint16Array, out: Coded["codes"], at: number): void {
  for (let i = 0; i < rows; i++) out[at + i] = table[codes[i] as number] as number;
}
