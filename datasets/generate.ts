/** `npm run datasets -- --help`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { salesToParquet, writeCustomers } from "./customers.ts";
import { type SalesWritten, writeSales } from "./sales.ts";

const usage = `Writes sample data: sales as CSV (or JSON lines) and the customer dimension as Parquet.

  npm run datasets -- --rows 10000000 [options]

  --rows N        sales rows (1000000)
  --out DIR       folder to write to (datasets/generated)
  --seed N        the same seed gives the same bytes (42)
  --days N        days that the sales are spread over, from 2026-01-01 on (90)
  --customers N   customers in the dimension (500000)
  --dirt          mix in bad numbers, ragged rows, duplicated keys and so on; see datasets/README.md
  --dirt-factor N multiplies the stated rates of dirt (1)
  --daily         one file a day instead of one for all
  --jsonl         sales as JSON lines too
  --parquet       sales as Parquet too
  --sample        write the small committed sample instead, into datasets/
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: "string", default: "1000000" },
      out: { type: "string", default: "datasets/generated" },
      seed: { type: "string", default: "42" },
      days: { type: "string", default: "90" },
      customers: { type: "string", default: "500000" },
      dirt: { type: "boolean", default: false },
      "dirt-factor": { type: "string", default: "1" },
      daily: { type: "boolean", default: false },
      jsonl: { type: "boolean", default: false },
      parquet: { type: "boolean", default: false },
      sample: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  if (values.sample) return writeSample();
  const out = values.out;
  const name = values.dirt ? "sales-dirty" : "sales";
  const common = {
    rows: positive("rows", values.rows),
    seed: positive("seed", values.seed),
    days: positive("days", values.days),
    customers: positive("customers", values.customers),
    dirt: values.dirt ? positive("dirt-factor", values["dirt-factor"]) : 0,
  };
  mkdirSync(values.daily ? join(out, name) : out, { recursive: true });
  const pathOf = (extension: string) => (day: string) => join(out, values.daily ? `${name}/${day}` : name) + extension;
  const csv = writeSales({ ...common, format: "csv", pathOf: pathOf(".csv") });
  report("sales", csv);
  writeFileSync(join(out, `${name}.counts.json`), `${JSON.stringify({ ...common, ...csv, files: undefined }, null, 2)}\n`);
  if (values.jsonl) report("sales", writeSales({ ...common, format: "jsonl", pathOf: pathOf(".jsonl") }));
  if (values.parquet && !values.daily && !values.dirt) await salesToParquet(join(out, "sales.csv"), join(out, "sales.parquet"));
  await writeCustomers(join(out, "customers.parquet"), common.customers);
}

/** What is committed: three days of clean sales, their customers, and a dirty file in which every kind of dirt occurs. */
async function writeSample(): Promise<void> {
  mkdirSync("datasets/sales", { recursive: true });
  const customers = 2_000;
  const common = { days: 3, customers, format: "csv" } as const;
  report("sample", writeSales({ ...common, rows: 20_000, seed: 42, dirt: 0, pathOf: (day) => `datasets/sales/${day}.csv` }));
  report("dirty sample", writeSales({ ...common, rows: 2_000, seed: 7, dirt: 8, pathOf: () => "datasets/sales-dirty.csv" }));
  await writeCustomers("datasets/customers.parquet", customers);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value >= 2 ** 31) {
    throw new Error(`--${name}: expected a whole number from 1 to 2147483647, found ${JSON.stringify(text)}`);
  }
  return value;
}

function report(what: string, written: SalesWritten): void {
  const dirt = Object.entries(written.dirt).filter(([, count]) => count > 0);
  const details = dirt.length === 0 ? "" : `; dirt: ${dirt.map(([kind, count]) => `${kind} ${count}`).join(", ")}`;
  process.stdout.write(
    `${what}: ${written.rows} rows, ${written.bytes} bytes in ${written.files.length} file(s), ` +
      `${written.notPositive} with quantity <= 0${details}\n`,
  );
}

await main();
