import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { listColumn } from "../../../src/batch/lists.js";
import { columnReader } from "../../../src/batch/reader.js";
import { structColumn } from "../../../src/batch/structs.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { compileRows } from "../../../src/kernels/expressions/compile.js";
import { type DataType, parseType, type Schema, types } from "../../../src/schema/types.js";
import type { RowOp } from "../../../src/task/protocol.js";
import { columnOf } from "../../support/columns.js";

const inner = parseType("struct(x: int64)");
const type = parseType("struct(id: int32, name: utf8, in: struct(x: int64))");
const schema: Schema = [
  { name: "v", type: types.int32, nullable: true },
  { name: "s", type, nullable: true },
];
const v = columnOf(types.int32, [1, 2, 3, 4]);
const valid = Uint8Array.of(1, 0, 1, 1);
const byFields = structColumn(
  type,
  [
    columnOf(types.int32, [7, null, null, 9]),
    columnOf(types.utf8, ["a", null, "c", "d"]),
    structColumn(inner, [columnOf(types.int64, [5n, null, null, null])], Uint8Array.of(1, 0, 0, 1), 4),
  ],
  valid,
  4,
);
const objects = [
  { id: 7, name: "a", in: { x: 5n } },
  null,
  { id: null, name: "c", in: null },
  { id: 9, name: "d", in: { x: null } },
];
const byObjects = columnOf(type, objects);

const at = (index: number, of: DataType): Bound => ({ kind: "column", index, name: "", type: of, nullable: true });
const call = (fn: string, args: readonly Bound[], of: DataType, options = {}): Bound => {
  return { kind: "call", fn, args, options, type: of, nullable: true };
};
const field = (struct: Bound, name: string, of: DataType): Bound => call("field", [struct], of, { name });
const s = at(1, type);
const project = (...exprs: readonly Bound[]): RowOp => {
  return { kind: "project", columns: exprs.map((expr, i) => ({ name: `c${i}`, expr })) };
};

const chains: readonly (readonly [string, readonly RowOp[], readonly (readonly unknown[])[]])[] = [
  ["a field as it is", [project(field(s, "id", types.int32))], [[7], [null], [null], [9]]],
  [
    "a field of a field",
    [project(field(field(s, "in", inner), "x", types.int64), at(0, types.int32))],
    [
      [5n, 1],
      [null, 2],
      [null, 3],
      [null, 4],
    ],
  ],
  [
    "a struct of a struct, and a field computed with",
    [project(field(s, "in", inner), call("upper", [field(s, "name", types.utf8)], types.utf8))],
    [
      [{ x: 5n }, "A"],
      [null, null],
      [null, "C"],
      [{ x: null }, "D"],
    ],
  ],
  [
    "a filter alone",
    [{ kind: "filter", predicate: call("isNotNull", [field(s, "id", types.int32)], types.bool) }],
    [
      [1, objects[0]],
      [4, objects[3]],
    ],
  ],
  [
    "a field behind a projection",
    [
      { kind: "filter", predicate: call("isNotNull", [field(s, "name", types.utf8)], types.bool) },
      project(at(0, types.int32), s),
      project(field(s, "id", types.int32), field(s, "name", types.utf8)),
    ],
    [
      [7, "a"],
      [null, "c"],
      [9, "d"],
    ],
  ],
];

describe("fields of structs", () => {
  it.each(chains)("%s", async (_, ops, expected) => {
    const output = ops.reduce<Schema>(
      (before, op) =>
        op.kind === "filter" ? before : op.columns.map(({ name, expr }) => ({ name, type: expr.type, nullable: true })),
      schema,
    );
    for (const interpreted of [false, true]) {
      const kernel = await compileRows(ops, schema, output, { interpreted });
      // One kernel sees batches of both kinds.
      for (const struct of [byFields, byObjects, byFields]) {
        const source: Batch = { schema, length: 4, columns: [v, struct], selection: null, origin: null };
        const { batch } = kernel.run(source, () => expect.fail("a row failed"));
        const readers = batch.columns.map(columnReader);
        const rows = [...(batch.selection ?? [0, 1, 2, 3])].map((row) => readers.map((read) => read(row)));
        expect(rows).toEqual(expected);
        expect(batch.columns).toHaveLength(output.length);
      }
    }
  });
});

it("asks no list for its arrays that is only looked at for nulls", async () => {
  const list = parseType("list(int32)");
  const items = columnOf(types.int32, [1, 2, 3]);
  const tags = listColumn(
    list,
    { starts: Int32Array.of(0, 2, 2), ends: Int32Array.of(2, 2, 3), items },
    Uint8Array.of(1, 0, 1),
    3,
  );
  const unread = new Proxy(tags, {
    get: (target, key) => (key === "values" ? expect.fail("arrays were made") : Reflect.get(target, key)),
  });
  const own: Schema = [{ name: "t", type: list, nullable: true }];
  const test = call("isNotNull", [at(0, list)], types.bool);
  const kernel = await compileRows([{ kind: "filter", predicate: test }], own, own, { interpreted: false });
  const { batch } = kernel.run({ schema: own, length: 3, columns: [unread], selection: null, origin: null }, () => expect.fail());
  expect([...(batch.selection ?? [])]).toEqual([0, 2]);
});
