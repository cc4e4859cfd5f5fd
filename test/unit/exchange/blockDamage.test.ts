import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { BlockFile, BlockFileWriter } from "../../../src/exchange/blockFile.js";
import { columnParts } from "../../../src/exchange/blockParts.js";
import { ReadMemory } from "../../../src/exchange/readMemory.js";
import type { Schema } from "../../../src/schema/types.js";
import { types } from "../../../src/schema/types.js";
import { textColumn } from "../../support/columns.js";

const root = mkdtempSync(join(tmpdir(), "millrace-blocks-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const schema: Schema = [
  { name: "id", type: types.int64, nullable: false },
  { name: "name", type: types.utf8, nullable: true },
];
const rows = 7000;

function columns(): Column[] {
  const values = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  const text = Array.from({ length: rows }, (_, i) => `n${i % 100}`);
  const valid = Uint8Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? 0 : 1));
  return [
    { layout: "fixed", type: types.int64, length: rows, values, valid: null },
    { ...textColumn(text), valid },
  ];
}

/** Every row: of the first block in slices that begin and end anywhere in a page, of the others in one; a new path each time, so that nothing is known of it. */
let copies = 0;
function readAll(bytes: Uint8Array): string {
  const path = join(root, `copy-${copies++}.blocks`);
  writeFileSync(path, bytes);
  const file = new BlockFile(path);
  const seen: string[] = [];
  try {
    for (const block of file.blocks) {
      const slice = block === file.blocks[0] ? 700 : block.rows;
      for (let from = 0; from < block.rows; from += slice) {
        const to = Math.min(block.rows, from + slice);
        const [id, name] = file.read(block, from, to, new ReadMemory());
        if (id?.layout !== "fixed" || name?.layout !== "bytes") throw new TypeError("another layout");
        for (let i = 0; i < to - from; i++) {
          const text = Buffer.from(name.bytes.subarray(name.starts[i], name.ends[i])).toString();
          seen.push(`${id.values[i]} ${name.valid?.[i] === 0 ? null : text}`);
        }
      }
    }
  } finally {
    file.close();
    rmSync(path);
  }
  return seen.join("\n");
}

const emptyPart = { values: new Uint8Array(0), offsets: null, valid: null };

const path = join(root, "whole.blocks");
const writer = new BlockFileWriter(path);
writer.write(schema, rows, [0, rows], columns().map(columnParts));
writer.write(schema, rows, [0, rows], columns().map(columnParts));
writer.finish();
const whole = readFileSync(path);
const one = Array.from({ length: rows }, (_, i) => `${i} ${i % 7 === 0 ? null : `n${i % 100}`}`);

it("reads any rows of a file that is whole", () => expect(readAll(whole)).toBe([...one, ...one].join("\n")));

it("takes no changed bit for data, wherever it is", { timeout: 180_000 }, () => {
  // Every byte near the borders of pages and in the footer, and some of all others.
  const places = Array.from(whole.keys()).filter((at) => at % 211 === 0 || at % 8192 < 3 || at > whole.length - 40);
  for (const at of places) {
    const damaged = Uint8Array.from(whole);
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    let outcome = "";
    try {
      outcome = readAll(damaged) === readAll(whole) ? "the right rows" : "wrong rows";
    } catch (error) {
      outcome = (error as { code: string }).code;
    }
    expect(outcome, `byte ${at} of ${whole.length}`).toBe("SCRATCH_DAMAGED");
  }
});

it("says of a file that was cut what it is", () => {
  for (const length of [0, 5, 24, 8192, 9000, whole.length - 30, whole.length - 1]) {
    const cut = join(root, `cut-${length}.blocks`);
    writeFileSync(cut, whole);
    truncateSync(cut, length);
    expect(() => new BlockFile(cut)).toThrow(expect.objectContaining({ code: "SCRATCH_DAMAGED", place: { file: cut } }));
  }
});

it("reads nothing of blocks that nobody asks for", () => {
  const path = join(root, "many.blocks");
  const many = new BlockFileWriter(path);
  const blocks = 500;
  for (let i = 0; i < blocks; i++) {
    many.write(schema, 0, [0, 0], [emptyPart, { ...emptyPart, offsets: new Uint8Array(4) }]);
    if (i % 5 === 4) many.endGroup();
  }
  many.finish();
  const bytes = readFileSync(path);
  // The text of the last block; before it stand some 40 kB of texts, behind it the footer.
  const at = bytes.lastIndexOf(Buffer.from(`{"schema":0,"rows":0`));
  expect(at).toBeGreaterThan(3 * 8192);
  bytes[at] = 0;
  const changed = join(root, "many-changed.blocks");
  writeFileSync(changed, bytes);
  const file = new BlockFile(changed);
  expect(file.group(0)).toEqual({ from: 0, to: 5 });
  expect(file.group(blocks / 5 - 1)).toEqual({ from: blocks - 5, to: blocks });
  expect(file.block(7).rows).toBe(0);
  const damaged = expect.objectContaining({ code: "SCRATCH_DAMAGED" });
  expect(() => file.block(blocks - 1)).toThrow(damaged);
  expect(() => file.blocks).toThrow(damaged);
  file.close();
});
