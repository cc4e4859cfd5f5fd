import { assertNever, required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Bound, LiteralValue } from "../expr/nodes.js";
import { castSql } from "../functions/cast.js";
import type { NarrowSql } from "../functions/definition.js";
import { literalToValue } from "../functions/literal.js";
import { scalarFunction } from "../functions/registry.js";
import type { DataType } from "../schema/types.js";
import { quoteText } from "./quote.js";
import { typeToSql } from "./types.js";

/** Whether DuckDB can compute an expression: everything but users' functions. */
export function canSpell(bound: Bound): boolean {
  switch (bound.kind) {
    case "column":
    case "literal":
      return true;
    case "call":
      return bound.args.every(canSpell);
    case "cast":
      return canSpell(bound.input);
    case "case":
      return (
        bound.branches.every((branch) => canSpell(branch.when) && canSpell(branch.then)) &&
        (bound.otherwise === null || canSpell(bound.otherwise))
      );
    case "udf":
      return false;
    default:
      return assertNever(bound, "expression");
  }
}

/** The SQL name of an input column. */
type ColumnNames = (index: number) => string;

/**
 * The SQL text of an expression. `onQuick` allows spellings that may be refused (see refusal.ts), and is called where one is used.
 * @throws Internal for users' functions.
 */
export function expressionSql(bound: Bound, columns: ColumnNames, onQuick: (() => void) | null = null): string {
  return spell(bound, columns, onQuick).sql;
}

/** The same where only the value matters: its type may be a narrower one. */
export function valueSql(bound: Bound, columns: ColumnNames, onQuick: (() => void) | null): string {
  const { sql, narrow } = spell(bound, columns, onQuick);
  return narrow?.sql ?? sql;
}

interface Spelled {
  readonly sql: string;
  /** The same value in a narrower type. */
  readonly narrow: NarrowSql | null;
}

function spell(bound: Bound, columns: ColumnNames, onQuick: (() => void) | null): Spelled {
  if (bound.kind !== "call") return { sql: exactSql(bound, columns, onQuick), narrow: null };
  const fn = scalarFunction(bound.fn);
  const args = bound.args.map((arg) => spell(arg, columns, onQuick));
  const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
  if (onQuick !== null && fn.narrowSql !== undefined) {
    const argTypes = args.map(({ narrow }, i) => narrow?.type ?? required(call.args[i], "type"));
    const narrow = fn.narrowSql(
      args.map((arg) => arg.narrow?.sql ?? arg.sql),
      { ...call, args: argTypes },
    );
    if (narrow !== null) {
      onQuick();
      return { sql: `CAST(${narrow.sql} AS ${typeToSql(bound.type)})`, narrow };
    }
  }
  const texts = args.map(({ sql }) => sql);
  return { sql: fn.sql(texts, call), narrow: null };
}

function exactSql(bound: Exclude<Bound, { readonly kind: "call" }>, columns: ColumnNames, onQuick: (() => void) | null): string {
  switch (bound.kind) {
    case "column":
      return columns(bound.index);
    case "literal":
      return literalSql(bound.value, bound.type);
    case "cast":
      return castSql(expressionSql(bound.input, columns, onQuick), bound.input.type, bound.type, bound.safe);
    case "case": {
      const branches = bound.branches.map(
        ({ when, then }) => `WHEN ${expressionSql(when, columns, onQuick)} THEN ${expressionSql(then, columns, onQuick)}`,
      );
      const otherwise = bound.otherwise === null ? "NULL" : expressionSql(bound.otherwise, columns, onQuick);
      return `CAST(CASE ${branches.join(" ")} ELSE ${otherwise} END AS ${typeToSql(bound.type)})`;
    }
    case "udf":
      return fail(`the function ${bound.fn.name} cannot run inside DuckDB`);
    default:
      return assertNever(bound, "expression");
  }
}

function fail(message: string): never {
  throw internalError(message);
}

/** A literal in SQL, of exactly its type. What stands in it never becomes SQL: texts are quoted, numbers checked. */
export function literalSql(value: LiteralValue, type: DataType): string {
  if (value === null) return `CAST(NULL AS ${typeToSql(type)})`;
  switch (type.kind) {
    case "bool":
      return value === true || value === "true" ? "TRUE" : "FALSE";
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      return `CAST(${checked(String(value), /^-?\d+$/, type)} AS ${typeToSql(type)})`;
    case "float32":
    case "float64":
      return `CAST('${checked(numberText(value), /^(-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|NaN|-?Infinity)$/i, type)}' AS ${typeToSql(type)})`;
    case "decimal":
      return `CAST('${decimalText(value, type)}' AS ${typeToSql(type)})`;
    case "utf8":
      return `CAST(${quoteText(String(value))} AS VARCHAR)`;
    case "binary":
      return `unhex('${Buffer.from(literalToValue(value, type) as Uint8Array).toString("hex")}')`;
    case "date":
      return `(DATE '1970-01-01' + CAST(${Number(literalToValue(value, type))} AS INTEGER))`;
    case "timestamp":
      return `make_timestamp(CAST(${BigInt(literalToValue(value, type) as bigint)} AS BIGINT))`;
    case "list":
    case "struct":
    case "null":
      return fail(`a literal of type ${type.kind} has no SQL spelling`);
    default:
      return assertNever(type, "type");
  }
}

function numberText(value: LiteralValue): string {
  return Object.is(value, -0) ? "-0.0" : String(value);
}

function decimalText(value: LiteralValue, type: DataType & { readonly kind: "decimal" }): string {
  const unscaled = BigInt(literalToValue(value, type) as bigint);
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(type.scale + 1, "0");
  const whole = digits.slice(0, digits.length - type.scale);
  const fraction = type.scale === 0 ? "" : `.${digits.slice(digits.length - type.scale)}`;
  return `${unscaled < 0n ? "-" : ""}${whole}${fraction}`;
}

function checked(text: string, pattern: RegExp, type: DataType): string {
  return pattern.test(text) ? text : fail(`${JSON.stringify(text)} is no literal of type ${type.kind}`);
}
