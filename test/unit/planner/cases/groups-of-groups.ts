import { plan } from "../../../../src/plan/all.js";
import { avg, count, first, max } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

const bought = sales(read)
  .groupBy("store", "quantity")
  .agg((c) => ({ mean: avg(c.price), n: count() }));

/** Groups whose order nobody sees go on bucket by bucket; what asks for the first of them sees it. */
export default plan.all(
  bought
    .filter((c) => c.n.gt(1n))
    .groupBy("quantity")
    .agg((c) => ({ stores: count(), most: max(c.mean) }))
    .write.csv("stores.csv"),
  sales(read)
    .groupBy("store", "price")
    .agg(() => ({ n: count() }))
    .groupBy("price")
    .agg((c) => ({ store: first(c.store) }))
    .write.csv("first.csv"),
);
