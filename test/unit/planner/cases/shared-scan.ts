import { count } from "../../../../src/plan/aggregates.js";
import { plan } from "../../../../src/plan/all.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** Two outputs over one prefix: it is read and computed once. */
const kept = sales(read).filter((c) => c.quantity.gt(0));

export default plan.all(
  kept.write.parquet("all"),
  kept
    .groupBy("store")
    .agg(() => ({ n: count() }))
    .write.csv("stores.csv"),
);
