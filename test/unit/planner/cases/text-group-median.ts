import { median } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { udf } from "../../../../src/plan/udf.js";
import { sales } from "../sources.js";

/** An aggregate without a partial form: workers compute the function first, DuckDB groups. */
const half = udf((n: number) => n / 2, { returns: "float64" });

export default sales(read)
  .groupBy("store")
  .agg((c) => ({ middle: median(half(c.quantity)) }))
  .write.csv("out.csv");
