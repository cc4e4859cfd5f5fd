import { builderFor } from "../../../src/batch/builder.js";
import { openFile } from "../../../src/io/sink/sinks.js";
import { type Schema, types } from "../../../src/schema/types.js";

const schema: Schema = [{ name: "id", type: types.int64, nullable: false }];

/** A file of three rows. */
async function write(path: string, format: "parquet" | "arrow"): Promise<void> {
  const builder = builderFor(types.int64);
  for (const id of [1n, 2n, 3n]) builder.append(id);
  const sink = { format, path, mode: "error", partitionBy: [], options: {} } as const;
  const writer = openFile(sink, schema, path, { fsync: false });
  writer.write({ schema, length: 3, columns: [builder.finish()], selection: null, origin: null });
  writer.finish();
}

export const parquetFile = (path: string): Promise<void> => write(path, "parquet");
export const arrowFile = (path: string): Promise<void> => write(path, "arrow");
