/** `map`, `flatMap` and `mapBatches` functions over one batch. */
import type { Batch } from "../dist/batch/column.js";
import type { FunctionRef } from "../dist/expr/nodes.js";
import type { Operator } from "../dist/operators/operator.js";
import { createOperator } from "../dist/operators/createOperator.js";
import { type Schema, types } from "../dist/schema/types.js";
import { field, float64Column, int32Column, rows, textColumn } from "./batches.ts";

const schema: Schema = [
  field("customer_id", types.utf8),
  field("quantity", types.int32),
  field("unit_price", types.float64),
  field("store_id", types.utf8),
];
const batch: Batch = {
  schema,
  length: rows,
  columns: [textColumn(50_000), int32Column(11), float64Column(), textColumn(200)],
  selection: null,
  origin: null,
};
const total = field("total", types.float64);

const functions: readonly (readonly [name: string, op: "map" | "flatMap" | "mapBatches", source: string, output: Schema])[] = [
  ["map of two numbers", "map", "(row) => ({ total: row.quantity * row.unit_price })", [total]],
  ["map of a text", "map", "(row) => ({ id: row.customer_id.toLowerCase() })", [field("id", types.utf8)]],
  ["map with a spread", "map", "(row) => ({ ...row, total: row.quantity * row.unit_price })", [...schema, total]],
  ["map with rest", "map", "({ store_id, ...rest }) => ({ ...rest, total: 1 })", [...schema.slice(0, 3), total]],
  ["flatMap", "flatMap", "(row) => row.quantity > 5 ? [{ total: row.unit_price }] : []", [total]],
  [
    "mapBatches of two numbers",
    "mapBatches",
    `({ length, columns: { quantity, unit_price } }) => {
      const total = new Float64Array(length);
      for (let i = 0; i < length; i++) total[i] = quantity[i] * unit_price[i];
      return { length, columns: { total } };
    }`,
    [total],
  ],
];

/** Each function's name and its operator over the batch. */
export async function mapLoops(): Promise<readonly (readonly [string, () => unknown])[]> {
  const loops: (readonly [string, () => unknown])[] = [];
  for (const [name, op, source, output] of functions) {
    const fn: FunctionRef = { kind: "source", name: "f", source, captured: {}, hash: source };
    const context = {
      interpreted: false,
      partition: 0,
      reject: (_batch: Batch, _row: number, failure: { readonly message: string }) => {
        throw new Error(`${name}: ${failure.message}`);
      },
    };
    const operator: Operator = await createOperator({ op, input: -1, name, fn, schema: output }, schema, context);
    loops.push([name, () => operator.push(batch)]);
  }
  return loops;
}
