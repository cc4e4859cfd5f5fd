import { desc } from "../../../../src/plan/expressions.js";
import { read } from "../../../../src/plan/read.js";
import { customers, salesParquet } from "../sources.js";

/** Rows of Parquet that go to a file, joined and sorted on their way, are the workers': what DuckDB computes leaves it through one thread. */
export default salesParquet(read)
  .join(customers(read), { on: "customer", how: "left" })
  .sort("store", desc("price"))
  .write.parquet("out");
