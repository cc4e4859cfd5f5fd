/** The jobs of memory.ts: each as a Millrace plan and as SQL over the view `sales`. */
import type { Dataset } from "millrace";
import { salesSchema as schema } from "../native-bench/salesSchema.ts";

type Millrace = typeof import("millrace");
export type Input = "csv" | "parquet";

export interface MemoryJob {
  readonly name: string;
  /** Whether the order of rows is part of the result. */
  readonly ordered: boolean;
  readonly plan: (millrace: Millrace, file: string, input: Input) => Dataset<never>;
  readonly sql: string;
  readonly from: (file: string, input: Input) => string;
}

const duckTypes =
  "{'transaction_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'product_id': 'VARCHAR', 'quantity': 'INTEGER', " +
  "'unit_price': 'DOUBLE', 'transaction_date': 'TIMESTAMP', 'store_id': 'VARCHAR'}";

const sales = ({ read }: Millrace, file: string, input: Input) =>
  input === "csv" ? read.csv(file, { schema }) : read.parquet(file, { schema });

const from = (file: string, input: Input): string =>
  input === "csv" ? `read_csv('${file}', header = true, columns = ${duckTypes})` : `read_parquet('${file}')`;

type Rows = ReturnType<typeof sales>;

function job(name: string, ordered: boolean, make: (rows: Rows, millrace: Millrace) => unknown, sql: string): MemoryJob {
  const plan: MemoryJob["plan"] = (millrace, file, input) => make(sales(millrace, file, input), millrace) as Dataset<never>;
  return { name, ordered, plan, sql, from };
}

export const jobs: readonly MemoryJob[] = [
  job(
    "group",
    false,
    (rows, { sum, count }) => rows.groupBy("transaction_id").agg((c) => ({ units: sum(c.quantity), n: count() })),
    "SELECT transaction_id, sum(quantity)::BIGINT AS units, count(*) AS n FROM sales GROUP BY 1",
  ),
  job(
    "join",
    false,
    (rows) =>
      rows.join(rows, { on: "transaction_id" }).select("transaction_id", "store_id", "quantity_right", "unit_price_right"),
    `SELECT l.transaction_id, l.store_id, r.quantity AS quantity_right, r.unit_price AS unit_price_right
       FROM sales l JOIN sales r ON l.transaction_id = r.transaction_id`,
  ),
  job(
    "sort",
    true,
    (rows, { desc }) => rows.sort("customer_id", desc("transaction_id")),
    "SELECT * FROM sales ORDER BY customer_id, transaction_id DESC",
  ),
  job(
    "dedupe",
    false,
    (rows) => rows.dedupe({ by: "transaction_id", keep: "last", orderBy: "transaction_date" }),
    "SELECT * FROM sales QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY transaction_date DESC) = 1",
  ),
  job(
    "window",
    false,
    (rows, { rowNumber, sum }) =>
      rows
        .select("transaction_id", "customer_id", "quantity", "transaction_date")
        .window({ partitionBy: "customer_id", orderBy: ["transaction_date", "transaction_id"], rows: [null, 0] }, (c) => ({
          n: rowNumber(),
          units: sum(c.quantity),
        })),
    `SELECT transaction_id, customer_id, quantity, transaction_date, row_number() OVER w AS n, CAST(sum(quantity) OVER w AS BIGINT) AS units
       FROM sales WINDOW w AS (PARTITION BY customer_id ORDER BY transaction_date, transaction_id ROWS UNBOUNDED PRECEDING)`,
  ),
  job(
    "distinct",
    false,
    (rows) => rows.select("transaction_id", "store_id").distinct(),
    "SELECT DISTINCT transaction_id, store_id FROM sales",
  ),
  job(
    "countDistinct",
    false,
    (rows, { countDistinct }) => rows.groupBy("store_id").agg((c) => ({ n: countDistinct(c.transaction_id) })),
    "SELECT store_id, count(DISTINCT transaction_id) AS n FROM sales GROUP BY 1",
  ),
];

/** Jobs that memoryPolars.ts has, too. */
export const inPolars: ReadonlySet<string> = new Set(["group", "join", "sort", "dedupe", "window"]);
