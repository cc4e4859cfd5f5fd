import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { avg, count, max, plan, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineCache } from "../support/engines.js";

/** Several branches of one scan: what one of them makes of the memory that a batch lies in is nothing to the others. */

const rows = 120_000;
let folder = "";
const engines = engineCache(() => ({ memory: "512MB", stateDir: join(folder, "state") }));
const schema = { id: "int64", key: "utf8", store: "utf8", amount: "float64", part: "int32" } as const;

/** The function of the last branch throws for these rows. */
const isBad = (id: number) => id % 997 === 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-branches-"));
  const line = (i: number) => `${i},K${(i * 7919) % 90_001},store ${i % 40},${(i % 1000) / 8},${isBad(i) ? -1 : i % 5}`;
  const text = Array.from({ length: rows }, (_, i) => line(i)).join("\n");
  writeFileSync(join(folder, "sales.csv"), `id,key,store,amount,part\n${text}\n`);
  writeFileSync(
    join(folder, "stores.csv"),
    `store,region\n${Array.from({ length: 40 }, (_, i) => `store ${i},region ${i % 7}`).join("\n")}\n`,
  );
  mkdirSync(join(folder, "out"));
});

afterAll(async () => {
  await engines.close();
  rmSync(folder, { recursive: true, force: true });
});

const checked = udf(
  (key: string, part: number) => {
    if (part < 0) throw new RangeError(`no part for ${key}`);
    return `${key.slice(0, 3)} ${part}`;
  },
  { returns: "utf8" },
);

describe("branches of one scan", () => {
  for (const partitionBytes of [200_000, 100_000_000]) {
    it(`give what each gives alone, partitions of ${partitionBytes} bytes`, async () => {
      const out = join(folder, "out", String(partitionBytes));
      const stores = read.csv(join(folder, "stores.csv"), { schema: { store: "utf8", region: "utf8" } });
      const sales = read
        .csv(join(folder, "sales.csv"), { schema, onReject: "quarantine" })
        .join(stores, { on: "store", how: "left" });
      const all = plan.all(
        sales
          .groupBy("key")
          .agg((c) => ({ n: count(), amount: sum(c.amount), last: max(c.store) }))
          .write.parquet(join(out, "keys")),
        sales
          .groupBy("region", "store")
          .agg((c) => ({ n: count(), mean: avg(c.amount) }))
          .write.parquet(join(out, "stores")),
        sales.filter((c) => c.part.gt(3)).write.csv(join(out, "rows")),
        sales
          .withColumns((c) => ({ label: checked(c.key, c.part) }))
          .groupBy("label", "store")
          .agg((c) => ({ n: count(), amount: sum(c.amount) }))
          .write.parquet(join(out, "labels")),
      );
      const engine = await engines.with({ workers: 2, partitionBytes });
      const { rejects } = await engine.run(all).result;
      const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
      const from = `(select * from read_csv('${join(folder, "sales.csv")}', columns = {id: 'bigint', key: 'varchar', store: 'varchar', amount: 'double',
        part: 'int'}) s join read_csv('${join(folder, "stores.csv")}', columns = {store: 'varchar', region: 'varchar'}) t using (store))`;
      const same = async (name: string, written: string, wanted: string) => {
        const query = `select count(*) as n from ((${written}) except all (${wanted}) union all ((${wanted}) except all (${written})))`;
        expect((await duckdb.runAndReadAll(query)).getRowObjects(), name).toEqual([{ n: 0n }]);
      };
      const parquet = (name: string) => `from read_parquet('${join(out, name)}/**/*.parquet')`;
      await same(
        "keys",
        `select key, n, amount, last ${parquet("keys")}`,
        `select key, count(*)::bigint, sum(amount), max(store) from ${from} group by key`,
      );
      await same(
        "stores",
        `select region, store, n, mean ${parquet("stores")}`,
        `select region, store, count(*)::bigint, avg(amount) from ${from} group by all`,
      );
      await same(
        "rows",
        `select id, key, region from read_csv('${join(out, "rows")}/**/*.csv')`,
        `select id, key, region from ${from} where part > 3`,
      );
      await same(
        "labels",
        `select label, store, n, amount ${parquet("labels")}`,
        `select key[1:3] || ' ' || part, store, count(*)::bigint, sum(amount) from ${from} where part >= 0 group by all`,
      );
      const lines = readFileSync(join(folder, "sales.csv"), "utf8").split("\n");
      const wanted = lines.slice(1, -1).filter((_, i) => isBad(i));
      expect(rejects.count).toBe(wanted.length);
      const raws: string[] = [];
      for await (const { raw } of rejects) raws.push(Buffer.from(raw ?? []).toString());
      expect(raws.sort()).toEqual(wanted.sort());
    });
  }
});
