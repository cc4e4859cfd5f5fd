import type { Column } from "../batch/column.js";
import { TextView } from "../batch/text.js";
import { internalError } from "../common/errors.js";
import { type Schema, valueForm } from "../schema/types.js";

/** What the generated loop knows of a batch before it runs: one character a column that it reads. */
export interface InputShape {
  readonly selected: boolean;
  /** Columns (by index) that have nulls in this batch. */
  readonly nullable: ReadonlySet<number>;
  /** 64-bit columns whose values all lie within ±2^53, so that they can be read as plain numbers. */
  readonly narrow: ReadonlySet<number>;
}

/** How generated text reads the columns of a batch. One row is `i`. */
export interface InputText {
  /** Statements before the loop. */
  readonly prologue: string;
  /** Statements at the start of each row. */
  readonly rowPrologue: string;
  /** Text of a row's value; meaningless where it is null. */
  value(index: number): string;
  /** Text that is true where the row is null; null when it never is. */
  isNull(index: number): string | null;
  /** Text of a 64-bit value as an exact number, where the batch allows it. */
  narrow(index: number): string | null;
  /** Names of the arrays of a bytes column. */
  bytes(index: number): { readonly bytes: string; readonly starts: string; readonly ends: string };
}

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
    if (shape.nullable.has(index)) prologue.push(`const u${index} = columns[${index}].valid;`);
    if (form === "string" || form === "bytes") {
      prologue.push(
        `const b${index} = columns[${index}].bytes, s${index} = columns[${index}].starts, e${index} = columns[${index}].ends;`,
      );
      if (form === "string") prologue.push(`const t${index} = views[${index}];`);
      if (form === "string") rowPrologue.push(`let d${index} = undefined;`);
    } else prologue.push(`const c${index} = columns[${index}].values;`);
    if (shape.narrow.has(index)) prologue.push(`const h${index} = views[${index}];`);
  }
  return {
    prologue: prologue.join("\n"),
    rowPrologue: rowPrologue.join("\n"),
    value: (index) => valueText(index, forms.get(index) ?? "number"),
    isNull: (index) => (shape.nullable.has(index) ? `(u${index}[i] === 0)` : null),
    narrow: (index) => (shape.narrow.has(index) ? `(h${index}[2 * i + 1] * 4294967296 + (h${index}[2 * i] >>> 0))` : null),
    bytes: (index) => ({ bytes: `b${index}`, starts: `s${index}`, ends: `e${index}` }),
  };
}

function valueText(index: number, form: string): string {
  switch (form) {
    case "boolean":
      return `(c${index}[i] !== 0)`;
    case "string":
      return `(d${index} === undefined ? (d${index} = t${index}.at(i)) : d${index})`;
    case "bytes":
      return `b${index}.subarray(s${index}[i], e${index}[i])`;
    case "wide":
      return `((c${index}[2 * i + 1] << 64n) | BigInt.asUintN(64, c${index}[2 * i]))`;
    case "null":
      return "null";
    default:
      return `c${index}[i]`;
  }
}

/** What `views` holds for a column: its decoder, or its 32-bit words; null where the loop needs neither. */
export function inputView(column: Column, narrow: boolean): TextView | Int32Array | null {
  if (column.layout === "bytes") return column.type.kind === "utf8" ? new TextView(column) : null;
  if (!narrow || column.layout !== "fixed") return null;
  return new Int32Array(column.values.buffer, column.values.byteOffset, column.length * 2);
}

/** Whether each value of a 64-bit column fits a double exactly. Only the upper words are looked at. */
export function isNarrow(column: Column): boolean {
  if (column.layout !== "fixed" || !(column.values instanceof BigInt64Array)) return false;
  const words = new Int32Array(column.values.buffer, column.values.byteOffset, column.length * 2);
  let high = 0;
  for (let at = 1; at < words.length; at += 2) {
    const word = words[at] as number;
    high |= word ^ (word >> 31);
  }
  return high >>> 21 === 0;
}
