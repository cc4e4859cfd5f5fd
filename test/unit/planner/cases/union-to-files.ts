import { plan } from "../../../../src/plan/all.js";
import { read } from "../../../../src/plan/read.js";
import { sales, salesParquet } from "../sources.js";

/** Rows of workers that go to a file come behind each other without DuckDB, sorted or not; where an input stands there twice, DuckDB puts them so. */
const text = sales(read);
const both = text.union(salesParquet(read).filter((c) => c.quantity.gt(0)));

export default plan.all(
  both.select("store", "price").write.csv("both.csv"),
  text
    .union(text.filter((c) => c.price.gt(1)))
    .sort("store")
    .write.parquet("sorted"),
  text.union(text).write.csv("twice.csv"),
);
