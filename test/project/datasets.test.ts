import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCustomers } from "../../datasets/customers.js";
import { type SalesOptions, writeSales } from "../../datasets/sales.js";

const root = resolve(import.meta.dirname, "../..");
const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-datasets-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, options: Partial<SalesOptions> = {}) =>
  writeSales({
    rows: 5_000,
    seed: 42,
    days: 3,
    customers: 500,
    dirt: 0,
    format: "csv",
    pathOf: () => join(folder, name),
    ...options,
  });

async function rowOf(sql: string): Promise<number[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const [row = []] = (await connection.runAndReadAll(sql)).getRows();
    return row.map(Number);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const columns = `columns = { transaction_id: 'VARCHAR', customer_id: 'VARCHAR', product_id: 'VARCHAR', quantity: 'INTEGER',
  unit_price: 'DOUBLE', transaction_date: 'TIMESTAMP', store_id: 'VARCHAR' }`;

describe("the generator", () => {
  it("gives the same bytes for the same seed, and others for another", () => {
    write("a.csv", { dirt: 1 });
    write("b.csv", { dirt: 1 });
    write("c.csv", { dirt: 1, seed: 43 });
    expect(digest(join(folder, "a.csv"))).toBe(digest(join(folder, "b.csv")));
    expect(digest(join(folder, "c.csv"))).not.toBe(digest(join(folder, "a.csv")));
  });

  it("made the committed sample", async () => {
    writeSales({
      rows: 20_000,
      seed: 42,
      days: 3,
      customers: 2_000,
      dirt: 0,
      format: "csv",
      pathOf: (day) => join(folder, `day-${day}.csv`),
    });
    const days = readdirSync(join(root, "datasets/sales"));
    expect(days).toEqual(["2026-01-01.csv", "2026-01-02.csv", "2026-01-03.csv"]);
    for (const day of days) expect(digest(join(folder, `day-${day}`))).toBe(digest(join(root, "datasets/sales", day)));
    await writeCustomers(join(folder, "customers.parquet"), 2_000);
    expect(digest(join(folder, "customers.parquet"))).toBe(digest(join(root, "datasets/customers.parquet")));
  });

  it("counts what it wrote as another reader does", async () => {
    const written = write("clean.csv");
    const found = await rowOf(`select count(*), count(*) filter (where quantity <= 0), count(distinct transaction_id)
      from read_csv('${join(folder, "clean.csv")}', header = true, ${columns})`);
    expect(found).toEqual([5_000, written.notPositive, 5_000]);
  });

  it("mixes in dirt at its stated rates, and counts the unreadable rows right", async () => {
    const written = write("dirty.csv", { rows: 20_000, dirt: 10 });
    const { badNumber, badDate, missingField, extraField, emptyCustomer, duplicateKey } = written.dirt;
    const unreadable = badNumber + badDate + missingField + extraField;
    // The counts at the end make the reader look at every typed column; it judges none that nobody asks for.
    const found =
      await rowOf(`select count(*), count(*) filter (where customer_id is null), count(*) - count(distinct transaction_id),
        count(quantity), count(unit_price), count(transaction_date), count(store_id)
      from read_csv('${join(folder, "dirty.csv")}', header = true, auto_detect = false, ignore_errors = true, quote = '"', escape = '"',
        delim = ',', ${columns})`);
    expect(found[0]).toBe(20_000 - unreadable);
    expect(found[1]).toBe(emptyCustomer);
    expect(found[2]).toBeLessThanOrEqual(duplicateKey);
    expect(unreadable / 20_000).toBeGreaterThan(0.02);
    expect(unreadable / 20_000).toBeLessThan(0.03);
    for (const [kind, count] of Object.entries(written.dirt)) expect(count, kind).toBeGreaterThan(0);
  });

  it("writes the same sales as JSON lines", async () => {
    write("same.csv");
    write("same.jsonl", { format: "jsonl" });
    const json = `read_json('${join(folder, "same.jsonl")}', format = 'newline_delimited', ${columns})`;
    const csv = `read_csv('${join(folder, "same.csv")}', header = true, ${columns})`;
    expect(await rowOf(`select count(*) from (from ${json} except all from ${csv})`)).toEqual([0]);
    expect(await rowOf(`select count(*) from ${json}`)).toEqual([5_000]);
  });
});
