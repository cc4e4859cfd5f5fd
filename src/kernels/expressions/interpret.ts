import { assertNever } from "../../common/assert.js";
import type { Bound, FunctionRef } from "../../expr/nodes.js";
import { fromUser, toUser, userFailure } from "../../functions/border.js";
import { castValue } from "../../functions/cast.js";
import { type CallTypes, RowFailure } from "../../functions/definition.js";
import { literalToValue } from "../../functions/literal.js";
import { scalarFunction } from "../../functions/registry.js";
import type { Value } from "../../schema/types.js";

/** The value of a column in the row at hand. */
export type RowValues = (column: number) => Value;

/** Finds the callable of a user's function. */
export type UserFunctions = (ref: FunctionRef) => (...args: unknown[]) => unknown;

/** One expression over one row. @throws RowFailure when the row cannot be computed. */
export type Interpreted = (row: RowValues, udfs: UserFunctions) => Value;

/**
 * The reference meaning of an expression, node by node. Generated code and SQL must agree with it.
 * `case`, `coalesce`, `and` and `or` compute no more than they need: a failing part that is not reached does not fail the row.
 */
export function interpret(bound: Bound): Interpreted {
  switch (bound.kind) {
    case "column": {
      const { index } = bound;
      return (row) => row(index);
    }
    case "literal": {
      const value = literalToValue(bound.value, bound.type);
      return () => value;
    }
    case "call":
      return interpretCall(bound);
    case "cast":
      return interpretCast(bound);
    case "case":
      return interpretCase(bound);
    case "udf":
      return interpretUser(bound);
    default:
      return assertNever(bound, "bound expression");
  }
}

function interpretCall(bound: Extract<Bound, { kind: "call" }>): Interpreted {
  const args = bound.args.map(interpret);
  if (bound.fn === "and" || bound.fn === "or") return interpretLogic(args, bound.fn === "or");
  if (bound.fn === "coalesce") return interpretCoalesce(args);
  const fn = scalarFunction(bound.fn);
  const call: CallTypes = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
  const propagate = fn.nulls === "propagate";
  return (row, udfs) => {
    const values = args.map((arg) => arg(row, udfs));
    return propagate && values.includes(null) ? null : fn.evaluate(values, call);
  };
}

/** Stops at the first argument that decides: a false for `and`, a true for `or`. */
function interpretLogic(args: readonly Interpreted[], deciding: boolean): Interpreted {
  return (row, udfs) => {
    let unknown = false;
    for (const arg of args) {
      const value = arg(row, udfs);
      if (value === deciding) return deciding;
      if (value === null) unknown = true;
    }
    return unknown ? null : !deciding;
  };
}

function interpretCoalesce(args: readonly Interpreted[]): Interpreted {
  return (row, udfs) => {
    for (const arg of args) {
      const value = arg(row, udfs);
      if (value !== null) return value;
    }
    return null;
  };
}

function interpretCast(bound: Extract<Bound, { kind: "cast" }>): Interpreted {
  const input = interpret(bound.input);
  const from = bound.input.type;
  const to = bound.type;
  if (!bound.safe) return (row, udfs) => castValue(input(row, udfs), from, to);
  return (row, udfs) => {
    // Only the cast itself is forgiven: a failure of what is cast still rejects the row.
    const value = input(row, udfs);
    try {
      return castValue(value, from, to);
    } catch (error) {
      if (error instanceof RowFailure) return null;
      throw error;
    }
  };
}

function interpretCase(bound: Extract<Bound, { kind: "case" }>): Interpreted {
  // biome-ignore lint/suspicious/noThenProperty: a branch is plain data
  const branches = bound.branches.map((branch) => ({ when: interpret(branch.when), then: interpret(branch.then) }));
  const otherwise = bound.otherwise === null ? null : interpret(bound.otherwise);
  return (row, udfs) => {
    for (const branch of branches) {
      if (branch.when(row, udfs) === true) return branch.then(row, udfs);
    }
    return otherwise === null ? null : otherwise(row, udfs);
  };
}

function interpretUser(bound: Extract<Bound, { kind: "udf" }>): Interpreted {
  const args = bound.args.map(interpret);
  const argTypes = bound.args.map((arg) => arg.type);
  const where = `function ${bound.fn.name}`;
  return (row, udfs) => {
    const values = args.map((arg, i) => toUser(arg(row, udfs), argTypes[i] ?? { kind: "null" }));
    const call = udfs(bound.fn);
    let result: unknown;
    try {
      result = call(...values);
    } catch (error) {
      throw userFailure(error, where);
    }
    return fromUser(result, bound.type, where);
  };
}
