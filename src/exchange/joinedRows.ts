import { layoutOf } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { stridedColumn, strideOf } from "../batch/strided.js";
import { required } from "../common/assert.js";
import { fixedView } from "../kernels/fixedView.js";
import { widthOfType } from "../kernels/groupKeys.js";
import { bytesOf } from "../kernels/groupMemory.js";
import type { DataType, Schema } from "../schema/types.js";
import type { ReadMemory } from "./readMemory.js";

/**
 * Puts short runs of rows behind one another, so that what takes them has fewer batches to do with. It takes columns of fixed width, and byte strings
 * that all have the same length.
 */
export class JoinedRows {
  readonly #memory: ReadMemory;
  readonly #most: number;
  #schema: Schema | null = null;
  #parts: readonly Part[] = [];
  rows = 0;

  /** `most`: the rows of a batch. What is given lies in `memory` until the next batch is begun. */
  constructor(memory: ReadMemory, most: number) {
    this.#memory = memory;
    this.#most = most;
  }

  /** The schema of the rows that wait; null where none do. */
  get schema(): Schema | null {
    return this.rows === 0 ? null : this.#schema;
  }

  /** Appends rows; false where they do not fit behind those that are there. */
  append(schema: Schema, columns: readonly Column[], length: number): boolean {
    if (this.rows + length > this.#most) return false;
    if (this.rows === 0) {
      if (!columns.every((column) => joinable(column))) return false;
      this.#schema = schema;
      this.#parts = columns.map((column, i) => this.#part(column, i));
    } else if (!sameSchema(schema, this.#schema) || !this.#parts.every((part, i) => part.takes(required(columns[i], "column")))) {
      return false;
    }
    for (const [i, part] of this.#parts.entries()) part.append(required(columns[i], "column"), this.rows, length);
    this.rows += length;
    return true;
  }

  /** The rows that wait; then there are none. */
  take(): Column[] {
    const { rows } = this;
    this.rows = 0;
    return this.#parts.map((part) => part.column(rows));
  }

  #part(column: Column, index: number): Part {
    const width = strideOf(column) ?? widthOfType(column.type);
    const take = (part: number, bytes: number) => this.#memory.take(index * 2 + part, bytes);
    return new Part(column.type, width, strideOf(column) !== null, take, this.#most);
  }
}

/** Byte strings without nulls, as packed keys are. */
const joinable = (column: Column): boolean =>
  column.layout === "fixed" || column.layout === "wide" || (strideOf(column) !== null && column.valid === null);

/** Blocks of one step have schemas of their own in every file. */
const sameSchema = (a: Schema, b: Schema | null): boolean => a === b || a.every(({ name }, i) => name === b?.[i]?.name);

/** One column. */
class Part {
  readonly #values: Uint8Array;
  readonly #valid: Uint8Array;
  #hasNulls = false;

  constructor(
    private readonly type: DataType,
    private readonly width: number,
    private readonly strided: boolean,
    take: (part: number, bytes: number) => Uint8Array,
    most: number,
  ) {
    this.#values = take(0, most * width);
    this.#valid = take(1, most);
  }

  takes(column: Column): boolean {
    return joinable(column) && strideOf(column) === (this.strided ? this.width : null);
  }

  append(column: Column, rows: number, length: number): void {
    if (column.layout === "object") return;
    const bytes = column.layout === "bytes" ? column.bytes : bytesOf(column.values);
    this.#values.set(bytes.subarray(0, length * this.width), rows * this.width);
    const { valid } = column;
    if (valid === null && !this.#hasNulls) return;
    if (!this.#hasNulls) this.#valid.fill(1, 0, rows);
    this.#hasNulls = true;
    if (valid === null) this.#valid.fill(1, rows, rows + length);
    else this.#valid.set(valid.subarray(0, length), rows);
  }

  column(length: number): Column {
    const { type, width } = this;
    const values = this.#values.subarray(0, length * width);
    const valid = this.#hasNulls ? this.#valid.subarray(0, length) : null;
    if (this.strided) return stridedColumn(type, values, width, length);
    if (layoutOf(type) === "wide")
      return { layout: "wide", type, length, values: new BigInt64Array(values.buffer, values.byteOffset, length * 2), valid };
    return { layout: "fixed", type, length, values: fixedView(type, values), valid };
  }
}
