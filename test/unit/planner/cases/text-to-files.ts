import { read } from "../../../../src/plan/read.js";
import { udf } from "../../../../src/plan/udf.js";
import { sales } from "../sources.js";

/** Row-wise steps over text are one loop in the workers, which write the files themselves. */
const discount = udf((quantity: number, price: number) => quantity * price * 0.9, { returns: "float64" });

export default sales(read)
  .filter((c) => c.quantity.gt(0))
  .withColumns((c) => ({ total: discount(c.quantity, c.price), day: c.sold_at.toDate() }))
  .select("id", "day", "total")
  .write.parquet("out", { partitionBy: ["day"] });
