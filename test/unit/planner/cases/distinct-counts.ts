import { count, countDistinct } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** Different values are grouped with the keys, in no order, and then counted. */
export default sales(read)
  .groupBy("store")
  .agg((c) => ({ n: count(), quantities: countDistinct(c.quantity) }))
  .write.csv("out.csv");
