import { builderFor, type ColumnBuilder } from "../batch/builder.js";
import { type Batch, rowCount } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { MillraceError } from "../common/errors.js";
import { fromUser, toUser } from "../functions/border.js";
import { RowFailure } from "../functions/definition.js";
import { shown } from "../functions/failure.js";
import { type DataType, type Field, type Schema, typeName, type Value } from "../schema/types.js";

/** Collects row objects of a user's into columns. A row is taken whole or not at all. */
export class RowCollector {
  readonly #schema: Schema;
  readonly #where: string;
  readonly #scratch: Value[];
  #builders: ColumnBuilder[];

  /** `where` names the function or source in messages. */
  constructor(schema: Schema, where: string, capacity = 1024) {
    this.#schema = schema;
    this.#where = where;
    this.#scratch = new Array<Value>(schema.length).fill(null);
    this.#builders = schema.map((field) => builderFor(field.type, capacity));
  }

  get length(): number {
    return this.#builders[0]?.length ?? 0;
  }

  /** Converts a row object. @throws ColumnFailure naming the column whose value does not fit; nothing is kept then. */
  append(row: unknown): void {
    this.appendValues(this.convert(row));
  }

  /** The values of a row object in the order of the schema. The array is used again for the next row. */
  convert(row: unknown): readonly Value[] {
    if (typeof row !== "object" || row === null || Array.isArray(row)) refuseRow(row, this.#where);
    const fields = this.#schema;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as Field;
      this.#scratch[i] = fieldValue((row as { readonly [name: string]: unknown })[field.name], field, this.#where);
    }
    return this.#scratch;
  }

  /** Takes a row that was converted before. */
  appendValues(values: readonly Value[]): void {
    const builders = this.#builders;
    for (let i = 0; i < builders.length; i++) (builders[i] as ColumnBuilder).append(values[i] ?? null);
  }

  /** The rows so far as a batch; the collector starts anew. */
  take(): Batch {
    const columns = this.#builders.map((builder) => builder.finish());
    const length = columns[0]?.length ?? 0;
    this.#builders = this.#schema.map((field) => builderFor(field.type, Math.max(16, length)));
    return { schema: this.#schema, length, columns, selection: null, origin: null };
  }
}

/** @throws ColumnFailure for what is no row object. */
export function refuseRow(found: unknown, where: string): never {
  throw new ColumnFailure(
    "NOT_A_ROW",
    `${where}: expected an object with a property for each column, found ${shown(found)}`,
    null,
  );
}

/** A row that does not fit, and the column that it fails at. */
export class ColumnFailure extends RowFailure {
  constructor(
    code: string,
    message: string,
    readonly column: string | null,
  ) {
    super(code, message);
  }
}

/**
 * One value of a user's as a field holds it; undefined counts as null. `where` begins a message.
 * @throws ColumnFailure
 */
export function fieldValue(value: unknown, field: Field, where: string): Value {
  if (value === null || value === undefined) {
    if (field.nullable) return null;
    const message = `${where}, column ${JSON.stringify(field.name)}: expected ${typeName(field.type)}, which is not nullable, found ${shown(value)}`;
    throw new ColumnFailure("NULL_NOT_ALLOWED", message, field.name);
  }
  if (isPlain(value, field.type)) return value;
  try {
    return fromUser(value, field.type, `${where}, column ${JSON.stringify(field.name)},`);
  } catch (thrown) {
    if (thrown instanceof ColumnFailure || thrown instanceof MillraceError) throw thrown;
    if (thrown instanceof RowFailure) throw new ColumnFailure(thrown.code, thrown.message, field.name);
    throw thrown;
  }
}

/** The common cases, which need no conversion. */
function isPlain(value: unknown, type: DataType): value is Value {
  switch (type.kind) {
    case "float64":
      return typeof value === "number";
    case "int32":
      return typeof value === "number" && (value | 0) === value;
    case "utf8":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    default:
      return false;
  }
}

/**
 * Row objects as a batch. `where` names the source in messages.
 * @throws ColumnFailure for the first row that does not fit; collect row by row (`RowCollector`) to reject rows.
 */
export function batchFromRows(rows: Iterable<unknown>, schema: Schema, where: string): Batch {
  const collector = new RowCollector(schema, where);
  let length = 0;
  for (const row of rows) {
    collector.append(row);
    length++;
  }
  return { ...collector.take(), length };
}

/** The live rows as objects, with values as users see them. For tests, samples and small results. */
export function batchToRows(batch: Batch): { [name: string]: unknown }[] {
  const readers = batch.columns.map(columnReader);
  const { schema, selection } = batch;
  return Array.from({ length: rowCount(batch) }, (_, j) => {
    const row = selection === null ? j : (selection[j] as number);
    return Object.fromEntries(
      schema.map((field, i) => [field.name, userValue((readers[i] as (row: number) => Value)(row), field.type)]),
    );
  });
}

const userValue = (value: Value, type: DataType): unknown => (value === null ? null : toUser(value, type));
