import { assertNever, required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { builderFor } from "./builder.js";
import type { Batch, BytesColumn, Column, FixedColumn, ObjectColumn, WideColumn } from "./column.js";
import { concatFixed, concatValid, concatWide } from "./concat.js";
import { copyBatch, sliceBatch } from "./gather.js";
import { fieldColumns, structColumn } from "./structs.js";

/** Fewer rows than this are joined with those before them, so that rows that come one by one do not each have arrays of their own. */
const fewRows = 4096;

/** Collects rows of batches, column by column, in memory of its own. */
export class RowBuffer {
  readonly #schema: Schema;
  #parts: Batch[] = [];
  #length = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds live rows [from, to) of a batch. */
  add(batch: Batch, from: number, to: number): void {
    if (from === to) return;
    this.#length += to - from;
    let last = copyBatch(sliceBatch(batch, from, to));
    for (let before = this.#parts.at(-1); before !== undefined && before.length <= last.length; before = this.#parts.at(-1)) {
      if (last.length >= fewRows) break;
      this.#parts.pop();
      last = this.#joined([before, last]);
    }
    this.#parts.push(last);
  }

  /** The rows so far as one batch; the buffer is empty afterwards. */
  take(): Batch {
    const batch = this.#joined(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return batch;
  }

  #joined(parts: readonly Batch[]): Batch {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const columns = this.#schema.map((field, i) =>
      joinColumns(
        field.type,
        parts.map((part) => required(part.columns[i], `column ${i}`)),
        length,
      ),
    );
    return { schema: this.#schema, length, columns, selection: null, origin: null };
  }
}

function joinColumns(type: Column["type"], parts: readonly Column[], length: number): Column {
  const [first] = parts;
  if (first === undefined) return builderFor(type, 0).finish();
  if (parts.length === 1) return first;
  const valid = concatValid(parts, length);
  const { layout } = first;
  switch (layout) {
    case "fixed":
      return concatFixed(type, parts as readonly FixedColumn[], length, valid);
    case "wide":
      return concatWide(type, parts as readonly WideColumn[], length, valid);
    case "bytes":
      return joinBytes(type, parts as readonly BytesColumn[], length, valid);
    case "object":
      return joinObjects(type, parts as readonly ObjectColumn[], length, valid);
    default:
      return assertNever(layout, "column layout");
  }
}

/** Of columns whose texts stand one after the other from 0 on, as copies have them. */
function joinBytes(type: Column["type"], parts: readonly BytesColumn[], length: number, valid: Uint8Array | null): BytesColumn {
  const total = parts.reduce((sum, part) => sum + (part.ends[part.length - 1] ?? 0), 0);
  if (total > 0x7fff_ffff) throw internalError("rows are buffered that have more than 2 GiB of text in a column");
  const bytes = new Uint8Array(total);
  const offsets = new Int32Array(length + 1);
  let at = 0;
  let row = 0;
  for (const part of parts) {
    const size = part.ends[part.length - 1] ?? 0;
    bytes.set(part.bytes.subarray(0, size), at);
    moved(part.ends, part.length, at, offsets, row + 1);
    row += part.length;
    at += size;
  }
  return { layout: "bytes", type, length, bytes, starts: offsets.subarray(0, length), ends: offsets.subarray(1), valid };
}

function moved(from: Int32Array, count: number, by: number, to: Int32Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = (from[i] as number) + by;
}

function joinObjects(type: Column["type"], parts: readonly ObjectColumn[], length: number, valid: Uint8Array | null): Column {
  const fields = parts.map(fieldColumns);
  if (type.kind !== "struct" || fields.includes(null)) {
    return { layout: "object", type, length, values: parts.flatMap((part) => part.values), valid };
  }
  const joined = type.fields.map((field, k) =>
    joinColumns(
      field.type,
      fields.map((own) => required(own?.[k], `field ${k}`)),
      length,
    ),
  );
  return structColumn(type, joined, valid, length);
}
