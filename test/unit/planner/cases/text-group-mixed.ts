import { count, median, stddev } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** One aggregate needs all values of a group, another is folded value by value: DuckDB does the one and workers the other. */
export default sales(read)
  .groupBy("store")
  .agg((c) => ({ spread: stddev(c.price), middle: median(c.quantity), rows: count() }))
  .write.csv("out.csv");
