import type { Batch } from "../batch/column.js";
import { type ColumnReader, columnReader } from "../batch/reader.js";
import { required } from "../common/assert.js";
import { formatValue } from "../functions/format.js";
import type { BoundCheck } from "../plan/bound.js";
import { ValueCounter } from "../runtime/valueTally.js";
import { rowHash } from "./valueHash.js";
import type { DataType, Schema, Value } from "../schema/types.js";
import type { CheckSample, CheckTally } from "../task/protocol.js";

const mostSamples = 5;
const mostText = 200;

/** What one check has found. */
export class CheckCounter {
  /** Rows of the batch at hand that fail, ascending. */
  readonly failures: number[] = [];
  /** Why the condition could not be computed, for those of them where it could not. */
  readonly messages = new Map<number, string>();
  total = 0;
  private failed = 0;
  private threw = 0;
  private readonly samples: CheckSample[] = [];
  private readonly values = new ValueCounter();
  private readonly texts: readonly ValueTexts[];

  constructor(
    readonly check: BoundCheck,
    input: Schema,
  ) {
    this.texts = check.columns.map((index) => new ValueTexts(required(input[index], "column of a check").type));
  }

  /** How many of the batch's rows count: all, or those with a value in each column. */
  counted(batch: Batch, live: number): number {
    const { ofValues, columns } = this.check;
    if (!ofValues) return live;
    const valid = columns.flatMap((index) => required(batch.columns[index], "column of a check").valid ?? []);
    const [first, ...others] = valid;
    if (first === undefined) return live;
    return live - nullRows(batch.selection, batch.length, first, others);
  }

  count(batch: Batch, fromSource: boolean): void {
    const { failures, messages, check, texts } = this;
    if (failures.length === 0) return;
    this.failed += failures.length;
    this.threw += messages.size;
    const readers = check.columns.map((index) => columnReader(required(batch.columns[index], "column of a check")));
    const valuesOf = (row: number) => readers.map((read, i) => required(texts[i], "texts of a column").of(read(row)));
    for (const row of failures.slice(0, mostSamples - this.samples.length)) {
      this.samples.push({ ...placeOf(batch, row, fromSource), values: valuesOf(row), message: messages.get(row) ?? null });
    }
    this.countValues(batch, readers);
  }

  private countValues(batch: Batch, readers: readonly ColumnReader[]): void {
    const { failures, check, texts, values } = this;
    const [read, text] = [readers[0], texts[0]];
    if (read === undefined || text === undefined) return;
    const valuesOf = (row: number) => joined(readers.map((one, i) => required(texts[i], "texts of a column").of(one(row))));
    const textOf = readers.length === 1 ? (row: number) => text.of(read(row)) : valuesOf;
    const hashOf = rowHash(check.columns.map((index) => required(batch.columns[index], "column of a check")));
    if (hashOf === null) for (const row of failures) values.add(textOf(row));
    else {
      for (const row of failures) {
        const hash = hashOf(row);
        if (!values.passesOver(hash)) values.add(textOf(row), 1, hash);
      }
    }
  }

  endBatch(): void {
    if (this.failures.length === 0) return;
    this.failures.length = 0;
    this.messages.clear();
  }

  take(): CheckTally {
    const { check, total, failed, threw, samples } = this;
    return { check: check.id, total, failed, threw, samples, unexpected: this.values.take() };
  }
}

function nullRows(selection: Int32Array | null, length: number, first: Uint8Array, others: readonly Uint8Array[]): number {
  let nulls = 0;
  if (selection === null && others.length === 0) {
    for (let row = 0; row < length; row++) nulls += 1 - (first[row] as number);
    return nulls;
  }
  const live = selection?.length ?? length;
  for (let j = 0; j < live; j++) {
    const row = selection === null ? j : (selection[j] as number);
    let whole = first[row] as number;
    for (const valid of others) whole &= valid[row] as number;
    nulls += 1 - whole;
  }
  return nulls;
}

/** Texts of the values of a column. Numbers that fail tend to come again, and to write one takes longer than to find it. */
class ValueTexts {
  private readonly known = new Map<Value, string>();

  constructor(private readonly type: DataType) {}

  of(value: Value): string | null {
    if (value === null) return null;
    // A map takes 0 and -0 for one.
    if ((typeof value !== "number" && typeof value !== "bigint") || value === 0) return this.make(value);
    const found = this.known.get(value);
    if (found !== undefined) return found;
    const made = this.make(value);
    if (this.known.size === mostKnown) this.known.clear();
    this.known.set(value, made);
    return made;
  }

  private make(value: Value): string {
    return formatValue(value, this.type).slice(0, mostText);
  }
}

const mostKnown = 8192;

function joined(values: readonly (string | null)[]): string {
  let text = "";
  for (let i = 0; i < values.length; i++) text += `${i === 0 ? "" : ", "}${values[i] ?? "null"}`;
  return text;
}

function placeOf(batch: Batch, row: number, fromSource: boolean): Pick<CheckSample, "file" | "line" | "byte"> {
  const place = fromSource ? (batch.origin?.place(row) ?? null) : null;
  return { file: place?.file ?? "", line: place?.line ?? null, byte: place?.byte ?? null };
}
