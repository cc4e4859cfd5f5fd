import { fixedArrayOf, layoutOf, newFixed } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { TextSink } from "../batch/text.js";
import { assertNever } from "../common/assert.js";
import type { DataType } from "../schema/types.js";
import type { Piece } from "./codegenPiece.js";

/** Memory of one computed column. It is used again for the next batch. */
export class OutputColumn {
  readonly type: DataType;
  values: unknown = null;
  words: Int32Array | null = null;
  valid: Uint8Array = new Uint8Array(0);
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
    if (layout === "object") this.values = new Array(rows).fill(null);
    if (this.sink !== null) this.sink.length = 0;
    if (rows > this.#rows) this.#grow(rows, layout);
    else if (layout === "bytes") {
      // Rows that the loop leaves out must not keep places of the batch before.
      this.starts.fill(0);
      this.ends.fill(0);
    }
  }

  #grow(rows: number, layout: Column["layout"]): void {
    this.#rows = rows;
    this.valid = new Uint8Array(rows);
    if (layout === "fixed") {
      const values = newFixed(this.type, rows);
      this.values = values;
      if (values instanceof BigInt64Array) this.words = new Int32Array(values.buffer);
    } else if (layout === "wide") this.values = new BigInt64Array(rows * 2);
    else if (layout === "bytes") {
      this.starts = new Int32Array(rows);
      this.ends = new Int32Array(rows);
      this.sink ??= new TextSink(rows * 8);
    }
  }

  /** The column of `rows` rows that the loop has filled. */
  take(rows: number, nullable: boolean): Column {
    const { type } = this;
    const valid = nullable ? this.valid.subarray(0, rows) : null;
    const layout = layoutOf(type);
    switch (layout) {
      case "fixed":
        return { layout, type, length: rows, values: (this.values as Float64Array).subarray(0, rows), valid };
      case "wide":
        return { layout, type, length: rows, values: (this.values as BigInt64Array).subarray(0, rows * 2), valid };
      case "bytes": {
        const sink = this.sink as TextSink;
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
  if (nullable) lines.push(`const y${slot} = ${out}.valid;`);
  if (layoutOf(type) === "bytes") lines.push(`const x${slot} = ${out}.sink, p${slot} = ${out}.starts, q${slot} = ${out}.ends;`);
  else lines.push(`const o${slot} = ${out}.values, w${slot} = ${out}.words;`);
  return lines.join("\n");
}

/** Statements that write a row's value to output column `slot`. */
export function outputText(slot: number, type: DataType, piece: Piece): string {
  const write = writeText(slot, type, piece);
  if (piece.isNull === null) return write;
  if (piece.isNull === "true") return `y${slot}[i] = 0;`;
  return `if (${piece.isNull}) y${slot}[i] = 0; else { y${slot}[i] = 1; ${write} }`;
}

function writeText(slot: number, type: DataType, piece: Piece): string {
  switch (layoutOf(type)) {
    case "wide":
      return (
        `const z${slot} = ${piece.value}; o${slot}[2 * i] = BigInt.asIntN(64, z${slot}); ` +
        `o${slot}[2 * i + 1] = BigInt.asIntN(64, z${slot} >> 64n);`
      );
    case "bytes": {
      const write =
        type.kind === "utf8"
          ? `x${slot}.writeText(${piece.value});`
          : `{ const z${slot} = ${piece.value}; x${slot}.writeBytes(z${slot}, 0, z${slot}.length); }`;
      return `p${slot}[i] = x${slot}.length; ${write} q${slot}[i] = x${slot}.length;`;
    }
    case "object":
      return `o${slot}[i] = ${piece.value};`;
    default: {
      if (type.kind === "bool") return `o${slot}[i] = ${piece.value} ? 1 : 0;`;
      if (piece.narrow !== undefined && fixedArrayOf(type) === BigInt64Array) {
        return `{ const z${slot} = ${piece.narrow}; w${slot}[2 * i] = z${slot}; w${slot}[2 * i + 1] = Math.floor(z${slot} / 4294967296); }`;
      }
      return `o${slot}[i] = ${piece.value};`;
    }
  }
}
