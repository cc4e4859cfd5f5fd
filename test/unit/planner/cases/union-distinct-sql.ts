import { read } from "../../../../src/plan/read.js";
import { sales, salesParquet } from "../sources.js";

/** Steps that need more than one row, over text and Parquet together. */
export default sales(read)
  .select("store", "customer")
  .union(salesParquet(read).select("store", "customer"))
  .distinct()
  .sql("select store, count(*) as customers from input group by store", { schema: { store: "utf8", customers: "int64" } })
  .write.duckdb("out.duckdb", { table: "stores" });
