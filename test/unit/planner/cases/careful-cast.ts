import { sum } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { salesParquet } from "../sources.js";

/** Casts over Parquet: DuckDB may fail as a whole, so there is a second plan where workers reject single rows. */
export default salesParquet(read)
  .distinct()
  .withColumns((c) => ({ number: c.store.cast("int32") }))
  .groupBy("customer")
  .agg((c) => ({ units: sum(c.number), other: sum(c.id.cast("int16")) }))
  .write.csv("out.csv");
