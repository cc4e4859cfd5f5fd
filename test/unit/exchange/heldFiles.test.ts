import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { BlockFile } from "../../../src/exchange/blockFile.js";
import { planBuckets } from "../../../src/exchange/bucketReader.js";
import { exchangeWriter } from "../../../src/exchange/codec.js";
import { HoldingBudget, heldAmong, heldBytes, heldFile, holdFile, releaseFiles } from "../../../src/exchange/heldFiles.js";
import { readBlocks } from "../../../src/exchange/openPart.js";
import { openRange } from "../../../src/exchange/rangeReader.js";
import { ReadMemory } from "../../../src/exchange/readMemory.js";
import { planRuns } from "../../../src/exchange/runRanges.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-held-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const schema: Schema = [
  { name: "key", type: types.binary, nullable: false },
  { name: "text", type: types.utf8, nullable: true },
  { name: "wide", type: types.decimal(30, 2), nullable: true },
  { name: "real", type: types.float64, nullable: true },
];

const rows: Value[][] = Array.from({ length: 300 }, (_, i) => [
  Buffer.from(String(i).padStart(4, "0")),
  i % 7 === 0 ? null : "ä".repeat(i % 5),
  -(10n ** 20n) * BigInt(i),
  i === 3 ? null : i / 3,
]);

function batchOf(some: readonly (readonly Value[])[]): Batch {
  const columns = schema.map((field, i) => {
    const builder = builderFor(field.type);
    for (const row of some) builder.append(row[i] ?? null);
    return builder.finish();
  });
  return { schema, length: some.length, columns, selection: null, origin: null };
}

const rowsOf = (batch: Batch): Value[][] => {
  const readers = batch.columns.map(columnReader);
  return Array.from({ length: batch.length }, (_, row) =>
    readers.map((read) => {
      const value = read(row);
      return value instanceof Uint8Array ? Buffer.from(value) : value;
    }),
  );
};

/** Writes the rows in blocks of 100; what is held is held from then on. */
function write(name: string, budget: HoldingBudget | null): FileWritten {
  const writer = exchangeWriter(schema, join(folder, name), "blocks", budget);
  for (let at = 0; at < rows.length; at += 100) writer.write(batchOf(rows.slice(at, at + 100)));
  const [file] = writer.finish() as readonly FileWritten[];
  if (file === undefined) throw new Error("no file");
  if (file.held !== undefined) holdFile(file.path, file.held);
  return file;
}

const budgetOf = (bytes: number): HoldingBudget => new HoldingBudget(HoldingBudget.of(bytes));

describe("block files in memory", () => {
  it("give back the same rows as files, without there being one", () => {
    const held = write("a.blocks", budgetOf(2 ** 20));
    const written = write("b.blocks", null);
    expect(existsSync(held.path)).toBe(false);
    expect(held.rows).toBe(300);
    expect([...readBlocks([held.path])].flatMap(rowsOf)).toEqual(rows);
    expect([...readBlocks([written.path])].flatMap(rowsOf)).toEqual(rows);
    const open = new BlockFile(held.path);
    const second = open.blocks[1];
    if (second === undefined) throw new Error("no block");
    const part = open.read(second, 30, 60, new ReadMemory());
    expect(rowsOf({ schema, length: 30, columns: part, selection: null, origin: null })).toEqual(rows.slice(130, 160));
    // Read once more: nothing was written to what is shared.
    const again = open.read(second, 30, 60, new ReadMemory());
    expect(rowsOf({ schema, length: 30, columns: again, selection: null, origin: null })).toEqual(rows.slice(130, 160));
    open.close();
    releaseFiles([held.path]);
    expect(heldFile(held.path)).toBeNull();
  });

  it("are cut into tasks as files are", () => {
    const held = write("c.blocks", budgetOf(2 ** 20));
    const written = write("d.blocks", null);
    expect(planBuckets([held.path])).toEqual(planBuckets([written.path]));
    expect(planRuns([held.path])).toEqual(planRuns([written.path]));
    const reader = openRange([held.path], schema.slice(1), { from: Buffer.from("0010").toString("hex"), to: null });
    const first = reader.next() as Batch;
    expect(rowsOf(first)).toEqual(rows.slice(10).map((row) => row.slice(1)));
    reader.close();
    releaseFiles([held.path]);
  });

  it("hand out rows that a caller keeps in memory of its own", () => {
    const held = write("e.blocks", budgetOf(2 ** 20));
    for (const { columns } of readBlocks([held.path])) {
      for (const column of columns) {
        if (column.layout === "object") throw new Error("nothing is nested");
        const bytes = column.layout === "bytes" ? column.bytes : column.values;
        expect(bytes.buffer).not.toBeInstanceOf(SharedArrayBuffer);
      }
    }
    releaseFiles([held.path]);
  });

  it("go to the disk once the budget is used up, with what was held before", () => {
    const shared = HoldingBudget.of(12_000);
    const file = write("f.blocks", new HoldingBudget(shared));
    expect(file.held).toBeUndefined();
    expect(file.checksum).toMatch(/^[0-9a-f]{8}$/);
    expect([...readBlocks([file.path])].flatMap(rowsOf)).toEqual(rows);
    // What it had taken is there for others.
    expect(new HoldingBudget(shared).take(8192)).toBe(true);
  });

  it("give what they took back to the budget", () => {
    const shared = HoldingBudget.of(2 ** 20);
    const file = write("g.blocks", new HoldingBudget(shared));
    if (file.held === undefined) throw new Error("it fits");
    expect(heldBytes(file.held)).toBeGreaterThan(1000);
    expect(new HoldingBudget(shared).take(2 ** 20)).toBe(false);
    new HoldingBudget(shared).giveFile(file.held);
    expect(new HoldingBudget(shared).take(2 ** 20)).toBe(true);
    expect(heldAmong([file.path, "/nowhere"])).toEqual([[file.path, file.held]]);
    releaseFiles([file.path]);
  });

  it("leave nothing behind when they are given up", () => {
    const shared = HoldingBudget.of(2 ** 20);
    const writer = exchangeWriter(schema, join(folder, "h.blocks"), "blocks", new HoldingBudget(shared));
    writer.write(batchOf(rows));
    void writer.abort();
    expect(new HoldingBudget(shared).take(2 ** 20)).toBe(true);
    expect(existsSync(join(folder, "h.blocks"))).toBe(false);
  });
});
