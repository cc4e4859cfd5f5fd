import type { Batch, Column } from "../batch/column.js";
import { type ColumnReader, columnReader } from "../batch/reader.js";
import { countValid } from "../batch/validity.js";
import { required } from "../common/assert.js";
import type { MaskKernels } from "../kernels/expressions/maskKernels.js";
import { type CountedValues, type Failed, failedText, joinedTexts, valueTexts } from "../kernels/groups/packedValues.js";
import type { TableOwner, ValueTable } from "../kernels/groups/valueTable.js";
import { kernelsOf } from "../kernels/wasm.js";
import type { BoundCheck } from "../plan/bound.js";
import { hashOfText, type PackedValues, ValueCounter, type ValueTally } from "../runtime/valueTally.js";
import { rowHashes } from "./valueHash.js";
import type { DataType, Schema, Value } from "../schema/types.js";
import type { CheckSample, CheckTally } from "../task/protocol.js";

const mostSamples = 5;

/** Rows of a batch, ascending. */
export type FailedRows = Int32Array | Uint32Array | readonly number[];

/** What one check has found. */
export class CheckCounter {
  readonly values: FailedValues;
  total = 0;
  private failed = 0;
  private threw = 0;
  private readonly samples: CheckSample[] = [];

  constructor(
    readonly check: BoundCheck,
    input: Schema,
  ) {
    this.values = new FailedValues(check.columns.map((index) => required(input[index], "column of a check").type));
  }

  /** How many of the batch's rows count: all, or those with a value in each column. */
  counted(batch: Batch, live: number): number {
    const { ofValues, columns } = this.check;
    if (!ofValues) return live;
    const valid = columns.flatMap((index) => columnAt(batch, index).valid ?? []);
    const [first, ...others] = valid;
    if (first === undefined) return live;
    if (batch.selection === null && others.length === 0) return onesIn(first);
    return wholeRows(batch.selection, live, valid);
  }

  /** `rows` fail, ascending, those with messages since the condition could not be computed; nobody looks at them afterwards. */
  count(
    batch: Batch,
    rows: FailedRows,
    messages: ReadonlyMap<number, string>,
    fromSource: boolean,
    table: ValueTable | null,
  ): void {
    this.failed += rows.length;
    this.threw += messages.size;
    const columns = this.check.columns.map((index) => columnAt(batch, index));
    if (this.samples.length < mostSamples) this.keepSamples(batch, rows, messages, fromSource, columns);
    if (columns.length > 0) this.values.count(rows, columns, table);
  }

  private keepSamples(
    batch: Batch,
    rows: FailedRows,
    messages: ReadonlyMap<number, string>,
    fromSource: boolean,
    columns: readonly Column[],
  ): void {
    const readers = columns.map(columnReader);
    for (const row of rows.slice(0, mostSamples - this.samples.length)) {
      this.samples.push({
        ...placeOf(batch, row, fromSource),
        values: valueTexts(valuesAt(readers, row), this.values.types),
        message: messages.get(row) ?? null,
      });
    }
  }

  /** `packed`: values that kernels have counted. */
  take(packed: PackedValues | null): CheckTally {
    const { check, total, failed, threw, samples } = this;
    const tally = { check: check.id, total, failed, threw, samples, unexpected: this.values.tally() };
    return packed === null ? tally : { ...tally, packed };
  }
}

/** The values of failing rows, counted: those of fixed width as they are, their texts made in the end for those that are kept. */
class FailedValues implements TableOwner {
  private readonly counter = new ValueCounter<Failed>({ same, text: (value) => failedText(value, this.types) });

  constructor(readonly types: readonly DataType[]) {}

  /** A check over whole rows has no columns, and no values. */
  count(rows: FailedRows, columns: readonly Column[], table: ValueTable | null): void {
    if (rows instanceof Uint32Array && table?.count(rows, columns) === true) return;
    this.takeRows(rows, columns);
  }

  takeRows(rows: FailedRows, columns: readonly Column[]): void {
    const { counter } = this;
    const hashes = rowHashes(columns, rows);
    const readers = columns.map(columnReader);
    const [read] = readers;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (hashes === null) {
        const text = joinedTexts(valueTexts(valuesAt(readers, row), this.types));
        counter.add(text, hashOfText(text));
        continue;
      }
      const hash = hashes[i] as number;
      if (!counter.passesOver(hash)) counter.add(readers.length === 1 ? (read?.(row) ?? null) : valuesAt(readers, row), hash);
    }
  }

  take({ hashes, counts, valueAt }: CountedValues, complete: boolean): void {
    for (let i = 0; i < hashes.length; i++) this.counter.add(valueAt(i), hashes[i] as number, counts[i]);
    if (!complete) this.counter.leftOut();
  }

  tally(): ValueTally {
    return this.counter.take();
  }
}

/** Apart from the loop that calls it: what that loop captured would be allocated for every row. */
function valuesAt(readers: readonly ColumnReader[], row: number): Value[] {
  const values: Value[] = [];
  for (const read of readers) values.push(read(row));
  return values;
}

function same(a: Failed, b: Failed): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

const columnAt = (batch: Batch, index: number): Column => required(batch.columns[index], "column of a check");

function onesIn(valid: Uint8Array): number {
  const kernels = kernelsOf(valid);
  return kernels === null ? countValid(valid) : kernels.functions<MaskKernels>().maskCount(valid.byteOffset, valid.length);
}

function wholeRows(selection: Int32Array | null, live: number, valid: readonly Uint8Array[]): number {
  let rows = 0;
  for (let j = 0; j < live; j++) {
    const row = selection === null ? j : (selection[j] as number);
    let whole = 1;
    for (const bytes of valid) whole &= bytes[row] as number;
    rows += whole;
  }
  return rows;
}

function placeOf(batch: Batch, row: number, fromSource: boolean): Pick<CheckSample, "file" | "line" | "byte"> {
  const place = fromSource ? (batch.origin?.place(row) ?? null) : null;
  return { file: place?.file ?? "", line: place?.line ?? null, byte: place?.byte ?? null };
}
