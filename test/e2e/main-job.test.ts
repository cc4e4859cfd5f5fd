import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const sales = join(root, "datasets/sales/*.csv");
const customers = join(root, "datasets/customers.parquet");

/** The job said again as plain SQL: the oracle. */
const sold = `
  select s.customer_id, quantity, case when quantity > 5 then quantity * unit_price * 0.9::double else quantity * unit_price end as total,
    transaction_date::date as sale_date, coalesce(segment, 'Unknown') as segment, coalesce(region, 'Unknown') as region
  from read_csv('${sales}', header = true, columns = { transaction_id: 'VARCHAR', customer_id: 'VARCHAR', product_id: 'VARCHAR',
    quantity: 'INTEGER', unit_price: 'DOUBLE', transaction_date: 'TIMESTAMP', store_id: 'VARCHAR' }) s
  left join read_parquet('${customers}') c on s.customer_id = c.customer_id
  where quantity > 0`;
const expectedDaily = `select sale_date, year(sale_date)::bigint as year, month(sale_date)::bigint as month, region, sum(total) as revenue,
  count(*)::bigint as transactions, sum(total) / count(*) as average_value, sum(quantity)::bigint as units,
  (count(*) filter (where total >= 200))::bigint as large_sales from (${sold}) group by all order by sale_date, region`;
const expectedCustomers = `select customer_id, segment, region, sum(total) as revenue, count(*)::bigint as transactions,
  sum(quantity)::bigint as units, max(sale_date) as last_sale from (${sold}) group by all order by customer_id, segment, region`;

type Cell = string | number | bigint | boolean | null;
type Rows = readonly (readonly Cell[])[];

let folder = "";
let connection: DuckDBConnection;
let instance: DuckDBInstance;
/** Output folder by number of workers. */
const outputs = new Map<number, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-main-job-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
  const { Engine } = await import("millrace");
  const { default: dailySales } = await import("../../examples/daily-sales.js");
  for (const workers of [1, 2, 3]) {
    const out = join(folder, `workers-${workers}`);
    const engine = await Engine.create({ workers, memory: "512MB", stateDir: join(folder, `state-${workers}`) });
    try {
      const result = await engine.run(dailySales({ sales, customers, out })).result;
      expect(result.status).toBe("success");
    } finally {
      await engine.close();
    }
    outputs.set(workers, out);
  }
}, 360_000);

afterAll(() => {
  connection?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

async function rowsOf(sql: string): Promise<Rows> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson().map((row) => row.map((cell) => cell as Cell));
}

/** Equal cell by cell; doubles up to rounding, because a sum in another order differs in its last digits. */
function expectSameRows(found: Rows, expected: Rows): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((row, i) => {
    row.forEach((cell, j) => {
      const other = found[i]?.[j];
      const near = typeof cell === "number" && typeof other === "number" && Math.abs(cell - other) <= 1e-9 * Math.abs(cell);
      if (!near) expect(other, `row ${i}, column ${j}`).toEqual(cell);
    });
  });
}

const filesOf = (out: string): string[] =>
  readdirSync(out, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".parquet"))
    .sort();

describe("the main job on the sample", () => {
  it("gives every daily row that plain SQL gives", async () => {
    const daily = `read_parquet('${outputs.get(2)}/daily/**/*.parquet', hive_partitioning = true, hive_types = {'sale_date': DATE})`;
    const found =
      await rowsOf(`select sale_date, year::bigint, month::bigint, region, revenue, transactions::bigint, average_value,
      units::bigint, large_sales::bigint from ${daily} order by sale_date, region`);
    const expected = await rowsOf(expectedDaily);
    expect(expected.length).toBe(18);
    expectSameRows(found, expected);
  });

  it("gives every customer row that plain SQL gives", async () => {
    const found = await rowsOf(`select customer_id, segment, region, revenue, transactions::bigint, units::bigint, last_sale
      from read_parquet('${outputs.get(2)}/customers/**/*.parquet') order by customer_id, segment, region`);
    expectSameRows(found, await rowsOf(expectedCustomers));
  });

  it("covers what the job is about: unknown customers and filtered rows occur in the sample", async () => {
    const [row] = await rowsOf(`select count(*) filter (where segment = 'Unknown'), count(*) from (${sold})`);
    expect(Number(row?.[0])).toBeGreaterThan(0);
    expect(Number(row?.[1])).toBeLessThan(20_000);
  });

  it.each([1, 3])("writes the same files, byte for byte, with %i workers as with 2", (workers) => {
    const reference = outputs.get(2) ?? "";
    const other = outputs.get(workers) ?? "";
    const digest = (out: string) =>
      filesOf(out).map(
        (file) =>
          `${file} ${createHash("sha256")
            .update(readFileSync(join(out, file)))
            .digest("hex")}`,
      );
    expect(digest(other)).toEqual(digest(reference));
    expect(filesOf(reference).length).toBeGreaterThanOrEqual(4);
  });

  it("partitions the days by folder", () => {
    const days = filesOf(join(outputs.get(2) ?? "", "daily")).map((file) => file.split("/")[0]);
    expect([...new Set(days)]).toEqual(["sale_date=2026-01-01", "sale_date=2026-01-02", "sale_date=2026-01-03"]);
  });
});
