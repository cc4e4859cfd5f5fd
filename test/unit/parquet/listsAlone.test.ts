import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { columnReader } from "../../../src/batch/reader.js";
import { openParquet } from "../../../src/io/parquet/parquetRead.js";
import { planParquet, resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import type { Value } from "../../../src/schema/types.js";
import { duckRows } from "./readers.js";

vi.mock("../../../src/io/parquet/parquetWasm.js", () => ({
  parquetWasm: () => {
    throw new Error("parquet-wasm was asked for");
  },
}));

const folder = mkdtempSync(join(tmpdir(), "parquet-alone-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("a file with lists is planned and read without parquet-wasm, in batches that hold their own items", async () => {
  const path = join(folder, "lists.parquet");
  const lists =
    "range(i % 5) AS l, list_transform(range(i % 3), lambda x: {'k': i::INT, 't': ['text ' || x]}) AS s, MAP {'k': i} AS m";
  await duckRows(`COPY (SELECT ${lists} FROM range(5000) r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  const spec = { format: "parquet", paths: [path], onReject: "fail", rejectLimits: {} } as const;
  const files = [{ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }];
  const { schema, rows } = await resolveParquet(spec, files);
  expect(rows).toBe(5000);
  const source = { spec, files, schema, partitionColumns: [], rows };
  const found: Value[][] = [];
  for (const part of await planParquet(source, 1)) {
    const reader = await openParquet({ source, schema }, part, { batchRows: 300, reject: () => {}, partition: 0 });
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const readers = batch.columns.map(columnReader);
      for (let row = 0; row < batch.length; row++) found.push(readers.map((read) => read(row)));
    }
    await reader.close();
  }
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  expect(found).toEqual(
    range(5000).map((i) => [
      range(i % 5).map(BigInt),
      range(i % 3).map((x) => ({ k: i, t: [`text ${x}`] })),
      [{ key: "k", value: BigInt(i) }],
    ]),
  );
});
