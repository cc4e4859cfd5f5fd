import type { ResolvedSource } from "../../../src/plan/bound.js";
import type { SourceSpec } from "../../../src/plan/nodes.js";
import type { read } from "../../../src/plan/read.js";
import { type FileStatistics, noteStatistics } from "../../../src/plan/statistics.js";

/** Sources that no file stands behind: what a plan becomes depends on their columns and sizes alone. */
type Read = typeof read;

const columns = {
  id: "int64",
  store: "utf8",
  customer: "utf8",
  quantity: "int32",
  price: "float64",
  sold_at: "timestamp",
} as const;

export const sales = (from: Read) => from.csv("sales.csv", { schema: columns });
export const salesParquet = (from: Read) => from.parquet("sales.parquet", { schema: columns });
export const customers = (from: Read) => from.parquet("customers.parquet", { schema: { customer: "utf8", region: "utf8" } });

const sizes: Readonly<Record<string, number>> = {
  "sales.csv": 50e9,
  "sales.parquet": 20e9,
  "loyal.parquet": 20e9,
  "customers.parquet": 1e6,
};

/** Different values of columns, as files would tell of them. */
const different: Readonly<Record<string, number>> = { store: 200, customer: 5e6 };

const statistics: FileStatistics = {
  range: () => null,
  distinct(column) {
    const least = different[column];
    return least === undefined ? null : { least, counted: true };
  },
  among: () => statistics,
};

export function resolved(spec: SourceSpec): ResolvedSource {
  const paths = spec.format === "rows" ? [] : spec.paths;
  const files = paths.map((path) => ({ path, bytes: sizes[path] ?? 1e6, modifiedMs: 0, partitionValues: [] }));
  const rows = spec.format === "parquet" ? files.reduce((sum, file) => sum + file.bytes / 20, 0) : null;
  if (spec.format === "parquet") noteStatistics(files, statistics);
  return { spec, files, schema: spec.schema ?? [], partitionColumns: [], rows };
}
