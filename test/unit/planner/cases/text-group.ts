import { avg, count, sum } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** Workers aggregate their partitions, DuckDB merges; columns that nobody uses are not read. */
export default sales(read)
  .filter((c) => c.quantity.gt(0))
  .groupBy("store")
  .agg((c) => ({ n: count(), units: sum(c.quantity), mean: avg(c.price) }))
  .sort("store")
  .write.csv("out.csv");
