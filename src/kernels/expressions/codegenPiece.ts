import type { Bound, FunctionRef } from "../../expr/nodes.js";
import type { EmitContext } from "../../functions/definition.js";
import type { DataType } from "../../schema/types.js";
import type { Scope } from "./codegenScope.js";
import type { UserFunction } from "./userFunction.js";

/** A call of a built-in function. */
export type Call = Extract<Bound, { kind: "call" }>;

/** Texts for one value of the current row. */
export interface Piece {
  /** The value; meaningless where it is null. */
  readonly value: string;
  /** True where the value is null: a text without effects, `"true"`, or null when it never is. */
  readonly isNull: string | null;
  /** The same whole number (or unscaled decimal) as an exact double, where the batch allows it. */
  readonly narrow?: Narrow;
  /** The same whole number as a double where that may lie beyond 2^53 (it is exact there, but what is computed from it is not): good to be written. */
  readonly whole?: Narrow;
  /** The double that `Number` makes of the same 64-bit integer or timestamp. */
  readonly nearest?: string;
  /** The same text as UTF-8 bytes. */
  readonly text?: TextPiece;
  /** The input column that this is, unchanged. */
  readonly column?: number;
  /** The same text as one of a few. */
  readonly coded?: CodedPiece;
}

/** A text by its number among those that an expression can give. */
export interface CodedPiece {
  /** The number, without effects. */
  readonly code: string;
  /** At most 256, null among them where it may be null. */
  readonly texts: readonly (Uint8Array | null)[];
}

/** A whole number held in a double: never -0, and within [min, max] wherever the row is not null. */
export interface Narrow {
  readonly text: string;
  readonly min: number;
  readonly max: number;
}

/** A text as the bytes [start, end) of an array. */
export interface TextPiece {
  readonly bytes: string;
  readonly start: string;
  readonly end: string;
  /** The sink that always holds the bytes, so that an output column can point into it. */
  readonly sink?: string;
  /** Of a column by codes: the row's code, without effects, and the column of texts that it is a row of. */
  readonly few?: { readonly code: string; readonly texts: string };
}

/** A result that several statements fill in; it is null until it is set. */
export interface Target {
  readonly piece: Piece;
  /** The statements that set it. */
  set(value: string): string;
}

/** Which form of a text its reader wants: a JavaScript string, or bytes where they can be had without making one. */
export type Want = "value" | "text";

/** The statements of one row in the making, as the emitters of single calls see them. */
export interface RowStatements {
  readonly scope: Scope;
  readonly input: InputText;
  readonly columns: readonly Piece[];
  readonly functions: ReadonlyMap<FunctionRef, UserFunction>;
  /** What the emitters of definitions may use. */
  readonly context: EmitContext;
  line(text: string): void;
  /** Keeps a place for a line whose text is known later. */
  hole(): number;
  fill(hole: number, text: string): void;
  /** A name for a text, so that it is computed once. */
  name(text: string): string;
  /** Marks the place that a failure of the next statements belongs to. */
  enterSite(functionName?: string | null): void;
  /** The text of a piece's value with null for null. */
  nullable(piece: Piece): string;
  /** Declares a result of a type. */
  declare(type: DataType, nullable: boolean): Target;
  /** Adds the statements of an expression and gives the texts of its value. */
  emit(bound: Bound, want?: Want): Piece;
}

/** Where any of the pieces is null. */
export function anyNull(pieces: readonly Piece[]): string | null {
  const nulls = [...new Set(pieces.flatMap((piece) => (piece.isNull === null ? [] : [piece.isNull])))];
  if (nulls.includes("true")) return "true";
  return nulls.length === 0 ? null : nulls.length === 1 ? (nulls[0] ?? null) : `(${nulls.join(" || ")})`;
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
  /** A whole number as an exact double, where the batch allows it. */
  narrow(index: number): Narrow | null;
  /** The double that `Number` makes of a 64-bit integer or timestamp, without a bigint; null for the others. */
  nearest(index: number): string | null;
  /** The row's bytes in a text column; null for the others. */
  bytes(index: number): TextPiece | null;
}
