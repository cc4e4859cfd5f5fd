import { externalError, MillraceError, planError } from "../../common/errors.js";
import { type DataType, type Field, type Schema, types } from "../../schema/types.js";

export type Rows = Iterable<unknown> | AsyncIterable<unknown>;

const sampleRows = 1000;

/**
 * Rows of a program, with the first ones looked at so that a schema can be inferred; they are delivered again.
 * Inference: boolean → bool, number → float64 (a JavaScript number is a double), bigint → int64, string → utf8, Date → timestamp,
 * Uint8Array → binary, array → list, object → struct; null or absent decides nothing.
 */
export class RowFeed {
  private constructor(
    private readonly sample: readonly unknown[],
    private readonly rest: AsyncIterator<unknown> | Iterator<unknown>,
  ) {}

  static async open(rows: Rows): Promise<RowFeed> {
    const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
    const sample: unknown[] = [];
    while (sample.length < sampleRows) {
      const step = await guarded(sample.length, () => iterator.next());
      if (step.done === true) break;
      sample.push(step.value);
    }
    return new RowFeed(sample, iterator);
  }

  /** @throws MillraceError Plan/SCHEMA_NEEDED when no row shows a column, Plan/ROW_TYPE when a column holds several types. */
  inferSchema(): Schema {
    const columns = new Map<string, DataType>();
    this.sample.forEach((row, i) => {
      for (const [name, value] of Object.entries(asRow(row, i))) {
        const seen = columns.get(name) ?? types.null;
        columns.set(name, merge(seen, typeOf(value), name, i));
      }
    });
    if (columns.size === 0) {
      throw planError("SCHEMA_NEEDED", "read.rows: the rows show no column to infer a schema from", {
        hint: 'Give one: read.rows(rows, { schema: { id: "int64" } }).',
      });
    }
    return [...columns].map(([name, type]): Field => ({ name, type: type.kind === "null" ? types.utf8 : type, nullable: true }));
  }

  /** Slices of at most `size` rows. */
  async *slices(size: number): AsyncGenerator<unknown[]> {
    let slice: unknown[] = [];
    let before = this.sample.length;
    for (const row of this.sample) {
      slice.push(row);
      if (slice.length < size) continue;
      yield slice;
      slice = [];
    }
    for (;;) {
      const step = guarded(before, () => this.rest.next());
      // Awaiting every row of a plain iterator would cost more than the row.
      const { done, value } = step instanceof Promise ? await step : step;
      if (done === true) break;
      before++;
      slice.push(value);
      if (slice.length < size) continue;
      yield slice;
      slice = [];
    }
    if (slice.length > 0) yield slice;
  }
}

type Step = IteratorResult<unknown>;

/** The next row; what the program's own iterable throws is told as such. */
function guarded(rows: number, next: () => Step | Promise<Step>): Step | Promise<Step> {
  try {
    const step = next();
    return step instanceof Promise ? step.catch((thrown: unknown) => Promise.reject(rowsFailed(rows, thrown))) : step;
  } catch (thrown) {
    throw rowsFailed(rows, thrown);
  }
}

function rowsFailed(rows: number, thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return externalError("ROWS_FAILED", `read.rows: the rows broke off after ${rows}: ${reason}`, {
    hint: "The error is the program's own: look where it makes these rows.",
    cause: thrown,
  });
}

function asRow(row: unknown, index: number): object {
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row;
  throw planError("ROW_TYPE", `read.rows: row ${index} is ${row === null ? "null" : typeof row}, expected an object of columns`);
}

function typeOf(value: unknown): DataType {
  switch (typeof value) {
    case "boolean":
      return types.bool;
    case "number":
      return types.float64;
    case "bigint":
      return types.int64;
    case "string":
      return types.utf8;
    case "object":
      if (value === null) return types.null;
      if (value instanceof Date) return types.timestamp;
      if (value instanceof Uint8Array) return types.binary;
      if (Array.isArray(value))
        return types.list(value.map(typeOf).reduce((a, b) => (a.kind === "null" ? b : a), types.null as DataType));
      return types.struct(Object.entries(value).map(([name, inner]) => ({ name, type: typeOf(inner), nullable: true })));
    default:
      return types.null;
  }
}

function merge(a: DataType, b: DataType, column: string, row: number): DataType {
  if (a.kind === "null") return b;
  if (b.kind === "null" || a.kind === b.kind) return a;
  throw planError("ROW_TYPE", `read.rows: column ${JSON.stringify(column)} is ${a.kind} at first and ${b.kind} in row ${row}`, {
    column,
    hint: "Make the values one type, or declare a schema.",
  });
}
