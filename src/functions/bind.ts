import { assertNever } from "../common/assert.js";
import { planError } from "../common/errors.js";
import type { AggregateExpr, Bound, BoundAggregate, CallOptions, Expr } from "../expr/nodes.js";
import { boundChildren } from "../expr/walk.js";
import { type DataType, requireField, type Schema, sameType, typeName, types, type Value } from "../schema/types.js";
import { adaptLiteral, isPlainLiteral } from "./bind-literals.js";
import { castCanFail, castExists, castValue, commonOf, implicitCast } from "./cast.js";
import { RowFailure, type ScalarFunction } from "./definition.js";
import { literalToValue, literalType, valueToLiteral } from "./literal.js";
import { aggregateFunction, scalarFunction } from "./registry.js";

function typeMismatch(where: string, message: string): never {
  throw planError("TYPE_MISMATCH", `${where}: ${message}`);
}

/** A literal node, already of its type. */
function literal(value: Value, type: DataType): Bound {
  return { kind: "literal", value: valueToLiteral(value, type), type, nullable: value === null };
}

/** A cast that needs no leave; casts of literals are made at once, where they can be. */
function castTo(bound: Bound, to: DataType, safe: boolean): Bound {
  if (sameType(bound.type, to)) return bound;
  if (bound.kind === "literal") {
    try {
      return literal(castValue(literalToValue(bound.value, bound.type), bound.type, to), to);
    } catch (error) {
      if (!(error instanceof RowFailure)) throw error;
      if (safe) return literal(null, to);
    }
  }
  const nullable = bound.nullable || (safe && castCanFail(bound.type, to));
  return { kind: "cast", input: bound, safe, type: to, nullable };
}

/** Decimals at the limit of 38 digits give up digits of the whole part that `implicitCast` would keep. */
function meetsAtLimit(from: DataType, to: DataType): boolean {
  return (
    to.kind === "decimal" &&
    to.precision === 38 &&
    castExists(from, to) &&
    from.kind !== "utf8" &&
    from.kind !== "bool" &&
    !/^f/.test(from.kind)
  );
}

/**
 * The expression as another type, by a conversion that needs no leave (widening).
 * @throws MillraceError Plan/TYPE_MISMATCH
 */
export function coerce(bound: Bound, type: DataType, where: string): Bound {
  if (!implicitCast(bound.type, type) && !meetsAtLimit(bound.type, type)) {
    typeMismatch(where, `expects ${typeName(type)}, found ${typeName(bound.type)}; cast it`);
  }
  return castTo(bound, type, false);
}

/** Binds arguments; literals without a type take the type of the others when the function asks for it. */
function bindArguments(exprs: readonly Expr[], adapt: boolean, schema: Schema, where: string): readonly Bound[] {
  const args = exprs.map((expr) => bindExpr(expr, schema, where));
  return adapt ? adaptAll(exprs, args, where) : args;
}

function adaptAll(exprs: readonly Expr[], args: readonly Bound[], where: string): readonly Bound[] {
  const plain = exprs.map((expr) => isPlainLiteral(expr));
  const target = commonOf(args.filter((_arg, i) => plain[i] !== true).map((arg) => arg.type));
  if (target === null || target.kind === "null") return args;
  return args.map((arg, i) => {
    if (arg.kind !== "literal" || plain[i] !== true) return arg;
    const adapted = adaptLiteral(arg.value, target, where);
    return adapted === null ? arg : literal(adapted.value, adapted.type);
  });
}

function checkLiterals(fn: ScalarFunction, args: readonly Bound[], options: CallOptions, where: string): void {
  const values = args.map((arg) => (arg.kind === "literal" ? literalToValue(arg.value, arg.type) : undefined));
  for (const position of fn.literalArgs ?? []) {
    if (position < args.length && values[position] === undefined) {
      typeMismatch(where, `${fn.name} expects a literal as argument ${position + 1}, found an expression`);
    }
  }
  const wrong = fn.checkLiterals?.(values, options) ?? null;
  if (wrong !== null) throw planError("INVALID_ARGUMENT", `${where}: ${fn.name}: ${wrong}`);
}

function resultNullable(fn: ScalarFunction, args: readonly Bound[]): boolean {
  if (fn.nullable === true) return true;
  const nullable = args.map((arg) => arg.nullable);
  return fn.resultNullable === undefined ? nullable.includes(true) : fn.resultNullable(nullable);
}

function bindCall(expr: Extract<Expr, { kind: "call" }>, schema: Schema, where: string): Bound {
  const fn = scalarFunction(expr.fn);
  const options = expr.options ?? {};
  const bound = bindArguments(expr.args, fn.adaptLiterals === true, schema, where);
  const resolved = fn.resolve(
    bound.map((arg) => arg.type),
    options,
  );
  if (typeof resolved === "string") typeMismatch(where, `${fn.name} ${resolved}`);
  const args = bound.map((arg, i) => castTo(arg, resolved.args[i] ?? arg.type, false));
  checkLiterals(fn, args, options, where);
  return { kind: "call", fn: fn.name, args, options, type: resolved.returns, nullable: resultNullable(fn, args) };
}

function bindCase(expr: Extract<Expr, { kind: "case" }>, schema: Schema, where: string): Bound {
  const conditions = expr.branches.map((branch) => {
    const when = bindExpr(branch.when, schema, where);
    if (when.type.kind !== "bool" && when.type.kind !== "null") {
      typeMismatch(where, `a condition expects bool, found ${typeName(when.type)}`);
    }
    return castTo(when, types.bool, false);
  });
  const results = expr.branches.map((branch) => branch.then);
  const all = bindArguments(expr.otherwise === null ? results : [...results, expr.otherwise], true, schema, where);
  const type = commonOf(all.map((result) => result.type));
  if (type === null) {
    const names = [...new Set(all.map((result) => typeName(result.type)))].join(" and ");
    return typeMismatch(where, `the results of a case expect one type, found ${names}`);
  }
  const values = all.map((result) => castTo(result, type, false));
  // biome-ignore lint/suspicious/noThenProperty: a branch is plain data
  const branches = conditions.map((when, i) => ({ when, then: values[i] as Bound }));
  const otherwise = expr.otherwise === null ? null : (values[branches.length] as Bound);
  return { kind: "case", branches, otherwise, type, nullable: otherwise === null || values.some((value) => value.nullable) };
}

function bindCast(expr: Extract<Expr, { kind: "cast" }>, schema: Schema, where: string): Bound {
  const input = bindExpr(expr.input, schema, where);
  if (!castExists(input.type, expr.to)) {
    typeMismatch(where, `there is no cast from ${typeName(input.type)} to ${typeName(expr.to)}`);
  }
  return castTo(input, expr.to, expr.safe);
}

/**
 * An expression over a schema: names become indexes, every node gets its type, implicit conversions become casts.
 * `where` begins messages: `filter`, `column "total"`.
 * @throws MillraceError Plan/UNKNOWN_COLUMN, Plan/UNKNOWN_FUNCTION, Plan/TYPE_MISMATCH, Plan/INVALID_LITERAL, Plan/INVALID_ARGUMENT,
 * Plan/AGGREGATE_NOT_ALLOWED
 */
export function bindExpr(expr: Expr, schema: Schema, where: string): Bound {
  switch (expr.kind) {
    case "column": {
      const index = requireField(schema, expr.name, where);
      const field = schema[index] as Schema[number];
      return { kind: "column", index, name: field.name, type: field.type, nullable: field.nullable };
    }
    case "literal": {
      const type = expr.type ?? literalType(expr.value);
      return literal(literalToValue(expr.value, type), type);
    }
    case "call":
      return bindCall(expr, schema, where);
    case "cast":
      return bindCast(expr, schema, where);
    case "case":
      return bindCase(expr, schema, where);
    case "udf":
      return {
        kind: "udf",
        fn: expr.fn,
        args: expr.args.map((arg) => bindExpr(arg, schema, where)),
        type: expr.returns,
        nullable: true,
      };
    case "aggregate":
      throw planError("AGGREGATE_NOT_ALLOWED", `${where}: the aggregate ${expr.fn} stands outside of agg`, {
        hint: "Aggregate in groupBy(...).agg(...), then compute with its column.",
      });
    default:
      return assertNever(expr, "expression");
  }
}

/**
 * An aggregate over a schema; see `bindExpr`.
 * @throws MillraceError as `bindExpr`
 */
export function bindAggregate(expr: AggregateExpr, schema: Schema, where: string): Omit<BoundAggregate, "name"> {
  const fn = aggregateFunction(expr.fn);
  const options = expr.options ?? {};
  const bound = expr.args.map((arg) => bindExpr(arg, schema, where));
  const resolved = fn.resolve(
    bound.map((arg) => arg.type),
    options,
  );
  if (typeof resolved === "string") typeMismatch(where, `${fn.name} ${resolved}`);
  const args = bound.map((arg, i) => castTo(arg, resolved.args[i] ?? arg.type, false));
  return { fn: fn.name, args, options, type: resolved.returns, nullable: resolved.nullable };
}

/** Whether some values make the expression fail, so that their row is rejected: casts, overflows, functions with a domain, user functions. */
export function isFallible(bound: Bound): boolean {
  if (bound.kind === "udf") return true;
  if (bound.kind === "cast" && !bound.safe && castCanFail(bound.input.type, bound.type)) return true;
  if (bound.kind === "call") {
    const fn = scalarFunction(bound.fn);
    const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
    if (fn.fallible === true && (fn.failsFor?.(call) ?? true)) return true;
  }
  return boundChildren(bound).some(isFallible);
}
