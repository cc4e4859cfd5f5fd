import { count, sum } from "../../../../src/plan/aggregates.js";
import { plan } from "../../../../src/plan/all.js";
import { read } from "../../../../src/plan/read.js";
import { salesParquet } from "../sources.js";

const bought = salesParquet(read)
  .groupBy("customer", "store")
  .agg((c) => ({ n: count(), spent: sum(c.price) }));

/** Many groups of Parquet that go to a file are the workers'; where a filter leaves few of them they are DuckDB's. */
export default plan.all(
  bought.write.parquet("bought"),
  read
    .parquet("loyal.parquet", { schema: { customer: "utf8", store: "utf8" } })
    .groupBy("customer", "store")
    .agg(() => ({ n: count() }))
    .filter((c) => c.n.gt(100n))
    .write.parquet("loyal"),
);
