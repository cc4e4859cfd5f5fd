import { sum } from "../../../../src/plan/aggregates.js";
import { read } from "../../../../src/plan/read.js";
import { customers, sales } from "../sources.js";

/** A small right side, and what follows. */
export default sales(read)
  .join(customers(read), { on: "customer" })
  .groupBy("region")
  .agg((c) => ({ units: sum(c.quantity) }))
  .write.csv("out.csv");
