import type { Expr } from "../expr/nodes.js";
import type {
  Arithmetic,
  Columns,
  DecimalName,
  IsAny,
  IsLoose,
  LooseValue,
  NameOf,
  NestedName,
  NumericName,
  TemporalName,
  TypeSpec,
} from "./types.js";

declare const typeTag: unique symbol;

/** Anything that has a value per row: a column, or what was computed from columns. `T` is its type name. */
export interface Expression<T extends string = string> {
  readonly expr: Expr;
  /** Exists for the type checker alone. */
  readonly [typeTag]: T;
}

export type DateUnit =
  | "year"
  | "quarter"
  | "month"
  | "week"
  | "day"
  | "hour"
  | "minute"
  | "second"
  | "millisecond"
  | "microsecond";

export type NumberOperand = number | bigint | null | Expression<NumericName | "any">;
export type TextOperand = string | null | Expression<"utf8" | "any">;
export type BoolOperand = boolean | null | Expression<"bool" | "any">;
/** Text is read as ISO date or timestamp. */
export type TimeOperand = Date | string | null | Expression<TemporalName | "any">;

/** A plain value that stands for itself in an expression. */
export type Literal = number | bigint | string | boolean | Date | Uint8Array | null;

/** What a column of type `T` can be compared with. */
export type Operand<T extends string> = T extends "any"
  ? Literal | Expression
  : T extends NumericName
    ? NumberOperand
    : T extends "utf8"
      ? TextOperand
      : T extends TemporalName
        ? TimeOperand
        : T extends "bool"
          ? BoolOperand
          : T extends "binary"
            ? Uint8Array | null | Expression<"binary" | "any">
            : null | Expression<T | "any">;

/** The type name of what a callback returns: a column, a literal, or an undeclared column. */
export type NameOfValue<V> =
  IsAny<V> extends true
    ? "any"
    : V extends Expression<infer T>
      ? T
      : V extends number
        ? "numeric"
        : V extends bigint
          ? "int64"
          : V extends string
            ? "utf8"
            : V extends boolean
              ? "bool"
              : V extends Date
                ? "timestamp"
                : V extends Uint8Array
                  ? "binary"
                  : "any";

/** What every column has, whatever its type. Comparisons with null give null; use `isNull`. */
export interface CommonColumn<T extends string> extends Expression<T> {
  eq(other: Operand<T>): BoolColumn;
  ne(other: Operand<T>): BoolColumn;
  gt(other: Operand<T>): BoolColumn;
  gte(other: Operand<T>): BoolColumn;
  lt(other: Operand<T>): BoolColumn;
  lte(other: Operand<T>): BoolColumn;
  /** Whether the value is one of these. */
  in(values: readonly Operand<T>[]): BoolColumn;
  isIn(values: readonly Operand<T>[]): BoolColumn;
  /** Both ends are inside. */
  between(low: Operand<T>, high: Operand<T>): BoolColumn;
  isNull(): BoolColumn;
  isNotNull(): BoolColumn;
  /** The value, or `other` where it is null. */
  fillNull(other: Operand<T>): Column<T>;
  /** Null where the value equals `other`. */
  nullIf(other: Operand<T>): Column<T>;
  /** Converts; a value that cannot be converted rejects its row. */
  cast<const N extends TypeSpec>(type: N): Column<NameOf<N>>;
  /** Converts; null for a value that cannot be converted. */
  tryCast<const N extends TypeSpec>(type: N): Column<NameOf<N>>;
}

type OperandName<V> = NameOfValue<V> extends infer N extends string ? N : "numeric";

/** Rounding a decimal changes its digits. */
type Rounded<T extends string> = T extends DecimalName ? "numeric" : T;

/** Integers that overflow reject their row. */
export interface NumericColumn<T extends string> extends CommonColumn<T> {
  add<V extends NumberOperand>(other: V): Column<Arithmetic<T, OperandName<V>>>;
  sub<V extends NumberOperand>(other: V): Column<Arithmetic<T, OperandName<V>>>;
  mul<V extends NumberOperand>(other: V): Column<Arithmetic<T, OperandName<V>>>;
  /** Integer division; null where `other` is 0. */
  div<V extends NumberOperand>(other: V): Column<Arithmetic<T, OperandName<V>>>;
  /** float64 division; null where `other` is 0. */
  divide(other: NumberOperand): Column<"float64">;
  mod<V extends NumberOperand>(other: V): Column<Arithmetic<T, OperandName<V>>>;
  neg(): Column<T>;
  abs(): Column<T>;
  round(digits?: number): Column<Rounded<T>>;
  floor(): Column<Rounded<T>>;
  ceil(): Column<Rounded<T>>;
  sqrt(): Column<"float64">;
  power(exponent: NumberOperand): Column<"float64">;
  pow(exponent: NumberOperand): Column<"float64">;
  ln(): Column<"float64">;
  log10(): Column<"float64">;
  exp(): Column<"float64">;
  sign(): Column<"numeric">;
  isNaN(): BoolColumn;
  isFinite(): BoolColumn;
}

/** Positions and lengths count code points, positions from 1. */
export interface TextColumn<T extends string> extends CommonColumn<T> {
  lower(): Column<"utf8">;
  upper(): Column<"utf8">;
  trim(): Column<"utf8">;
  ltrim(): Column<"utf8">;
  rtrim(): Column<"utf8">;
  length(): Column<"int32">;
  substring(start: NumberOperand, length?: NumberOperand): Column<"utf8">;
  replace(search: TextOperand, replacement: TextOperand): Column<"utf8">;
  /** The part with the given number, counted from 1. */
  splitPart(separator: TextOperand, part: NumberOperand): Column<"utf8">;
  concat(...others: TextOperand[]): Column<"utf8">;
  startsWith(prefix: TextOperand): BoolColumn;
  endsWith(suffix: TextOperand): BoolColumn;
  contains(part: TextOperand): BoolColumn;
  like(pattern: TextOperand): BoolColumn;
  ilike(pattern: TextOperand): BoolColumn;
  regexpMatches(pattern: string): BoolColumn;
  regexpExtract(pattern: string, group?: number): Column<"utf8">;
  /** Replaces the first match, or all of them with flags "g". */
  regexpReplace(pattern: string, replacement: string, flags?: string): Column<"utf8">;
  reverse(): Column<"utf8">;
  lpad(length: NumberOperand, fill?: TextOperand): Column<"utf8">;
  rpad(length: NumberOperand, fill?: TextOperand): Column<"utf8">;
  repeat(times: NumberOperand): Column<"utf8">;
  toDate(): Column<"date">;
  /** Reads ISO text, or text of the given strftime format. */
  toTimestamp(format?: string): Column<"timestamp">;
  parseDate(format: string): Column<"date">;
  parseTimestamp(format: string): Column<"timestamp">;
  md5(): Column<"utf8">;
  sha256(): Column<"utf8">;
}

/** A date becomes a timestamp when hours or less are added. */
type WithTime<T extends string, U extends DateUnit> = T extends "date"
  ? [U] extends ["year" | "quarter" | "month" | "week" | "day"]
    ? T
    : "timestamp"
  : T;

export interface TemporalColumn<T extends string> extends CommonColumn<T> {
  year(): Column<"int32">;
  quarter(): Column<"int32">;
  month(): Column<"int32">;
  day(): Column<"int32">;
  hour(): Column<"int32">;
  minute(): Column<"int32">;
  second(): Column<"int32">;
  /** ISO: Monday is 1, Sunday 7. */
  dayOfWeek(): Column<"int32">;
  dayOfYear(): Column<"int32">;
  weekOfYear(): Column<"int32">;
  /** The beginning of the unit that the value lies in. */
  truncate(unit: DateUnit): Column<T>;
  add<U extends DateUnit>(amount: NumberOperand, unit: U): Column<WithTime<T, U>>;
  dateAdd<U extends DateUnit>(amount: NumberOperand, unit: U): Column<WithTime<T, U>>;
  /** Borders of the unit crossed on the way from this value to `other`. */
  dateDiff(other: TimeOperand, unit: DateUnit): Column<"int64">;
  toDate(): Column<"date">;
  toTimestamp(): Column<"timestamp">;
  /** Text by a strftime format. */
  format(format: string): Column<"utf8">;
  epochMs(): Column<"int64">;
}

export interface BoolColumn extends CommonColumn<"bool"> {
  and(...others: BoolOperand[]): BoolColumn;
  or(...others: BoolOperand[]): BoolColumn;
  not(): BoolColumn;
}

export interface BinaryColumn extends CommonColumn<"binary"> {
  md5(): Column<"utf8">;
  sha256(): Column<"utf8">;
}

export interface NestedColumn<T extends string> extends CommonColumn<T> {
  /** A field of a struct. */
  field(name: string): AnyColumn;
}

/** A column of unknown type: every method, checked when the plan is bound. */
export type AnyColumn = CommonColumn<"any"> &
  Omit<NumericColumn<"any">, keyof CommonColumn<"any"> | "add"> &
  Omit<TextColumn<"any">, keyof CommonColumn<"any"> | "toTimestamp"> &
  Omit<TemporalColumn<"any">, keyof CommonColumn<"any"> | "toDate" | "toTimestamp" | "add"> &
  Pick<BoolColumn, "and" | "or" | "not"> &
  Pick<NestedColumn<"any">, "field"> & {
    add(other: NumberOperand): Column<"numeric">;
    add(amount: NumberOperand, unit: DateUnit): Column<"any">;
    toTimestamp(format?: string): Column<"timestamp">;
  };

/** The column of a type name, with the methods that make sense for it. */
export type Column<T extends string = "any"> = T extends NumericName
  ? NumericColumn<T>
  : T extends "utf8"
    ? TextColumn<T>
    : T extends TemporalName
      ? TemporalColumn<T>
      : T extends "bool"
        ? BoolColumn
        : T extends "binary"
          ? BinaryColumn
          : T extends NestedName
            ? NestedColumn<T>
            : AnyColumn;

export type DecimalColumn = Column<DecimalName>;

/** What column callbacks get. Where columns are not declared, any name is a column. */
export type Row<S> = IsLoose<S> extends true ? LooseValue : { readonly [K in keyof S & string]: Column<S[K] & string> };

/** What column callbacks return: new columns by name. */
export interface NamedValues {
  readonly [column: string]: Expression | Literal;
}

/** The columns that such a callback makes. */
export type NamedColumns<R> = { readonly [K in keyof R & string]: NameOfValue<R[K]> };

export type { Columns };
