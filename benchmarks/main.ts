/** `npm run bench`: the kernels one by one, on batches of 65,536 rows. For whole jobs against other engines see native-bench/. */
import { Bench } from "tinybench";
import type { Batch } from "../dist/batch/column.js";
import type { RowOp } from "../dist/task/protocol.js";
import { compileRows } from "../dist/kernels/expressions/compile.js";
import { GroupTable } from "../dist/kernels/groups/hashTable.js";
import { hashRows } from "../dist/kernels/groups/hash.js";
import { snappyCompress } from "../dist/kernels/snappy.js";
import { types } from "../dist/schema/types.js";
import { expressionLoops } from "./expressions.ts";
import { mapLoops } from "./maps.ts";
import { call, column, field, float64Column, int32Column, rows, textColumn } from "./batches.ts";

const bench = new Bench({ time: 250, warmupTime: 100 });

for (const different of [200, 50_000]) {
  const keys = textColumn(different);
  bench.add(`group by text, ${different} keys`, () => {
    new GroupTable([types.utf8]).assign([keys], null, rows);
  });
}
const numbers = int32Column(1_000);
bench.add("group by int32, 1000 keys", () => {
  new GroupTable([types.int32]).assign([numbers], null, rows);
});
const hashed = textColumn(50_000);
bench.add("hash text", () => {
  hashRows([hashed], null, rows);
});

const schema = [field("quantity", types.int32), field("price", types.float64)];
const quantity = column(0, "quantity", types.int32);
const price = column(1, "price", types.float64);
const zero = { kind: "literal", value: 0, type: types.int32, nullable: false } as const;
const total = call(
  "mul",
  types.float64,
  { kind: "cast", input: quantity, safe: false, type: types.float64, nullable: false },
  price,
);
const ops: readonly RowOp[] = [
  { kind: "filter", predicate: call("gt", types.bool, quantity, zero) },
  { kind: "project", columns: [{ name: "total", expr: total }] },
];
const batch: Batch = { schema, length: rows, columns: [int32Column(11), float64Column()], selection: null, origin: null };
const output = [field("total", types.float64)];
for (const interpreted of [false, true]) {
  const kernel = await compileRows(ops, schema, output, { interpreted });
  bench.add(`filter and multiply, ${interpreted ? "interpreted" : "generated"}`, () => {
    kernel.run(batch, () => undefined);
  });
}

const page = textColumn(5_000).bytes;
bench.add("snappy, 512 KiB of text", () => {
  snappyCompress([page]);
});

for (const [name, run] of await expressionLoops()) bench.add(name, run);
for (const [name, run] of await mapLoops()) {
  bench.add(name, async () => {
    await run();
  });
}

await bench.run();
for (const task of bench.tasks) {
  const result = task.result;
  if (!("latency" in result)) {
    process.stdout.write(`${task.name.padEnd(40)} failed: ${"error" in result ? String(result.error) : "no result"}\n`);
    process.exitCode = 1;
    continue;
  }
  const milliseconds = result.latency.p50;
  const rate = `${(rows / milliseconds / 1000).toFixed(1)} M rows/s`;
  process.stdout.write(
    `${task.name.padEnd(40)} ${rate.padStart(16)} ${((milliseconds * 1e6) / rows).toFixed(1).padStart(8)} ns/row\n`,
  );
}
