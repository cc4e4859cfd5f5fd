import type { DuckDBConnection } from "@duckdb/node-api";
import { beforeAll, describe, expect, it } from "vitest";
import type { CallOptions } from "../../../src/expr/nodes.js";
import { type AggregateSql, type CallTypes, RowFailure } from "../../../src/functions/definition.js";
import { aggregateFunction, aggregateNames } from "../../../src/functions/registry.js";
import { type DataType, typeName, types, type Value } from "../../../src/schema/types.js";
import { connect, fromDuck, makeTable, sameValue } from "./oracle.js";
import { combinations, flatTypes } from "./values.js";

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await connect();
});

const context: AggregateSql = {
  // Adding in sorted order does not depend on the order of rows; the test's values lose nothing by it.
  floatSum: (argument) => `list_sum(list_sort(list(${argument})))`,
  order: "ord",
};

function resolve(fn: string, args: readonly DataType[], options: CallOptions): CallTypes {
  const resolved = aggregateFunction(fn).resolve(args, options);
  if (typeof resolved === "string") throw new Error(resolved);
  return { args: resolved.args, returns: resolved.returns, options };
}

function reference(fn: string, rows: readonly (readonly Value[])[], call: CallTypes): { value: Value; failed: boolean } {
  try {
    return { value: aggregateFunction(fn).evaluate(rows, call), failed: false };
  } catch (error) {
    if (error instanceof RowFailure) return { value: null, failed: true };
    throw error;
  }
}

async function overTable(sql: string): Promise<{ value: Value; failed: boolean }> {
  try {
    const result = await connection.runAndReadAll(`SELECT ${sql} FROM g`);
    return { value: fromDuck(result.getRows()[0]?.[0]), failed: false };
  } catch {
    return { value: null, failed: true };
  }
}

/** Rows of one group: no row, one row, nulls only, all interesting values, and a few moderate ones. */
function groups(columns: readonly DataType[]): (readonly (readonly Value[])[])[] {
  const all = combinations(columns, 60);
  const finite = all.filter((row) => row.every((v) => typeof v !== "number" || (Number.isFinite(v) && Math.abs(v) < 1e17)));
  const small = finite.filter((row) => row.every((v) => v === null || (typeof v === "bigint" ? v * v < 10n ** 30n : true)));
  return [[], all.slice(0, 1), all.slice(1, 2), all, finite, small, [...small].reverse()];
}

const numbers = flatTypes.filter((t) => /int|float|decimal/.test(t.kind));
interface Case {
  readonly fn: string;
  readonly types: readonly DataType[];
  readonly options?: CallOptions;
}
const cases: Case[] = [
  { fn: "count", types: [] },
  ...["count", "countDistinct", "min", "max", "first", "last", "list"].flatMap((fn) =>
    flatTypes.map((t) => ({ fn, types: [t] })),
  ),
  ...["sum", "avg", "variance", "variancePop", "stddev", "stddevPop", "median"].flatMap((fn) =>
    numbers.map((t) => ({ fn, types: [t] })),
  ),
  ...[0, 0.25, 0.9, 1].flatMap((q) => numbers.map((t) => ({ fn: "quantile", types: [t], options: { q } }))),
  ...["argMin", "argMax"].flatMap((fn) =>
    [
      [types.utf8, types.int32],
      [types.int64, types.float64],
      [types.date, types.utf8],
      [types.int32, types.bool],
    ].map((columns) => ({ fn, types: columns })),
  ),
  ...["boolAnd", "boolOr"].map((fn) => ({ fn, types: [types.bool] })),
  { fn: "stringJoin", types: [types.utf8], options: { separator: "; " } },
];

/** Aggregates that add up rounded doubles: the last digits may differ. */
const loose = /^(avg|sum|variance|stddev|median|quantile)/;
const close = (fn: string, a: Value, b: Value): boolean => {
  if (sameValue(a, b, loose.test(fn))) return true;
  if (!loose.test(fn) || typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
};

describe("aggregates agree with DuckDB", () => {
  for (const test of cases) {
    it(`${test.fn}(${test.types.map(typeName).join(", ")})${test.options ? ` ${JSON.stringify(test.options)}` : ""}`, async () => {
      const call = resolve(test.fn, test.types, test.options ?? {});
      const sql = aggregateFunction(test.fn).sql(
        test.types.map((_, i) => `c${i}`),
        call,
        context,
      );
      for (const rows of groups(test.types)) {
        await makeTable(connection, "g", test.types, rows);
        const theirs = await overTable(sql);
        const ours = reference(test.fn, rows, call);
        const same = ours.failed === theirs.failed && close(test.fn, ours.value, theirs.value);
        expect({ rows: same ? [] : rows, sql, ours: same ? 0 : ours, theirs: same ? 0 : theirs }).toEqual({
          rows: [],
          sql,
          ours: 0,
          theirs: 0,
        });
      }
    });
  }

  it("has a case for every aggregate", () => {
    const tested = new Set(cases.map((test) => test.fn));
    expect(aggregateNames().filter((name) => !tested.has(name))).toEqual([]);
  });
});

/** The state of one partition, computed by the definitions as they are documented. */
function state(fn: string, rows: readonly (readonly Value[])[], call: CallTypes): Value[] {
  const values = rows.map(([v]) => v ?? null).filter((v) => v !== null);
  const counted = BigInt(values.length);
  const evaluate = (name: string): Value => aggregateFunction(name).evaluate(rows, resolve(name, call.args, call.options));
  const total = (): Value =>
    values.length === 0
      ? null
      : typeof values[0] === "number" && /float/.test(call.args[0]?.kind ?? "")
        ? evaluate("sum")
        : values.reduce((a: bigint, v) => a + BigInt(v as number), 0n);
  switch (fn) {
    case "sum":
      return [total()];
    case "avg":
      return [total(), counted];
    case "first":
    case "last": {
      const at = fn === "first" ? 0 : rows.length - 1;
      return rows.length === 0 ? [null, null] : [rows[at]?.[0] ?? null, BigInt(at)];
    }
    case "argMin":
    case "argMax": {
      const value = evaluate(fn);
      const at = rows.findIndex(
        (row) =>
          row[0] === value &&
          row[1] !== null &&
          rows.every((other) => other[0] === null || other[1] === null || !before(fn, other[1] ?? null, row[1] ?? null)),
      );
      return at < 0 ? [null, null, null] : [rows[at]?.[0] ?? null, rows[at]?.[1] ?? null, BigInt(at)];
    }
    case "variance":
    case "variancePop":
    case "stddev":
    case "stddevPop": {
      const variance = aggregateFunction("variancePop").evaluate(rows, resolve("variancePop", call.args, {})) as number | null;
      const mean = aggregateFunction("avg").evaluate(rows, resolve("avg", call.args, {}));
      return [counted, mean ?? 0, (variance ?? 0) * values.length];
    }
    default:
      return [evaluate(fn)];
  }
}

const before = (fn: string, a: Value, b: Value): boolean =>
  fn === "argMin" ? (a as number) < (b as number) : (a as number) > (b as number);

describe("merging partial states gives the whole result", () => {
  const merged: Case[] = [
    { fn: "count", types: [types.utf8] },
    ...["sum", "avg", "min", "max", "variance", "stddevPop", "stddev", "variancePop"].flatMap((fn) =>
      [types.int32, types.int64, types.float64, types.decimal(5, 2)].map((t) => ({ fn, types: [t] })),
    ),
    ...["first", "last"].map((fn) => ({ fn, types: [types.utf8] })),
    ...["argMin", "argMax"].map((fn) => ({ fn, types: [types.utf8, types.int32] })),
    ...["boolAnd", "boolOr"].map((fn) => ({ fn, types: [types.bool] })),
  ];
  for (const test of merged) {
    it(`${test.fn}(${test.types.map(typeName).join(", ")})`, async () => {
      const call = resolve(test.fn, test.types, {});
      const { partial } = aggregateFunction(test.fn);
      if (partial === undefined) throw new Error("no partial");
      const stateTypes = partial.states(call);
      const rows = combinations(test.types, 40).filter((row) =>
        row.every(
          (v) =>
            (typeof v !== "number" || (Number.isFinite(v) && Math.abs(v) < 1e17)) &&
            (typeof v !== "bigint" || v * v < 10n ** 30n),
        ),
      );
      const cut = Math.floor(rows.length / 3);
      const parts = [rows.slice(0, cut), [], rows.slice(cut, 2 * cut), rows.slice(2 * cut)];
      await makeTable(
        connection,
        "g",
        stateTypes,
        parts.map((part) => state(test.fn, part, call)),
      );
      const theirs = await overTable(
        partial.merge(
          stateTypes.map((_, i) => `c${i}`),
          call,
          context,
        ),
      );
      const ours = reference(test.fn, rows, call);
      expect({ failed: theirs.failed, close: close(test.fn, ours.value, theirs.value), ours, theirs }).toMatchObject({
        failed: false,
        close: true,
      });
    });
  }
});
