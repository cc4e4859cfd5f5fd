import type { Coded } from "../../batch/coded.js";
import type { Column, FixedValues } from "../../batch/column.js";
import { TextView } from "../../batch/text.js";
import { internalError } from "../../common/errors.js";
import { type DataType, type Schema, valueForm } from "../../schema/types.js";
import { isWide, magnitudeOf } from "../magnitude.js";
import type { InputText, Narrow, Piece } from "./codegenPiece.js";

/** What the generated loop knows of a batch before it runs. */
export interface InputShape {
  readonly selected: boolean;
  /** Columns (by index) that have nulls in this batch. */
  readonly nullable: ReadonlySet<number>;
  /** Columns of whole numbers that can be read as plain numbers, with the bits that the magnitude of their values takes. */
  readonly narrow: ReadonlyMap<number, number>;
  /** Text columns of which the batch has codes, with the bytes of a code. */
  readonly coded?: ReadonlyMap<number, number>;
}

/** What `views` holds for a text column by its codes. */
export interface CodedView extends Coded {
  readonly view: TextView;
}

export const codedView = ({ codes, texts }: Coded): CodedView => ({ codes, texts, view: new TextView(texts) });

/** The text that reads the columns `used` of a schema. */
export function inputText(schema: Schema, used: readonly number[], shape: InputShape): InputText {
  const prologue: string[] = [];
  const rowPrologue: string[] = [];
  const forms = new Map<number, string>();
  for (const index of used) {
    const field = schema[index];
    if (field === undefined) throw internalError(`an expression reads column ${index} of ${schema.length}`);
    const form = field.type.kind === "decimal" && field.type.precision > 18 ? "wide" : valueForm(field.type);
    forms.set(index, form);
    if (form === "string" && shape.coded?.has(index) === true) {
      const texts = `views[${index}].texts`;
      prologue.push(
        `const k_${index} = views[${index}].codes, b${index} = ${texts}.bytes, s${index} = ${texts}.starts, e${index} = ${texts}.ends;`,
        `const t${index} = views[${index}].view, u${index} = ${texts}.valid;`,
      );
      rowPrologue.push(`let d${index} = undefined;`);
      continue;
    }
    if (shape.nullable.has(index)) prologue.push(`const u${index} = columns[${index}].valid;`);
    if (form === "string" || form === "bytes") {
      prologue.push(
        `const b${index} = columns[${index}].bytes, s${index} = columns[${index}].starts, e${index} = columns[${index}].ends;`,
      );
      if (form === "string") prologue.push(`const t${index} = views[${index}];`);
      if (form === "string") rowPrologue.push(`let d${index} = undefined;`);
    } else if (form === "object") {
      // Objects and arrays are made row by row, when they are read: what asks only for nulls does without.
      prologue.push(`const c${index} = columns[${index}], r${index} = c${index}.at ?? ((i) => c${index}.values[i]);`);
    } else prologue.push(`const c${index} = columns[${index}].values;`);
    if (form === "bigint" || (shape.narrow.has(index) && form === "wide")) prologue.push(`const h${index} = views[${index}];`);
  }
  const at = (index: number): string => (shape.coded?.has(index) === true ? `k_${index}[i]` : "i");
  return {
    prologue: prologue.join("\n"),
    rowPrologue: rowPrologue.join("\n"),
    value: (index) => valueText(index, forms.get(index) ?? "number", at(index)),
    isNull: (index) => (shape.nullable.has(index) ? `(u${index}[${at(index)}] === 0)` : null),
    narrow: (index) => narrowText(index, forms.get(index) ?? "number", shape.narrow.get(index)),
    nearest: (index) => nearestText(index, schema[index]?.type),
    bytes: (index) => {
      if (forms.get(index) !== "string") return null;
      const row = at(index);
      const few = row === "i" ? {} : { few: { code: row, texts: `views[${index}].texts` } };
      return { bytes: `b${index}`, start: `s${index}[${row}]`, end: `e${index}[${row}]`, ...few };
    },
  };
}

/** An input column as the first expressions find it. */
export function inputPiece(input: InputText, index: number): Piece {
  const narrow = input.narrow(index);
  const nearest = input.nearest(index);
  const bytes = input.bytes(index);
  return {
    value: input.value(index),
    isNull: input.isNull(index),
    column: index,
    ...(narrow === null ? {} : { narrow }),
    ...(nearest === null ? {} : { nearest }),
    ...(bytes === null ? {} : { text: bytes }),
  };
}

function valueText(index: number, form: string, at: string): string {
  switch (form) {
    case "boolean":
      return `(c${index}[i] !== 0)`;
    case "string":
      return `(d${index} === undefined ? (d${index} = t${index}.at(${at})) : d${index})`;
    case "bytes":
      return `b${index}.subarray(s${index}[i], e${index}[i])`;
    case "wide":
      return `((c${index}[2 * i + 1] << 64n) | BigInt.asUintN(64, c${index}[2 * i]))`;
    case "null":
      return "null";
    case "object":
      return `r${index}(i)`;
    default:
      return `c${index}[i]`;
  }
}

function narrowText(index: number, form: string, bits: number | undefined): Narrow | null {
  if (bits === undefined) return null;
  const limit = 2 ** bits;
  const range = { min: -limit, max: limit - 1 };
  if (form === "number") return { text: `c${index}[i]`, ...range };
  const at = form === "wide" ? "4 * i" : "2 * i";
  if (bits < 32) return { text: `h${index}[${at}]`, ...range };
  return { text: `(h${index}[${at} + 1] * 4294967296 + (h${index}[${at}] >>> 0))`, ...range };
}

/** The upper word times 2^32 is exact, and so is the lower one: their sum is rounded once, as `Number` rounds. */
function nearestText(index: number, type: DataType | undefined): string | null {
  if (type?.kind !== "int64" && type?.kind !== "uint64" && type?.kind !== "timestamp") return null;
  const upper = `h${index}[2 * i + 1]${type.kind === "uint64" ? " >>> 0" : ""}`;
  return `((${upper}) * 4294967296 + (h${index}[2 * i] >>> 0))`;
}

/** What `views` holds for a column: its decoder, or its 32-bit words; null where there is neither. */
export function inputView(column: Column): TextView | Int32Array | null {
  if (column.layout === "bytes") return column.type.kind === "utf8" ? new TextView(column) : null;
  if (column.layout !== "fixed" && column.layout !== "wide") return null;
  const { values } = column;
  return values instanceof BigInt64Array || values instanceof BigUint64Array ? wordsOf(values) : null;
}

const wordsOf = (values: ArrayBufferView): Int32Array => new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4);

/** Widths that loops are made for: a few, so that batches share them. Up to 52 bits, the sum and the quotient of two are exact. */
const widths = [8, 16, 24, 31, 40, 46, 52];
export const widest = 52;

/**
 * The bits that the magnitude of each value takes, rounded up; null where a value may not be exact as a double. Null and
 * unselected rows count too: they may hold anything, but what they hold never matters.
 */
export function narrowBits(column: Column): number | null {
  const bits = column.layout === "wide" ? wideBits(column.values) : column.layout === "fixed" ? fixedBits(column.values) : null;
  return bits === null ? null : (widths.find((width) => bits <= width) ?? null);
}

function fixedBits(values: FixedValues): number | null {
  if (!isWide(values)) return null;
  const known = magnitudeOf(values);
  if (known !== null) return known;
  if (values instanceof BigInt64Array) return signedBits(wordsOf(values));
  if (values instanceof BigUint64Array) return unsignedBits(wordsOf(values));
  let low = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    low |= value ^ (value >> 31);
  }
  return 32 - Math.clz32(low);
}

function signedBits(words: Int32Array): number {
  let low = 0;
  let high = 0;
  let apart = 0;
  for (let at = 0; at + 1 < words.length; at += 2) {
    const a = words[at] as number;
    const b = words[at + 1] as number;
    low |= a ^ (a >> 31);
    high |= b ^ (b >> 31);
    apart |= b ^ (a >> 31);
  }
  return apart === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
}

function unsignedBits(words: Int32Array): number {
  let low = 0;
  let high = 0;
  for (let at = 0; at + 1 < words.length; at += 2) {
    low |= words[at] as number;
    high |= words[at + 1] as number;
  }
  return high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
}

function wideBits(values: BigInt64Array): number | null {
  const words = wordsOf(values);
  let high = 0;
  let beyond = 0;
  for (let at = 0; at + 3 < words.length; at += 4) {
    const b = words[at + 1] as number;
    high |= b ^ (b >> 31);
    beyond |= ((words[at + 2] as number) ^ (b >> 31)) | ((words[at + 3] as number) ^ (b >> 31));
  }
  return beyond === 0 ? 64 - Math.clz32(high) : null;
}
