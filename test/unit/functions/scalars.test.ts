import type { DuckDBConnection } from "@duckdb/node-api";
import { beforeAll, describe, expect, it } from "vitest";
import type { Expr } from "../../../src/expr/nodes.js";
import { bindExpr } from "../../../src/functions/bind.js";
import { type CallTypes, type EmitContext, RowFailure } from "../../../src/functions/definition.js";
import { scalarFunction, scalarNames } from "../../../src/functions/registry.js";
import { interpret } from "../../../src/kernels/expressions/interpret.js";
import { typeName, type Value } from "../../../src/schema/types.js";
import { boundSql, connect, evaluateSql, makeTable, sameValue } from "./oracle.js";
import { type ScalarCase, scalarCases } from "./scalar-cases.js";
import { combinations } from "./values.js";

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await connect();
});

function label(test: ScalarCase): string {
  const literals = (test.literals ?? []).map((value) => JSON.stringify(value));
  const options = test.options === undefined ? "" : ` ${JSON.stringify(test.options)}`;
  return `${test.fn}(${[...test.types.map(typeName), ...literals].join(", ")})${options}`;
}

function outcome(compute: () => Value): { readonly value: Value; readonly failed: boolean } {
  try {
    return { value: compute(), failed: false };
  } catch (error) {
    if (error instanceof RowFailure) return { value: null, failed: true };
    throw error;
  }
}

/** The emitted text as a function of the call's arguments, or null when the definition has none. */
function emitted(fn: string, call: CallTypes): ((...args: Value[]) => Value) | null {
  const definition = scalarFunction(fn);
  if (definition.emit === undefined) return null;
  const constants = new Map<string, { name: string; value: unknown }>();
  const lines: string[] = [];
  const context: EmitContext = {
    constant(key, value) {
      const known = constants.get(key) ?? { name: `k${constants.size}`, value };
      constants.set(key, known);
      return known.name;
    },
    name(text) {
      lines.push(`const n${lines.length} = ${text};`);
      return `n${lines.length - 1}`;
    },
    line: (text) => void lines.push(text),
  };
  const params = call.args.map((_, i) => `a${i}`);
  const text = definition.emit(params, call, context);
  const all = [...constants.values()];
  const make = new Function(
    ...all.map((c) => c.name),
    `return (${params.join(", ")}) => { ${lines.join(" ")} return ${text}; };`,
  );
  return make(...all.map((c) => c.value)) as (...args: Value[]) => Value;
}

function toExpr(test: ScalarCase): Expr {
  const columns: Expr[] = test.types.map((_, i) => ({ kind: "column", name: `c${i}` }));
  const literals: Expr[] = (test.literals ?? []).map((value) => ({ kind: "literal", value }));
  return { kind: "call", fn: test.fn, args: [...columns, ...literals], ...(test.options && { options: test.options }) };
}

describe("scalar functions agree with DuckDB", () => {
  for (const test of scalarCases) {
    it(label(test), async () => {
      const schema = test.types.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
      const bound = bindExpr(toExpr(test), schema, "test");
      if (bound.kind !== "call") throw new Error("not a call");
      const rows = test.rows ?? combinations(test.types);
      await makeTable(connection, "t", test.types, rows);
      const sql = boundSql(bound);
      const oracle = await evaluateSql(connection, "t", sql);
      const run = interpret(bound);
      const call = { args: bound.args.map((arg) => arg.type), returns: bound.type, options: bound.options };
      const propagates = scalarFunction(test.fn).nulls === "propagate";
      const fast = propagates ? emitted(test.fn, call) : null;
      const differences: unknown[] = [];
      for (const [i, row] of rows.entries()) {
        const ours = outcome(() => run((c) => row[c] ?? null, noFunctions));
        const theirs = oracle[i] as { value: Value; failed: boolean };
        if (ours.failed !== theirs.failed || !sameValue(ours.value, theirs.value, test.loose))
          differences.push({ row, ours, theirs });
        if (fast !== null) {
          const quick = outcome(() => {
            const args = bound.args.map((arg) => interpret(arg)((c) => row[c] ?? null, noFunctions));
            return args.includes(null) ? null : fast(...args);
          });
          if (quick.failed !== ours.failed || !sameValue(quick.value, ours.value))
            differences.push({ row, ours, emitted: quick });
        }
      }
      expect({ sql, differences: differences.slice(0, 5) }).toEqual({ sql, differences: [] });
    });
  }

  it("has a case for every function", () => {
    const tested = new Set(scalarCases.map((test) => test.fn));
    expect(scalarNames().filter((name) => !tested.has(name))).toEqual([]);
  });
});

function noFunctions(): never {
  throw new Error("no user functions here");
}
