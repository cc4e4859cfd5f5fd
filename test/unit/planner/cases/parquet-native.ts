import { sum } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { salesParquet } from "../sources.js";

/** Parquet whose every step can be spelled in SQL: one query in DuckDB. */
export default salesParquet(read)
  .filter((c) => c.quantity.gt(0))
  .groupBy("store")
  .agg((c) => ({ units: sum(c.quantity) }))
  .write.parquet("out");
