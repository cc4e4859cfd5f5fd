import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { BytesColumn, Column } from "../../../src/batch/column.js";
import { gatherColumn } from "../../../src/batch/gather.js";
import { BlockFileWriter } from "../../../src/exchange/blockFile.js";
import { columnParts } from "../../../src/exchange/blockParts.js";
import { heavyKey } from "../../../src/exchange/heavyKey.js";
import type { BoundNamed } from "../../../src/expr/nodes.js";
import { WordGroupTable } from "../../../src/kernels/groups/groupTable.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { textColumn } from "../../support/columns.js";

const root = mkdtempSync(join(tmpdir(), "millrace-heavy-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const keys = [
  { name: "shop", expr: { type: types.utf8, nullable: false } },
  { name: "day", expr: { type: types.int32, nullable: true } },
] as unknown as readonly BoundNamed[];
const schema: Schema = [{ name: "__rows", type: types.binary, nullable: false }];

/** One row a key `s0, s1, …`, each with its number as `day`, that of the first null. */
function packed(count: number): BytesColumn {
  const names = Array.from({ length: count }, (_, i) => `s${i}`);
  const columns: Column[] = [
    textColumn(names),
    {
      layout: "fixed",
      type: types.int32,
      length: count,
      values: Int32Array.from({ length: count }, (_, i) => i),
      valid: Uint8Array.from({ length: count }, (_, i) => (i === 0 ? 0 : 1)),
    },
  ];
  const table = new WordGroupTable(keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable })));
  table.assign(columns, null, count);
  const all = new Int32Array(count).map((_, i) => i);
  const copy = gatherColumn(table.packedKeys(), all);
  table.free();
  if (copy.layout !== "bytes") throw new TypeError("another layout");
  return copy;
}

/** A file with a bucket for each list of key numbers. */
function write(name: string, buckets: readonly (readonly number[])[]): string {
  const path = join(root, name);
  const rows = buckets.flat();
  const bounds = [0, ...buckets.map((_, i) => buckets.slice(0, i + 1).flat().length)];
  const writer = new BlockFileWriter(path);
  writer.write(schema, rows.length, bounds, [columnParts(gatherColumn(packed(5000), Int32Array.from(rows)))]);
  writer.finish();
  return path;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const times = (key: number, count: number): number[] => Array.from({ length: count }, () => key);

it("names the key that most rows of the buckets have, with its share", () => {
  // Bucket 1: in the one file 1000 of key 7 among 3000, in the other 500 among 1000.
  const paths = [
    write("a", [range(0, 900), [...range(1000, 2000), ...times(7, 1000), ...range(2000, 3000)]]),
    write("b", [times(3, 5000), [...times(7, 500), ...range(3000, 3500)]]),
  ];
  const part = { kind: "buckets", file: 0, from: 1, to: 2 } as const;
  expect(heavyKey(paths, part, keys)).toEqual({ text: 'shop = "s7", day = 7', share: 1500 / 4000 });
  expect(heavyKey(paths, { ...part, from: 0, to: 1 }, keys)).toEqual({ text: 'shop = "s3", day = 3', share: 5001 / 5900 });
});

it("names nulls as such, and none where all keys are as good as even", () => {
  const part = { kind: "buckets", file: 0, from: 0, to: 1 } as const;
  expect(heavyKey([write("c", [times(0, 3)])], part, keys)).toEqual({ text: 'shop = "s0", day is null', share: 1 });
  expect(heavyKey([write("d", [range(0, 5000)])], part, keys)).toBeNull();
  expect(heavyKey([write("e", [[]])], part, keys)).toBeNull();
  expect(heavyKey([], part, keys)).toBeNull();
});
