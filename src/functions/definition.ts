import type { CallOptions } from "../expr/nodes.js";
import type { DataType, Value } from "../schema/types.js";

/**
 * One definition per function: its types, its reference meaning, its kernel text and its DuckDB spelling.
 * A definition is found by name in `functions/registry.ts`; the recipe is docs/add-a-function.md.
 */
export interface ScalarFunction {
  readonly name: string;
  /** One sentence for docs and `--help`. */
  readonly summary: string;
  /**
   * Types for a call with these argument types: the exact types the arguments are cast to, and the result's type.
   * A string says why the call is wrong ("expects a number, found utf8"); it becomes a plan error.
   * A literal null argument arrives as type null.
   */
  resolve(args: readonly DataType[], options: CallOptions): Resolution | string;
  /** `propagate`: any null argument gives null, and the function never sees one. `handles`: it gets null as `null`. */
  readonly nulls: "propagate" | "handles";
  /** Whether a result can be null although no argument is (division by zero, a failed match). */
  readonly nullable?: boolean;
  /** Whether some values make it throw RowFailure: such a row is rejected. */
  readonly fallible?: boolean;
  /** Narrows `fallible` to the calls that can really fail; left out: all. */
  failsFor?(call: CallTypes): boolean;
  /** Whether the result can be null, from whether each argument can; left out: when one can. */
  resultNullable?(args: readonly boolean[]): boolean;
  /** The reference meaning for one row, on values in their `valueForm`. */
  evaluate(args: readonly Value[], call: CallTypes): Value;
  /**
   * JavaScript text of the result, from texts of the arguments (plain identifiers or literals, never null when nulls propagate).
   * Left out: the generated loop calls `evaluate`'s specialised form. Only names from `context` may enter the text.
   */
  emit?(args: readonly string[], call: CallTypes, context: EmitContext): string;
  /** Positions of arguments that must be literals (the last one stands for all after it). */
  readonly literalArgs?: readonly number[];
  /** Judges the values of literal arguments when a plan is bound (undefined: not a literal). A string says what is wrong. */
  checkLiterals?(values: readonly (Value | undefined)[], options: CallOptions): string | null;
  /** Literals without a type take the type of the other arguments where they fit it: `int8 > 0`, `day >= '2024-01-01'`. */
  readonly adaptLiterals?: true;
  /** DuckDB spelling from SQL texts of the arguments. */
  sql(args: readonly string[], call: CallTypes): string;
  /**
   * A cheaper spelling of the same value, of a narrower type. It may fail the query where `sql` does not, with an error that `isRefusal` of
   * duckdb/refusal.ts knows. null: there is none for these types.
   */
  narrowSql?(args: readonly string[], call: CallTypes): NarrowSql | null;
}

export interface Resolution {
  readonly args: readonly DataType[];
  readonly returns: DataType;
}

/** A spelling, and the type that it gives. */
export interface NarrowSql {
  readonly sql: string;
  readonly type: DataType;
}

/** What a resolved call looks like. */
export interface CallTypes {
  readonly args: readonly DataType[];
  readonly returns: DataType;
  readonly options: CallOptions;
}

/** Names that the generated text may use. */
export interface EmitContext {
  /** Makes a value (function, regular expression, table) reachable from the text and gives its identifier; equal keys share one. */
  constant(key: string, value: unknown): string;
  /** A name for the value of a text, which is computed by a statement before the text that is returned. */
  name(text: string): string;
  /** Adds a statement before the text that is returned. */
  line(text: string): void;
}

/** Thrown by `evaluate` and by helpers of generated code: this row cannot be computed. Codes are stable (docs/ERRORS.md). */
export class RowFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    // A stack costs many times what the row does, and nobody is shown it: the place that counts is the row's.
    const depth = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = depth;
    this.name = "RowFailure";
  }
}

/** An aggregate. Algebraic ones have `partial`, and workers compute it per partition; the others run in DuckDB over all rows. */
export interface AggregateFunction {
  readonly name: string;
  readonly summary: string;
  resolve(args: readonly DataType[], options: CallOptions): (Resolution & { readonly nullable: boolean }) | string;
  /** Depends on the order of rows (first, last, listing, joining). */
  readonly ordered?: boolean;
  /** DuckDB would gather and sort all values of a group; workers fold each value as it comes. */
  readonly folded?: boolean;
  /** The state a worker keeps per group, and how DuckDB merges it. */
  readonly partial?: PartialAggregate;
  /** DuckDB spelling over raw rows. */
  sql(args: readonly string[], call: CallTypes, context: AggregateSql): string;
  /** The reference meaning over the values of one group in row order. */
  evaluate(rows: readonly (readonly Value[])[], call: CallTypes): Value;
}

export interface PartialAggregate {
  /** Types of the state columns for a call; `kernels/aggregate` knows how to fill them by the aggregate's name. */
  states(call: CallTypes): readonly DataType[];
  /** DuckDB text that merges the state columns (given as SQL names) into the final value. */
  merge(states: readonly string[], call: CallTypes, context: AggregateSql): string;
}

/** What an aggregate's SQL may ask of the query it stands in. */
export interface AggregateSql {
  /** A sum of doubles that does not depend on the order of rows. */
  floatSum(argument: string): string;
  /** A SQL expression that orders the input rows as they stand (for `ORDER BY` inside the aggregate). */
  readonly order: string;
}
