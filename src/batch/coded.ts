import type { BytesColumn } from "./column.js";

/** A column whose rows repeat a few texts: row i has row `codes[i]` of `texts`. What a row holds that is not live is unspecified, but in range. */
export interface Coded {
  readonly codes: Uint8Array | Uint16Array;
  /** Few of them; some may be equal. */
  readonly texts: BytesColumn;
}

// Beside the columns, not in them: whoever makes a column of another one (a slice, a gathered copy) must not take over its codes unseen.
const known = new WeakMap<object, Coded>();

/** The codes of a column that `codedColumn` made; null for every other one. */
export const codesOf = (column: object): Coded | null => known.get(column) ?? null;

/**
 * A column of `length` rows by its codes. Where its texts begin and end, and which rows are null, is worked out when somebody asks: a step that
 * goes by the codes does without.
 */
export function codedColumn({ codes, texts }: Coded, length: number): BytesColumn {
  let starts: Int32Array | null = null;
  let ends: Int32Array | null = null;
  let valid: Uint8Array | null = null;
  const column: BytesColumn = {
    layout: "bytes",
    type: texts.type,
    length,
    bytes: texts.bytes,
    get starts() {
      starts ??= placesOf(codes, texts.starts, length);
      return starts;
    },
    get ends() {
      ends ??= placesOf(codes, texts.ends, length);
      return ends;
    },
    get valid() {
      if (texts.valid === null) return null;
      valid ??= validityOf(codes, texts.valid, length);
      return valid;
    },
  };
  known.set(column, { codes, texts });
  return column;
}

function placesOf(codes: Uint8Array | Uint16Array, from: Int32Array, length: number): Int32Array {
  const places = new Int32Array(length);
  if (codes instanceof Uint8Array) for (let i = 0; i < length; i++) places[i] = from[codes[i] as number] as number;
  else for (let i = 0; i < length; i++) places[i] = from[codes[i] as number] as number;
  return places;
}

function validityOf(codes: Uint8Array | Uint16Array, from: Uint8Array, length: number): Uint8Array {
  const valid = new Uint8Array(length);
  for (let i = 0; i < length; i++) valid[i] = from[codes[i] as number] as number;
  return valid;
}

/** Texts of their own as a column; null for none. */
export function textColumn(type: BytesColumn["type"], values: readonly (Uint8Array | null)[]): BytesColumn {
  const length = values.length;
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  const bytes = new Uint8Array(values.reduce((sum, value) => sum + (value?.length ?? 0), 0));
  let at = 0;
  for (const [i, value] of values.entries()) {
    starts[i] = at;
    if (value !== null) bytes.set(value, at);
    at += value?.length ?? 0;
    ends[i] = at;
  }
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  return { layout: "bytes", type, length, bytes, starts, ends, valid };
}
