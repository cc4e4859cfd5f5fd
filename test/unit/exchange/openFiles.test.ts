import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { BlockFile, BlockFileWriter } from "../../../src/exchange/blockFile.js";
import { columnParts } from "../../../src/exchange/blockParts.js";
import { openBeside } from "../../../src/exchange/openBeside.js";
import { planRuns } from "../../../src/exchange/runRanges.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { openFilesBelow } from "../../support/openFiles.js";

/** No file of the scratch folder stays open where another one, or a later part of it, is damaged. */
const root = mkdtempSync(join(tmpdir(), "millrace-open-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema: Schema = [{ name: "__order", type: types.binary, nullable: false }];

/** A sorted file of `rows` keys. */
function sorted(name: string, rows: number): string {
  const path = join(root, name);
  const keys: Column = {
    layout: "bytes",
    type: types.binary,
    length: rows,
    bytes: Buffer.from(Array.from({ length: rows }, (_, i) => String(i).padStart(8, "0")).join("")),
    starts: Int32Array.from({ length: rows }, (_, i) => i * 8),
    ends: Int32Array.from({ length: rows }, (_, i) => i * 8 + 8),
    valid: null,
  };
  const writer = new BlockFileWriter(path);
  writer.write(schema, rows, [0, rows], [columnParts(keys)]);
  writer.finish();
  return path;
}

function damage(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

const openFiles = () => openFilesBelow(root);

it.runIf(process.platform === "linux")("where keys are damaged that ranges are planned by", () => {
  const path = sorted("keys.blocks", 3000);
  damage(path, 12_000);
  expect(() => planRuns([path])).toThrow("was changed after it was written");
  expect(openFiles()).toEqual([]);
});

it.runIf(process.platform === "linux")("where one of several files is damaged", () => {
  const [first, second, third] = ["a", "b", "c"].map((name) => sorted(`${name}.blocks`, 100));
  damage(third ?? "", 3);
  const other = new BlockFile(first ?? "");
  expect(() => openBeside(other, [second ?? "", third ?? ""], (path) => new BlockFile(path))).toThrow(
    "was changed after it was written",
  );
  expect(openFiles()).toEqual([]);
});
