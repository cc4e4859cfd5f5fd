import type { DataType, SimpleKind } from "../schema/types.js";

/**
 * The type level of the builder: a dataset's columns are a map from column name to type name. Nullability is not tracked.
 *
 * Two names exist only here: `numeric` is a number whose exact type is known when the plan is bound, `any` is a column nothing is
 * known about.
 */

export type IntegerName = "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64";
export type FloatName = "float32" | "float64";
export type DecimalName = `decimal(${string})`;
export type NumericName = IntegerName | FloatName | DecimalName | "numeric";
export type TemporalName = "date" | "timestamp";
export type NestedName = `list(${string})` | `struct(${string})`;

interface Synonyms {
  boolean: "bool";
  string: "utf8";
  text: "utf8";
  varchar: "utf8";
  int: "int32";
  integer: "int32";
  bigint: "int64";
  float: "float32";
  double: "float64";
}

/** A type as it is written in a schema: `"int32"`, `"decimal(10,2)"`, `"list(utf8)"`, or the type as data. */
export type TypeSpec = Exclude<SimpleKind, "null"> | DecimalName | NestedName | keyof Synonyms | DataType;

/** Column names with their types, in order. */
export interface SchemaSpec {
  readonly [column: string]: TypeSpec;
}

/** The columns of a dataset at the type level. */
export interface Columns {
  readonly [column: string]: string;
}

/** A dataset whose columns are not declared: any name goes, and is checked when the plan is bound. */
export interface Loose {
  readonly [column: string]: string;
}

export type IsLoose<S> = string extends keyof S ? true : false;
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** Column names of a dataset; any text where they are not declared. */
export type ColumnName<S> = keyof S & string;

/** Shows the columns of a computed type one by one, which keeps compile errors readable. */
export type Flatten<T> = { readonly [K in keyof T]: T[K] };

/** The type name behind a type spec. */
export type NameOf<T> = T extends keyof Synonyms ? Synonyms[T] : T extends string ? T : "any";

/** The columns of a declared schema. */
export type SchemaColumns<T> = { readonly [K in keyof T & string]: NameOf<T[K]> };

/** What arithmetic on two type names gives. */
export type Arithmetic<A extends string, B extends string> = [A, B] extends [B, A]
  ? A extends IntegerName | FloatName
    ? A
    : "numeric"
  : "float64" extends A | B
    ? "float64"
    : "numeric";

/** The type of a sum. */
export type SumName<T extends string> = T extends IntegerName ? "int64" : T extends FloatName ? "float64" : "numeric";

/** How a user's function sees a value of a type. Nulls reach a function as null. */
export type ValueOf<T extends string> = T extends "int64" | "uint64" | "timestamp"
  ? bigint
  : T extends "date"
    ? Date
    : T extends "utf8" | DecimalName
      ? string
      : T extends "bool"
        ? boolean
        : T extends "binary"
          ? Uint8Array
          : T extends "numeric"
            ? number | bigint
            : T extends IntegerName | FloatName
              ? number
              : T extends "any"
                ? LooseValue
                : unknown;

/** What a user's function may return for a type. */
export type ResultOf<T extends string> =
  | (T extends "int64" | "uint64"
      ? bigint | number
      : T extends "timestamp"
        ? bigint | Date | string
        : T extends "date"
          ? Date | string
          : T extends DecimalName
            ? string | number | bigint
            : T extends "utf8"
              ? string
              : T extends "bool"
                ? boolean
                : T extends "binary"
                  ? Uint8Array
                  : T extends NumericName
                    ? number
                    : unknown)
  | null
  | undefined;

/** A row as a user's function sees it. */
export type RowValues<S> = IsLoose<S> extends true ? LooseValue : { readonly [K in keyof S & string]: ValueOf<S[K] & string> };

/** A row as a user's function returns it. */
export type RowResult<S> = { readonly [K in keyof S & string]?: ResultOf<S[K] & string> };

/** Batches as `mapBatches` sees them: columns as arrays of `length` values. */
export interface BatchValues<S> {
  readonly length: number;
  readonly columns: IsLoose<S> extends true
    ? LooseValue
    : { readonly [K in keyof S & string]: ArrayLike<ValueOf<S[K] & string> | null> };
}

export interface BatchResult<S> {
  readonly length: number;
  readonly columns: { readonly [K in keyof S & string]: ArrayLike<ResultOf<S[K] & string>> };
}

/**
 * The one place where checking is given up: with `noUncheckedIndexedAccess` an index signature would make every undeclared column
 * possibly undefined, and no other type admits any name.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type LooseValue = any;

/** Columns that both sides have and whose types can be compared. */
export type JoinName<L, R> =
  IsLoose<L> extends true
    ? ColumnName<R>
    : IsLoose<R> extends true
      ? ColumnName<L>
      : { [K in keyof L & keyof R & string]: Comparable<L[K], R[K]> extends true ? K : never }[keyof L & keyof R & string];

type Family<T> = T extends NumericName ? "number" : T extends TemporalName ? "time" : T;
type Comparable<A, B> = "any" extends A | B ? true : Family<A> extends Family<B> ? true : false;

/** Columns after a join; right columns of a name that the left has too get the suffix, and keys of the same name appear once. */
export type JoinColumns<L, R, Keys extends string, Suffix extends string> = true extends IsLoose<L> | IsLoose<R>
  ? Loose
  : Flatten<L & { readonly [K in Exclude<keyof R & string, Keys> as K extends keyof L ? `${K}${Suffix}` : K]: R[K] }>;
