import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { count, type Engine, read, sum } from "millrace";

type Plan = Parameters<Engine["run"]>[0];

/** A plan whose files are all below one folder. */
export interface Pipeline {
  readonly name: string;
  /** What the plan writes: `out/…` */
  readonly plan: (base: string) => Plan;
  /** What is at the target before; null: nothing. */
  readonly before: ((base: string) => Plan) | null;
  /** Whether the join goes through DuckDB. */
  readonly byQuery: boolean;
  /** The files that it leaves, below `out`, as a glob. */
  readonly files: string;
  /** Rows and the sum of their ids in those files, and records that are rejected, computed from the input by hand. */
  readonly rows: string;
  readonly rejects: number;
}

const files = 2;
const rowsPerFile = 700;
const rows = files * rowsPerFile;
const days = 4;
/** Every hundredth record has a number that cannot be read. */
const bad = rows / 100;
const stores = 9;
/** Ids 0 to 1399 but for 50, 150, …, 1350; rows of before that stay. */
const good = (more: number, ids: number) => `${rows - bad + more} rows, ids ${((rows - 1) * rows) / 2 - 9800 + ids}`;

/** Input: two files of sales, stores, and a file of another generation. */
export function writeInputs(base: string): void {
  const folder = join(base, "in");
  mkdirSync(folder, { recursive: true });
  const line = (i: number) => `${i},s${i % stores},${i % 100 === 50 ? "many" : i % 7},2026-01-0${1 + (i % days)}\n`;
  for (let file = 0; file < files; file++) {
    const lines = Array.from({ length: rowsPerFile }, (_, i) => line(file * rowsPerFile + i));
    writeFileSync(join(folder, `sales-${file}.csv`), `id,store,n,day\n${lines.join("")}`);
  }
  writeFileSync(
    join(folder, "stores.csv"),
    `store,city\n${Array.from({ length: stores }, (_, i) => `s${i},c${i % 3}\n`).join("")}`,
  );
  // One day that the plans replace, and one that they leave alone.
  writeFileSync(join(folder, "old.csv"), "id,store,n,day\n1,s1,1,2026-01-01\n2,s2,2,2026-01-09\n3,s3,3,2026-01-09\n");
}

const schema = { id: "int64", store: "utf8", n: "int32", day: "utf8" } as const;
const sales = (base: string, onReject: "skip" | "quarantine" = "skip") =>
  read.csv(join(base, "in", "sales-*.csv"), { schema, onReject });
const old = (base: string) => read.csv(join(base, "in", "old.csv"), { schema });
const storeList = (base: string) => read.csv(join(base, "in", "stores.csv"), { schema: { store: "utf8", city: "utf8" } });
const target = (base: string) => join(base, "out", "data");
const partitioned = { partitionBy: ["day"], mode: "overwrite-partitions" } as const;

export const pipelines: readonly Pipeline[] = [
  {
    name: "partitioned Parquet, rejects",
    plan: (base) => sales(base, "quarantine").write.parquet(target(base), { partitionBy: ["day"] }),
    before: null,
    files: "data/*/*.parquet",
    byQuery: false,
    rows: good(0, 0),
    rejects: bad,
  },
  {
    name: "group by with exchange",
    plan: (base) =>
      sales(base)
        .groupBy("id", "store")
        .agg((c) => ({ total: sum(c.n), rows: count() }))
        .write.csv(join(base, "out", "groups.csv"), { mode: "overwrite" }),
    before: (base) => old(base).write.csv(join(base, "out", "groups.csv")),
    files: "groups.csv",
    byQuery: false,
    rows: good(0, 0),
    rejects: bad,
  },
  {
    name: "join in workers",
    plan: (base) => sales(base).join(storeList(base), { on: "store", how: "left" }).write.parquet(target(base)),
    before: null,
    files: "data/*.parquet",
    byQuery: false,
    rows: good(0, 0),
    rejects: bad,
  },
  {
    name: "join by query",
    plan: (base) => sales(base).join(storeList(base), { on: "store", how: "left" }).write.csv(target(base)),
    before: null,
    files: "data/*.csv",
    byQuery: true,
    rows: good(0, 0),
    rejects: bad,
  },
  {
    name: "append",
    plan: (base) => sales(base).write.jsonl(target(base), { mode: "append" }),
    before: (base) => old(base).write.jsonl(target(base)),
    files: "data/*.jsonl",
    byQuery: false,
    rows: good(3, 6),
    rejects: bad,
  },
  {
    name: "overwrite-partitions",
    plan: (base) => sales(base).write.parquet(target(base), partitioned),
    before: (base) => old(base).write.parquet(target(base), partitioned),
    files: "data/*/*.parquet",
    byQuery: false,
    rows: good(2, 5),
    rejects: bad,
  },
];
