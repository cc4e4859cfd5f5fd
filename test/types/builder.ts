import { avg, count, list, max, sum } from "../../src/plan/aggregates.js";
import { plan } from "../../src/plan/all.js";
import type { Expression } from "../../src/plan/columns.js";
import type { Dataset } from "../../src/plan/dataset.js";
import { asc, coalesce, col, concat, desc, lit, when } from "../../src/plan/expressions.js";
import type { Plan } from "../../src/plan/nodes.js";
import { read } from "../../src/plan/read.js";
import { module, udf } from "../../src/plan/udf.js";

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Show<S> = { readonly [K in keyof S]: S[K] };
function columnsAre<Expected>() {
  return <S extends { readonly [name: string]: string }>(
    _: Dataset<S>,
    ..._check: Same<Show<S>, Show<Expected>> extends true ? [] : [S]
  ) => {};
}

const schema = {
  transaction_id: "utf8",
  customer_id: "utf8",
  quantity: "int32",
  unit_price: "float64",
  transaction_date: "timestamp",
  store_id: "utf8",
  amount: "decimal(10,2)",
  big: "int64",
  ok: "boolean",
} as const;
const sales = read.csv("sales.csv", { schema });
const customers = read.parquet("customers.parquet");
const stores = read.jsonl("stores.jsonl", { schema: { store_id: "string", city: "utf8", quantity: "int32" } });

// The plan of the design.
const discount = udf((q: number, price: number) => (q > 5 ? q * price * 0.9 : q * price), { returns: "float64" });
const daily: Plan = read
  .csv("datasets/sales/*.csv", {
    schema: {
      transaction_id: "utf8",
      customer_id: "utf8",
      quantity: "int32",
      unit_price: "float64",
      transaction_date: "timestamp",
      store_id: "utf8",
    },
    onReject: "quarantine",
  })
  .filter((c) => c.quantity.gt(0))
  .withColumns((c) => ({ total: discount(c.quantity, c.unit_price), sale_date: c.transaction_date.toDate() }))
  .join(customers, { on: "customer_id", how: "left" })
  .groupBy("sale_date", "region")
  .agg((c) => ({ revenue: sum(c.total), transactions: count() }))
  .write.parquet("out/daily", { partitionBy: ["sale_date"], mode: "overwrite-partitions" });

// Columns that do not exist, and methods that a type does not have.
// @ts-expect-error no such column
sales.filter((c) => c.quantitty.gt(0));
// @ts-expect-error text has no multiplication
sales.withColumns((c) => ({ x: c.store_id.mul(2) }));
// @ts-expect-error numbers are not compared with text
sales.filter((c) => c.quantity.gt("3"));
// @ts-expect-error text is not compared with numbers
sales.filter((c) => c.store_id.eq(3));
// @ts-expect-error a filter is a condition
sales.filter((c) => c.quantity);
// @ts-expect-error numbers have no calendar
sales.withColumns((c) => ({ x: c.quantity.year() }));
// @ts-expect-error units are named
sales.withColumns((c) => ({ x: c.transaction_date.truncate("fortnight") }));
// @ts-expect-error no such column
sales.select("transaction_id", "nope");
// @ts-expect-error no such column
sales.drop("nope");
// @ts-expect-error no such column
sales.rename({ nope: "x" });
// @ts-expect-error no such column
sales.sort("nope");
// @ts-expect-error no such column
sales.sort(desc("nope"));
// @ts-expect-error no such column
sales.distinct("nope");
// @ts-expect-error no such column
sales.groupBy("nope");
// @ts-expect-error no such type
read.csv("x", { schema: { a: "int23" } });
// @ts-expect-error no such option
read.csv("x", { delimeter: ";" });
// @ts-expect-error no such column
sales.write.parquet("x", { partitionBy: ["nope"] });
// @ts-expect-error no such mode
sales.write.parquet("x", { mode: "replace" });
// @ts-expect-error a number, not text
sales.agg((c) => ({ x: sum(c.store_id) }));
// @ts-expect-error a column is not an aggregate
sales.groupBy("store_id").agg((c) => ({ x: c.quantity }));
// @ts-expect-error an aggregate is not a column
sales.withColumns((c) => ({ x: sum(c.quantity) }));

// Types follow.
columnsAre<{ store_id: "utf8"; quantity: "int32" }>()(sales.select("store_id", "quantity"));
columnsAre<{ store_id: "utf8"; day: "date" }>()(sales.select("store_id", (c) => ({ day: c.transaction_date.toDate() })));
columnsAre<{ a: "float64"; b: "int32"; c: "bool"; d: "numeric"; e: "utf8"; f: "decimal(10,2)" }>()(
  sales.select((c) => ({
    a: c.quantity.mul(c.unit_price),
    b: c.quantity.add(c.quantity),
    c: c.ok,
    d: c.quantity.mul(2),
    e: "x",
    f: c.amount.neg(),
  })),
);
// @ts-expect-error the check itself tells types apart
columnsAre<{ store_id: "int32" }>()(sales.select("store_id"));
columnsAre<{ id: "utf8"; city: "utf8"; quantity: "int32" }>()(stores.rename({ store_id: "id" }));
columnsAre<{ city: "utf8" }>()(stores.drop("store_id", "quantity"));
columnsAre<{ store_id: "utf8"; city: "int32"; quantity: "int32" }>()(stores.withColumns((c) => ({ city: c.city.length() })));
columnsAre<{
  store_id: "utf8";
  day: "date";
  units: "int64";
  price: "float64";
  last: "timestamp";
  amounts: "list(decimal(10,2))";
  n: "int64";
}>()(
  sales
    .groupBy("store_id", (c) => ({ day: c.transaction_date.toDate() }))
    .agg((c) => ({
      units: sum(c.quantity),
      price: avg(c.unit_price),
      last: max(c.transaction_date),
      amounts: list(c.amount),
      n: count(),
    })),
);
columnsAre<{ n: "int64" }>()(sales.groupBy().agg(() => ({ n: count() })));
const joined = sales.select("store_id", "quantity").join(stores, { on: "store_id", how: "left" });
columnsAre<{ store_id: "utf8"; quantity: "int32"; city: "utf8"; quantity_right: "int32" }>()(joined);
const byNames = sales
  .select("customer_id", "quantity")
  .join(stores, { on: { left: "customer_id", right: "store_id" }, suffix: "_s" });
columnsAre<{ customer_id: "utf8"; quantity: "int32"; store_id: "utf8"; city: "utf8"; quantity_s: "int32" }>()(byNames);
columnsAre<{ store_id: "utf8" }>()(sales.select("store_id").join(stores, { on: "store_id", how: "anti" }));
sales.join(stores, { on: ["store_id", "quantity"] });
// @ts-expect-error only one side has it
sales.join(stores, { on: "city" });
// @ts-expect-error different kinds of value
sales.select("quantity").join(read.csv("x", { schema: { quantity: "utf8" } }), { on: "quantity" });
columnsAre<{ store_id: "utf8"; city: "utf8"; quantity: "int32" }>()(stores.union(stores.select("city", "quantity", "store_id")));
// @ts-expect-error a column is missing
stores.union(stores.select("city"));

// Rows and batches.
columnsAre<{ id: "utf8"; n: "int64" }>()(
  sales.map((row) => ({ id: row.store_id.toUpperCase(), n: row.quantity + 1 }), { schema: { id: "utf8", n: "int64" } }),
);
// @ts-expect-error a 64-bit integer is a bigint
sales.map((row) => ({ n: row.big + 1 }), { schema: { n: "int64" } });
// @ts-expect-error the wrong type
sales.map((row) => ({ n: row.store_id }), { schema: { n: "int32" } });
sales.flatMap(
  function* (row) {
    yield { word: row.store_id };
  },
  { schema: { word: "utf8" } },
);
sales.mapBatches(async ({ length, columns }) => ({ length, columns: { q: columns.quantity } }), { schema: { q: "int32" } });

// User functions.
const total: Expression<"float64"> = discount(1, 2.5);
sales.withColumns((c) => ({ x: discount(c.quantity, 2), y: discount(c.quantity.add(1), c.unit_price) }));
// @ts-expect-error text is no number
sales.withColumns((c) => ({ x: discount(c.store_id, 2) }));
// @ts-expect-error a 64-bit integer is a bigint
sales.withColumns((c) => ({ x: discount(c.big, 2) }));
// @ts-expect-error an argument is missing
sales.withColumns((c) => ({ x: discount(c.quantity) }));
// @ts-expect-error the result's type is missing
udf((x: number) => x, {});
const shipped = module<(x: string | null) => string>(import.meta.url, "f", { returns: "utf8" });
sales.withColumns((c) => ({ x: shipped(c.store_id).lower() }));

// Without a declared schema any name goes.
const loose = read.csv("x.csv");
loose
  .filter((c) => c.anything.gt(1).and(c.other.like("a%")))
  .groupBy("a", "b")
  .agg((c) => ({ n: sum(c.whatever) }))
  .sort("n", desc("a"));
columnsAre<{ a: "any"; n: "numeric" }>()(
  loose
    .groupBy("a")
    .agg((c) => ({ n: sum(c.x.mul(2)) }))
    .withColumns((c) => ({ n: c.n.add(1) })),
);
sales.filter(col("anything").eq(1));
sales.sort(
  "quantity",
  desc("store_id", { nulls: "first" }),
  (c) => asc(c.store_id.lower()),
  (c) => c.big.neg(),
);

// Literals and conditions.
const size: Expression<"utf8"> = when(col("a").lt(50), "small").when(col("a").lt(200)).then("medium").otherwise("large");
const number: Expression<"numeric"> = when(col("a").lt(50)).then(1).otherwise(2.5);
const date: Expression<"date"> = lit("2026-01-01", "date");
const text: Expression<"utf8"> = concat("a", col("b"));
sales.select((c) => ({ x: coalesce(c.store_id, "Unknown").upper(), y: c.store_id.fillNull("Unknown").length() }));
sales.filter((c) =>
  c.transaction_date
    .between("2026-01-01", new Date())
    .and(c.store_id.in(["S1", "S2"]))
    .or(c.ok),
);
sales.select((c) => ({ x: c.transaction_date.add(1, "day").dateDiff(new Date(), "hour"), y: c.amount.cast("double").sqrt() }));

columnsAre<{ a: "int64" }>()(sales.sql("select count(*) as a from input", { schema: { a: "bigint" } }));
const two: Plan = plan.all(
  daily,
  sales.write.csv("x.csv", { header: false }),
  sales.sql("select 1", { inputs: { stores } }).write.jsonl("y"),
);
export { date, number, size, text, total, two };
