import { read } from "../../../../src/plan/read.js";
import { sales, salesParquet } from "../sources.js";

/** Two large sides meet in DuckDB; a filter on one side's columns moves to that side. */
export default sales(read)
  .join(salesParquet(read).select("id", "price"), { on: "id", how: "left" })
  .filter((c) => c.quantity.gt(1))
  .write.parquet("out");
