import { createReadStream } from "node:fs";
import { check, col, count, type Plan, plan, read, sum, udf } from "millrace";

/** Where a pipeline reads, writes, and leaves notes for itself. */
export interface Place {
  readonly inputs: string;
  readonly out: string;
  /** Empty when a case begins; what a function has done once it does not do again. */
  readonly flags: string;
}

const schema = { id: "int64", store: "utf8", n: "int32", day: "utf8", note: "utf8" } as const;
const sales = ({ inputs }: Place) => read.csv(`${inputs}/sales-*.csv`, { schema, onReject: "quarantine" });
const stores = ({ inputs }: Place) => read.csv(`${inputs}/stores.csv`, { schema: { store: "utf8", city: "utf8" } });
const twice = () => udf((n: number) => n * 2, { returns: "float64" });

/** Each function ends its worker, holds it up, or throws, at one record. */
const unlucky = (flags: string) =>
  udf(
    (id: bigint, n: number) => {
      if (id !== 700n && id !== 30_500n) return n;
      const fs = globalThis.process.getBuiltinModule("node:fs");
      const flag = `${flags}/${id}`;
      if (fs.existsSync(flag)) return n;
      fs.writeFileSync(flag, "");
      if (id === 700n) globalThis.process.exit(9);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
      return n;
    },
    { returns: "int32", with: { flags } },
  );

const poisoned = () =>
  udf(
    (id: bigint, n: number) => {
      if (id === 31_000n) globalThis.process.exit(9);
      return n;
    },
    { returns: "int32" },
  );

const strict = () =>
  udf(
    (n: number) => {
      if (n === 13) throw new Error("thirteen is not supported");
      return n * 2;
    },
    { returns: "int32" },
  );
const repaired = () => udf((n: number) => n * 2, { returns: "int32" });

const doubled = (place: Place, double: ReturnType<typeof strict>) =>
  sales(place)
    .withColumns((c) => ({ m: double(c.n) }))
    .write.jsonl(`${place.out}/data`, { partitionBy: ["day"], mode: "overwrite" });

/** The plans by name; those of a replay are `replay` and, with the records' fault repaired, `replay-repaired`. */
export const plans: Readonly<Record<string, (place: Place) => Plan>> = {
  partitioned: (place) => {
    const double = twice();
    return sales(place)
      .withColumns((c) => ({ twice: double(c.n) }))
      .write.parquet(`${place.out}/data`, { partitionBy: ["day"] });
  },
  grouped: (place) =>
    sales(place)
      .groupBy("store", "day")
      .agg((c) => ({ total: sum(c.n), rows: count() }))
      .write.parquet(`${place.out}/groups.parquet`, { mode: "overwrite" }),
  joined: (place) =>
    sales(place)
      .join(stores(place), { on: "store", how: "left" })
      .groupBy("city", "day")
      .agg((c) => ({ n: sum(c.n), rows: count() }))
      .sort("city", "day")
      .write.csv(`${place.out}/cities.csv`),
  partitions: (place) => {
    const double = twice();
    return sales(place)
      .withColumns((c) => ({ twice: double(c.n) }))
      .write.parquet(`${place.out}/data`, { partitionBy: ["day"], mode: "overwrite-partitions" });
  },
  several: (place) => {
    const all = sales(place).select("id", "store", "n", "day");
    return plan.all(
      all.write.duckdb(`${place.out}/new.duckdb`, { table: "sales" }),
      all.write.parquet(`${place.out}/parts`, { partitionBy: ["day"] }),
      all.filter((c) => c.n.gt(50)).write.csv(`${place.out}/high.csv`, { mode: "overwrite" }),
      all.write.duckdb(`${place.out}/old.duckdb`, { table: "sales", mode: "append" }),
      all.filter((c) => c.n.lt(5)).write.jsonl(`${place.out}/log`, { mode: "append" }),
    );
  },
  append: (place) => sales(place).write.jsonl(`${place.out}/log`, { mode: "append" }),
  rejects: ({ inputs, out }) =>
    read
      .jsonl(`${inputs}/events.jsonl`, { schema: { id: "int64", n: "int32", day: "utf8" }, onReject: "quarantine" })
      .write.csv(`${out}/events`, { partitionBy: ["day"], mode: "overwrite" }),
  stream: ({ inputs, out }) =>
    read
      .stream(createReadStream(`${inputs}/sales-0.csv`), { format: "csv", schema, onReject: "quarantine" })
      .groupBy("store")
      .agg((c) => ({ total: sum(c.n), rows: count() }))
      .write.parquet(`${out}/stream.parquet`),
  native: ({ inputs, out }) =>
    read
      .parquet(`${inputs}/sales.parquet`)
      .filter(col("n").gt(10))
      .groupBy("store", "day")
      .agg(() => ({ total: sum(col("n")), rows: count() }))
      .write.parquet(`${out}/native`, { partitionBy: ["day"], mode: "overwrite" }),
  checks: (place) =>
    sales(place)
      .expect(
        check.unique("id"),
        check.between("n", { min: 0, max: 95 }, { action: "quarantine" }),
        check.rowCount({ min: 1, action: "fail" }),
      )
      .write.parquet(`${place.out}/checked`, { partitionBy: ["day"], mode: "overwrite" }),
  poison: (place) => {
    const bad = poisoned();
    return sales(place)
      .withColumns((c) => ({ m: bad(c.id, c.n) }))
      .write.csv(`${place.out}/data`, { partitionBy: ["day"], mode: "overwrite" });
  },
  retried: (place) => {
    const bad = unlucky(place.flags);
    return sales(place)
      .withColumns((c) => ({ m: bad(c.id, c.n) }))
      .write.csv(`${place.out}/data`, { partitionBy: ["day"], mode: "overwrite" });
  },
  replay: (place) => doubled(place, strict()),
  "replay-repaired": (place) => doubled(place, repaired()),
};
