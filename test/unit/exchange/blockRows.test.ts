import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { codesOf } from "../../../src/batch/coded.js";
import type { Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { strideOf } from "../../../src/batch/strided.js";
import { BlockFile, BlockFileWriter } from "../../../src/exchange/blockFile.js";
import type { Block } from "../../../src/exchange/blockFooter.js";
import { columnParts } from "../../../src/exchange/blockParts.js";
import { BlockRows } from "../../../src/exchange/blockRows.js";
import { HoldingBudget, holdFile, releaseFiles } from "../../../src/exchange/heldFiles.js";
import { createKernels } from "../../../src/kernels/wasm.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-block-rows-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wide = types.decimal(30, 2);
const schema: Schema = [
  { name: "key", type: types.binary, nullable: false },
  { name: "number", type: types.int16, nullable: true },
  { name: "wide", type: wide, nullable: true },
];

interface Rows {
  readonly of?: Schema;
  readonly keys: readonly string[];
  readonly numbers: readonly (number | null)[];
  readonly wides: readonly (bigint | null)[];
}

function columnOf(type: DataType, values: readonly Value[]): Column {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
}

/** A file with a block for each of these; keys of one length have no offsets there. */
function fileOf(name: string, blocks: readonly Rows[], budget: HoldingBudget | null): BlockFile {
  const writer = new BlockFileWriter(join(folder, name), {}, budget);
  for (const { of = schema, keys, numbers, wides } of blocks) {
    const [first = ""] = keys;
    const isOdd = keys.some((key) => key.length !== first.length);
    const strided = { values: Buffer.from(keys.join(""), "latin1"), offsets: null, stride: first.length, valid: null };
    const texts = columnParts(
      columnOf(
        types.binary,
        keys.map((key) => Buffer.from(key, "latin1")),
      ),
    );
    const values = [columnParts(columnOf(types.int16, numbers)), columnParts(columnOf(wide, wides))];
    writer.write(of, keys.length, [0, keys.length], [isOdd ? texts : strided, ...values]);
  }
  const file = writer.finish();
  if (file.held !== undefined) holdFile(file.path, file.held);
  return new BlockFile(file.path);
}

const blockOf = (file: BlockFile, index: number): Block => {
  const block = file.blocks[index];
  if (block === undefined) throw new Error("no block");
  return block;
};

const valuesOf = (columns: readonly Column[], length: number): unknown[][] =>
  columns.map((column) => {
    const read = columnReader(column);
    return Array.from({ length }, (_, row) => {
      const value = read(row);
      return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
    });
  });

/** A file of one block for each list of rows, in which texts are codes of `texts`. */
function codedFile(name: string, texts: readonly (string | null)[], blocks: readonly (readonly number[])[], wideCodes: boolean) {
  const writer = new BlockFileWriter(join(folder, name));
  const of: Schema = [
    { name: "number", type: types.int32, nullable: false },
    { name: "text", type: types.utf8, nullable: true },
  ];
  const list = columnOf(types.utf8, texts);
  if (list.layout !== "bytes") throw new Error("texts are bytes");
  for (const codes of blocks) {
    const numbers = columnParts(columnOf(types.int32, codes));
    const values = wideCodes ? new Uint8Array(Uint16Array.from(codes).buffer) : Uint8Array.from(codes);
    writer.write(of, codes.length, [0, codes.length], [numbers, { values, offsets: null, valid: null, texts: list }]);
  }
  return new BlockFile(writer.finish().path);
}

const textsIn = (rows: BlockRows): unknown[] => {
  const { rows: length } = rows;
  const [, texts] = rows.take();
  expect(codesOf(texts as Column)).not.toBeNull();
  return valuesOf([texts as Column], length)[0] ?? [];
};

for (const wideCodes of [false, true]) {
  describe(`codes of ${wideCodes ? 2 : 1} bytes`, () => {
    it("go behind those of another file where both mean the same texts", () => {
      const [a, b, c, d] = [
        codedFile(
          `a${wideCodes}`,
          ["x", null, "yy"],
          [
            [0, 1],
            [2, 2, 0],
          ],
          wideCodes,
        ),
        codedFile(`b${wideCodes}`, ["x", null, "yy"], [[1, 0, 2]], wideCodes),
        codedFile(`c${wideCodes}`, ["x", "", "yy"], [[1, 2]], wideCodes),
        codedFile(`d${wideCodes}`, ["x", null, "yy", "z"], [[3]], wideCodes),
      ];
      const rows = new BlockRows(createKernels("test"), 10);
      expect(rows.append(a, blockOf(a, 0), 0, 2)).toBe(true);
      expect(rows.append(a, blockOf(a, 1), 1, 3)).toBe(true);
      expect(rows.append(b, blockOf(b, 0), 0, 3)).toBe(true);
      expect(rows.append(c, blockOf(c, 0), 0, 2)).toBe(false);
      expect(rows.append(d, blockOf(d, 0), 0, 1)).toBe(false);
      expect(textsIn(rows)).toEqual(["x", null, "yy", "x", null, "x", "yy"]);
      expect(rows.append(c, blockOf(c, 0), 0, 2)).toBe(true);
      expect(textsIn(rows)).toEqual(["", "yy"]);
      expect(rows.append(d, blockOf(d, 0), 0, 1)).toBe(true);
      expect(textsIn(rows)).toEqual(["z"]);
      rows.free();
      for (const file of [a, b, c, d]) file.close();
    });
  });
}

const two: Rows = { keys: ["aa", "bb"], numbers: [1, 2], wides: [5n, 6n] };

for (const place of ["disk", "memory"] as const) {
  const budget = place === "disk" ? null : new HoldingBudget(HoldingBudget.of(2 ** 20));
  describe(`rows of blocks on ${place === "disk" ? "the disk" : "memory"}`, () => {
    it("stand in the order in which they were appended, with nulls where some had any", () => {
      const blocks: Rows[] = [
        two,
        { of: schema.slice(), keys: ["xx", "cc", "dd"], numbers: [7, null, 4], wides: [0n, -7n, null] },
        { keys: ["ee"], numbers: [9], wides: [10n] },
      ];
      const file = fileOf(`${place}-a`, blocks, budget);
      const rows = new BlockRows(createKernels(), 10);
      expect(rows.schema).toBeNull();
      expect(rows.append(file, blockOf(file, 0), 0, 2)).toBe(true);
      expect(rows.append(file, blockOf(file, 1), 1, 3)).toBe(true);
      expect(rows.append(file, blockOf(file, 2), 0, 1)).toBe(true);
      expect([rows.rows, rows.room]).toEqual([5, 5]);
      expect(rows.schema).toEqual(schema);
      const columns = rows.take();
      expect(strideOf(columns[0] as Column)).toBe(2);
      expect(valuesOf(columns, 5)).toEqual([
        ["aa", "bb", "cc", "dd", "ee"],
        [1, 2, null, 4, 9],
        [5n, 6n, -7n, null, 10n],
      ]);
      expect([rows.rows, rows.schema]).toEqual([0, null]);
      // The next batch has no nulls of the one before.
      expect(rows.append(file, blockOf(file, 0), 1, 2)).toBe(true);
      expect(valuesOf(rows.take(), 1)).toEqual([["bb"], [2], [6n]]);
      rows.free();
      file.close();
      releaseFiles([join(folder, `${place}-a`)]);
    });

    it("take nothing that a batch of would be too large", () => {
      const file = fileOf(`${place}-c`, [two], budget);
      const rows = new BlockRows(createKernels(), 2 ** 25);
      expect(rows.append(file, blockOf(file, 0), 0, 2)).toBe(false);
      rows.free();
      file.close();
      releaseFiles([join(folder, `${place}-c`)]);
    });

    it("take nothing that does not go behind what is there", () => {
      const other = schema.map((field) => ({ ...field, name: `${field.name}2` }));
      const blocks: Rows[] = [two, { ...two, keys: ["ccc", "ddd"] }, { ...two, of: other }, { ...two, keys: ["a", "longer"] }];
      const file = fileOf(`${place}-b`, blocks, budget);
      const rows = new BlockRows(createKernels(), 3);
      // Texts of different lengths are never taken.
      expect(rows.append(file, blockOf(file, 3), 0, 2)).toBe(false);
      expect(rows.append(file, blockOf(file, 0), 0, 2)).toBe(true);
      // Too many rows, longer keys, another form.
      expect(rows.append(file, blockOf(file, 0), 0, 2)).toBe(false);
      expect(rows.append(file, blockOf(file, 1), 0, 1)).toBe(false);
      expect(rows.append(file, blockOf(file, 2), 0, 1)).toBe(false);
      expect(valuesOf(rows.take(), 2)[0]).toEqual(["aa", "bb"]);
      expect(rows.append(file, blockOf(file, 1), 0, 1)).toBe(true);
      expect(valuesOf(rows.take(), 1)[0]).toEqual(["ccc"]);
      rows.free();
      file.close();
      releaseFiles([join(folder, `${place}-b`)]);
    });
  });
}
