import { layoutOf, newFixed } from "../../batch/builder.js";
import type { Column } from "../../batch/column.js";
import { TextSink } from "../../batch/text.js";
import { assertNever } from "../../common/assert.js";
import { type DataType, valueForm } from "../../schema/types.js";
import type { Narrow, Piece } from "./codegenPiece.js";

/** Memory of one computed column. It is used again for the next batch. */
export class OutputColumn {
  readonly type: DataType;
  values: unknown = null;
  words: Int32Array | null = null;
  valid: Uint8Array = new Uint8Array(0);
  /** Whether the loop has met a null. */
  hasNull = false;
  starts: Int32Array = new Int32Array(0);
  ends: Int32Array = new Int32Array(0);
  sink: TextSink | null = null;
  #rows = -1;

  constructor(type: DataType) {
    this.type = type;
  }

  /** Makes room for `rows` physical rows. */
  prepare(rows: number): void {
    const layout = layoutOf(this.type);
    this.hasNull = false;
    if (layout === "object") this.values = new Array(rows).fill(null);
    if (this.sink !== null) this.sink.length = 0;
    if (rows > this.#rows) this.#grow(rows, layout);
    else if (layout === "bytes") {
      // Rows that the loop leaves out must not keep places of the batch before.
      this.starts.fill(0);
      this.ends.fill(0);
    }
  }

  /** Makes room for `rows` physical rows beside those that are there. */
  extend(rows: number): void {
    if (rows <= this.#rows) return;
    const { values, valid, starts, ends } = this;
    const layout = layoutOf(this.type);
    this.#grow(rows, layout);
    this.valid.set(valid);
    this.starts.set(starts);
    this.ends.set(ends);
    if (layout === "fixed" || layout === "wide") (this.values as Int8Array).set(values as Int8Array);
  }

  #grow(rows: number, layout: Column["layout"]): void {
    this.#rows = rows;
    this.valid = new Uint8Array(rows);
    if (layout === "fixed") {
      const values = newFixed(this.type, rows);
      this.values = values;
      if (values instanceof BigInt64Array || values instanceof BigUint64Array) this.words = new Int32Array(values.buffer);
    } else if (layout === "wide") {
      const values = new BigInt64Array(rows * 2);
      this.values = values;
      this.words = new Int32Array(values.buffer);
    } else if (layout === "bytes") {
      this.starts = new Int32Array(rows);
      this.ends = new Int32Array(rows);
      this.sink ??= new TextSink(rows * 8);
    }
  }

  /** The column of `rows` rows that the loop has filled; its texts lie in `sink`, where the loop has put them elsewhere. */
  take(rows: number, nullable: boolean, texts: TextSink | null = null): Column {
    const { type } = this;
    const valid = nullable && this.hasNull ? this.valid.subarray(0, rows) : null;
    const layout = layoutOf(type);
    switch (layout) {
      case "fixed":
        return { layout, type, length: rows, values: (this.values as Float64Array).subarray(0, rows), valid };
      case "wide":
        return { layout, type, length: rows, values: (this.values as BigInt64Array).subarray(0, rows * 2), valid };
      case "bytes": {
        const sink = texts ?? (this.sink as TextSink);
        const bytes = sink.bytes.subarray(0, sink.length);
        return {
          layout,
          type,
          length: rows,
          bytes,
          starts: this.starts.subarray(0, rows),
          ends: this.ends.subarray(0, rows),
          valid,
        };
      }
      case "object":
        return { layout, type, length: rows, values: this.values as unknown[], valid };
      default:
        return assertNever(layout, "column layout");
    }
  }
}

/** Statements before the loop for output column `slot`. */
export function outputPrologue(slot: number, type: DataType, nullable: boolean): string {
  const out = `outputs[${slot}]`;
  const lines = [];
  if (nullable) lines.push(`const y${slot} = ${out}.valid; let null${slot} = ${out}.hasNull;`);
  if (layoutOf(type) === "bytes") lines.push(`const x${slot} = ${out}.sink, p${slot} = ${out}.starts, q${slot} = ${out}.ends;`);
  else lines.push(`const o${slot} = ${out}.values, w${slot} = ${out}.words;`);
  return lines.join("\n");
}

/** Statements behind the loop for output column `slot`. */
export const outputEpilogue = (slot: number, nullable: boolean): string =>
  nullable ? `outputs[${slot}].hasNull = null${slot};` : "";

/** Statements that write a row's value to output column `slot`. */
export function outputText(slot: number, type: DataType, piece: Piece): string {
  const write = writeText(slot, type, piece);
  if (piece.isNull === null) return write;
  const writeNull = `y${slot}[i] = 0; null${slot} = true;`;
  if (piece.isNull === "true") return writeNull;
  return `if (${piece.isNull}) { ${writeNull} } else { y${slot}[i] = 1; ${write} }`;
}

function writeText(slot: number, type: DataType, piece: Piece): string {
  const layout = layoutOf(type);
  const whole = piece.narrow ?? piece.whole;
  switch (layout) {
    case "wide":
      if (whole !== undefined) return writeWords(slot, whole, "4 * i", true);
      return (
        `const z${slot} = ${piece.value}; o${slot}[2 * i] = BigInt.asIntN(64, z${slot}); ` +
        `o${slot}[2 * i + 1] = BigInt.asIntN(64, z${slot} >> 64n);`
      );
    case "bytes":
      return writeBytes(slot, type, piece);
    case "object":
      return `o${slot}[i] = ${piece.value};`;
    case "fixed":
      if (type.kind === "bool") return `o${slot}[i] = ${piece.value} ? 1 : 0;`;
      if (whole !== undefined && valueForm(type) === "bigint") return writeWords(slot, whole, "2 * i", false);
      return `o${slot}[i] = ${piece.value};`;
    default:
      return assertNever(layout, "column layout");
  }
}

/** A 64-bit or 128-bit value by its 32-bit words, from an exact double. */
function writeWords(slot: number, { text, min, max }: Narrow, at: string, wide: boolean): string {
  const [words, value] = [`w${slot}`, `z${slot}`];
  const high = min >= -(2 ** 31) && max < 2 ** 31 ? `${value} >> 31` : `Math.floor(${value} / 4294967296)`;
  const above = wide ? ` ${words}[${at} + 2] = ${words}[${at} + 3] = ${value} < 0 ? -1 : 0;` : "";
  return `{ const ${value} = ${text}; ${words}[${at}] = ${value}; ${words}[${at} + 1] = ${high};${above} }`;
}

function writeBytes(slot: number, type: DataType, { value, text }: Piece): string {
  const [sink, start, end] = [`x${slot}`, `p${slot}[i]`, `q${slot}[i]`];
  if (type.kind !== "utf8") {
    return `${start} = ${sink}.length; { const z = ${value}; ${sink}.writeBytes(z, 0, z.length); } ${end} = ${sink}.length;`;
  }
  if (text?.sink !== undefined) return `${start} = ${text.start}; ${end} = ${text.end};`;
  const write = text === undefined ? `writeText(${value})` : `writeBytes(${text.bytes}, ${text.start}, ${text.end})`;
  return `${start} = ${sink}.length; ${sink}.${write}; ${end} = ${sink}.length;`;
}
