import type { Bound, FunctionRef } from "../expr/nodes.js";
import type { DataType } from "../schema/types.js";
import type { InputText } from "./codegenInput.js";
import type { Scope } from "./codegenScope.js";
import type { UserFunction } from "./userFunction.js";

/** Texts for one value of the current row. */
export interface Piece {
  /** The value; meaningless where it is null. */
  readonly value: string;
  /** True where the value is null: a text without effects, `"true"`, or null when it never is. */
  readonly isNull: string | null;
  /** The same 64-bit value as an exact number, where the batch allows it. */
  readonly narrow?: string;
  /** The input column that this is, unchanged. */
  readonly column?: number;
}

/** A result that several statements fill in; it is null until it is set. */
export interface Target {
  readonly piece: Piece;
  /** The statements that set it. */
  set(value: string): string;
}

/** The statements of one row in the making, as the emitters of single calls see them. */
export interface RowStatements {
  readonly scope: Scope;
  readonly input: InputText;
  readonly columns: readonly Piece[];
  readonly functions: ReadonlyMap<FunctionRef, UserFunction>;
  line(text: string): void;
  /** Marks the place that a failure of the next statements belongs to. */
  enterSite(functionName?: string | null): void;
  /** The text of a piece's value with null for null. */
  nullable(piece: Piece): string;
  /** Declares a result of a type. */
  declare(type: DataType, nullable: boolean): Target;
  /** Adds the statements of an expression and gives the texts of its value. */
  emit(bound: Bound): Piece;
}
