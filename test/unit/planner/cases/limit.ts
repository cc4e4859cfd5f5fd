import { read } from "../../../../src/plan/read.js";
import { sales } from "../sources.js";

/** No partition delivers more than the limit asks for. */
export default sales(read)
  .filter((c) => c.quantity.gt(0))
  .limit(10, { offset: 5 })
  .write.csv("out.csv");
