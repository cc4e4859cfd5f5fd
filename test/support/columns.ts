import { builderFor } from "../../src/batch/builder.js";
import type { BytesColumn, Column } from "../../src/batch/column.js";
import { type DataType, types, type Value } from "../../src/schema/types.js";

/** A column of values. */
export function columnOf(type: DataType, values: readonly Value[]): Column {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
}

/** A column of texts, each with so many other bytes before it, and behind the last one. */
export function textColumn(texts: readonly (string | null)[], apart = 0): BytesColumn {
  const length = texts.length;
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  const between = Buffer.alloc(apart, 0x3f);
  const parts = [between];
  let at = apart;
  for (const [i, text] of texts.entries()) {
    const bytes = Buffer.from(text ?? "");
    starts[i] = at;
    ends[i] = at + bytes.length;
    parts.push(bytes, between);
    at += bytes.length + apart;
  }
  const valid = texts.includes(null) ? Uint8Array.from(texts, (text) => (text === null ? 0 : 1)) : null;
  return { layout: "bytes", type: types.utf8, length, bytes: Buffer.concat(parts), starts, ends, valid };
}
