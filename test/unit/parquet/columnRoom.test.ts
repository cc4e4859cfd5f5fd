import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { columnReader } from "../../../src/batch/reader.js";
import { openReader, planPartitions, resolveSource } from "../../../src/io/sources.js";
import { ColumnRoom } from "../../../src/io/parquet/parquetColumnRoom.js";
import { magnitudeOf, noteMagnitude } from "../../../src/kernels/magnitude.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-room-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("memory is used again for what is about as large, and nothing is known of what stands there then", () => {
  const room = new ColumnRoom();
  const first = room.array(BigInt64Array, 9000);
  noteMagnitude(first, 3);
  const beside = room.array(Int32Array, 9000);
  expect(beside.buffer).not.toBe(first.buffer);
  room.reuse();
  const next = room.array(BigInt64Array, 8500);
  expect([next.buffer === first.buffer, next.length, magnitudeOf(next)]).toEqual([true, 8500, null]);
  expect(room.array(Float64Array, 900_000).length).toBe(900_000);
  room.close();
  const later = new ColumnRoom();
  expect(later.array(Float64Array, 9000).buffer).toBe(first.buffer);
  later.close();
});

it("batches that must stay what they are do so", async () => {
  const path = join(folder, "kept.parquet");
  const select = "SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 5 END AS few, 't' || i AS text FROM range(9000) t(i)";
  await duckRows(`COPY (${select}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  const spec = { format: "parquet", paths: [path], onReject: "fail", rejectLimits: {} } as const;
  const source = await resolveSource(spec);
  const [part, ...others] = await planPartitions(source, 2 ** 30);
  if (part === undefined || others.length > 0) throw new Error("one partition was expected");
  const reject = () => undefined;
  const reader = await openReader({ source, schema: source.schema }, part, {
    batchRows: 8192,
    partition: 0,
    reject,
    keeps: true,
  });
  const batches = [];
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) batches.push(batch);
  await reader.close();
  const rows = batches.flatMap(({ columns, length }) => {
    const values = columns.map(columnReader);
    return Array.from({ length }, (_, row) => values.map((value) => value(row)));
  });
  const expected = Array.from({ length: 9000 }, (_, i) => [BigInt(i), i % 7 === 0 ? null : BigInt(i % 5), `t${i}`]);
  expect(batches.length).toBeGreaterThan(2);
  expect(rows).toEqual(expected);
});
