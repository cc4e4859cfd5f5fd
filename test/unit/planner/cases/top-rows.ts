import { plan } from "../../../../src/plan/all.js";
import { desc } from "../../../../src/plan/expressions.js";
import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** Workers find the first rows of their partitions by columns; by what DuckDB computes, and where many are wanted, DuckDB does. */
const rows = sales(read);

export default plan.all(
  rows.sort(desc("quantity"), "store").select("store", "id").limit(10, { offset: 5 }).write.csv("columns.csv"),
  rows
    .sort((c) => c.store.upper())
    .limit(10)
    .write.csv("computed.csv"),
  rows.sort("store").limit(1_000_000).write.csv("many.csv"),
);
