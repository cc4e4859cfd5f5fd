import type { DataType } from "../schema/types.js";

/** A literal as JSON can hold it: 64-bit integers, decimals and non-finite numbers as text, binary as base64, date and timestamp as ISO text. */
export type LiteralValue = null | boolean | number | string;

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Constant options of a call, such as a date unit. */
export type CallOptions = { readonly [name: string]: JsonValue };

/**
 * A user's function as data.
 * - `source`: its JavaScript text, with the JSON values named in `with`, and further functions named there (as sources).
 * - `module`: an export of a module, loaded in the worker.
 */
export type FunctionRef =
  | {
      readonly kind: "source";
      readonly name: string;
      readonly source: string;
      readonly captured: { readonly [name: string]: CapturedValue };
      /** sha256 of source and captured values, hex. */
      readonly hash: string;
      /** Its source shows that its result depends on its arguments alone: it need not be called again for equal ones. */
      readonly pure?: boolean;
      /** Parameters, by place, of which its source takes nothing but `Number(parameter)`: for a bigint it may be given that number. */
      readonly numbers?: readonly number[];
    }
  | { readonly kind: "module"; readonly name: string; readonly url: string; readonly exportName: string; readonly hash: string };

export type CapturedValue =
  | { readonly kind: "json"; readonly value: JsonValue }
  | { readonly kind: "bigint"; readonly value: string }
  | { readonly kind: "regexp"; readonly source: string; readonly flags: string }
  | { readonly kind: "date"; readonly value: number }
  | { readonly kind: "map"; readonly entries: readonly (readonly [CapturedValue, CapturedValue])[] }
  | { readonly kind: "set"; readonly values: readonly CapturedValue[] }
  | { readonly kind: "function"; readonly ref: FunctionRef };

/** An expression as users write it: names, no types. Plain data. */
export type Expr =
  | { readonly kind: "column"; readonly name: string }
  /** Without `type`: bool, int32 when it fits (else int64), float64 for other numbers, utf8, null by the value's own form. */
  | { readonly kind: "literal"; readonly value: LiteralValue; readonly type?: DataType }
  | { readonly kind: "call"; readonly fn: string; readonly args: readonly Expr[]; readonly options?: CallOptions }
  | { readonly kind: "cast"; readonly input: Expr; readonly to: DataType; readonly safe: boolean }
  | {
      readonly kind: "case";
      readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
      readonly otherwise: Expr | null;
    }
  | { readonly kind: "udf"; readonly fn: FunctionRef; readonly args: readonly Expr[]; readonly returns: DataType }
  | AggregateExpr;

/** An aggregate call; only inside `agg`. */
export interface AggregateExpr {
  readonly kind: "aggregate";
  readonly fn: string;
  readonly args: readonly Expr[];
  readonly options?: CallOptions;
}

export interface NamedExpr {
  readonly name: string;
  readonly expr: Expr;
}

export interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nulls: "first" | "last";
}

/**
 * A bound expression: every column is an index into the input schema, every node has its type, every implicit conversion is a
 * cast, and scalar calls have arguments of exactly the types that the function's definition asked for.
 */
export type Bound =
  | {
      readonly kind: "column";
      readonly index: number;
      readonly name: string;
      readonly type: DataType;
      readonly nullable: boolean;
    }
  | { readonly kind: "literal"; readonly value: LiteralValue; readonly type: DataType; readonly nullable: boolean }
  | {
      readonly kind: "call";
      readonly fn: string;
      readonly args: readonly Bound[];
      readonly options: CallOptions;
      readonly type: DataType;
      readonly nullable: boolean;
    }
  | { readonly kind: "cast"; readonly input: Bound; readonly safe: boolean; readonly type: DataType; readonly nullable: boolean }
  | {
      readonly kind: "case";
      readonly branches: readonly { readonly when: Bound; readonly then: Bound }[];
      readonly otherwise: Bound | null;
      readonly type: DataType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: "udf";
      readonly fn: FunctionRef;
      readonly args: readonly Bound[];
      readonly type: DataType;
      readonly nullable: boolean;
    };

export interface BoundNamed {
  readonly name: string;
  readonly expr: Bound;
}

export interface BoundAggregate {
  readonly name: string;
  readonly fn: string;
  readonly args: readonly Bound[];
  readonly options: CallOptions;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface BoundSortKey {
  readonly expr: Bound;
  readonly descending: boolean;
  readonly nulls: "first" | "last";
}
