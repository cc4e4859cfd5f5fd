import { read } from "../../../../src/plan/read.js";
import { udf } from "../../../../src/plan/udf.js";
import { salesParquet } from "../sources.js";

/** A user's function brings Parquet to the workers. */
const label = udf((store: string) => store.toUpperCase(), { returns: "utf8" });

export default salesParquet(read)
  .withColumns((c) => ({ label: label(c.store) }))
  .sort("label", "id")
  .write.arrow("out.arrow");
