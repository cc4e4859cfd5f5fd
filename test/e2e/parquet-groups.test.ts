import { join } from "node:path";
import { count, Engine, max, read, sum } from "millrace";
import { describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";
import { duckRows } from "../unit/parquet/readers.js";

/** Many groups of Parquet on their way to a file, which workers read and group, against plain DuckDB. */
const folderOf = caseFolders("millrace-parquet-groups-");

const select = `
  SELECT CASE WHEN i % 1000 = 7 THEN NULL ELSE 'c' || lpad((hash(i) % 700000)::VARCHAR, 7, '0') END AS customer,
    (hash(i * 3) % 90)::INTEGER AS store, (hash(i * 5) % 4000) / 4.0 AS price, i AS id
  FROM range(1500000) t(i)`;

describe("many groups of Parquet", () => {
  it.each([
    { workers: 1, partitionBytes: "64MB" },
    { workers: 3, partitionBytes: "2MB" },
  ])(
    "are those of DuckDB, in the order of their keys: $workers workers",
    async ({ workers, partitionBytes }) => {
      const folder = folderOf();
      const [input, output] = [join(folder, "in.parquet"), join(folder, "out.parquet")];
      await duckRows(`COPY (${select}) TO '${input}' (FORMAT parquet)`);
      const engine = await Engine.create({ workers, memory: "2GB", partitionBytes, stateDir: join(folder, "state") });
      try {
        const groups = read
          .parquet(input)
          .groupBy("customer", "store")
          .agg((c) => ({ n: count(), spent: sum(c.price), last: max(c.id) }));
        const { report } = await engine.run(groups.write.parquet(output)).result;
        expect(report.data.execution.stages.map(({ name }) => name)).toEqual(["scan parquet", "aggregate", "merge groups"]);
      } finally {
        await engine.close();
      }
      const expected = `SELECT customer, store, count(*) AS n, sum(price) AS spent, max(id) AS last FROM '${input}' GROUP BY ALL`;
      const differing = await duckRows(
        `SELECT count(*) AS n FROM ((FROM '${output}' EXCEPT ALL (${expected})) UNION ALL ((${expected}) EXCEPT ALL FROM '${output}'))`,
      );
      expect(Number(differing[0]?.n)).toBe(0);
      const unordered = await duckRows(
        `SELECT count(*) AS n FROM (SELECT *, lag(coalesce(customer, 'd')) OVER w AS c, lag(store) OVER w AS s
        FROM (SELECT *, row_number() OVER () AS r FROM '${output}') WINDOW w AS (ORDER BY r))
        WHERE c > coalesce(customer, 'd') OR (c = coalesce(customer, 'd') AND s >= store)`,
      );
      expect(Number(unordered[0]?.n)).toBe(0);
    },
    120_000,
  );
});
