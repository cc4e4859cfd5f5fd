import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Engine, read } from "millrace";
import { afterAll, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "millrace-partitions-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const descriptors = "/proc/self/fd";
/** What one thread may keep open while it writes partitions, and what the rest of the process has open. */
const mostOpen = 2 * 1024 + 200;

/** `MILLRACE_PARTITIONS` (default 1500): so many output files, each of rows that come from two places of the input. */
const partitions = Number(process.env.MILLRACE_PARTITIONS ?? 1500);

it("a partition for every other row", { timeout: 180_000 + partitions * 20 }, async () => {
  const rows = 2 * partitions;
  const path = join(root, "in.csv");
  const lines = Array.from({ length: rows }, (_, i) => `${i},k${(i * 7919) % partitions}\n`);
  writeFileSync(path, `id,key\n${lines.join("")}`);
  await using engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(root, "state") });
  let open = 0;
  const look = setInterval(() => {
    if (existsSync(descriptors)) open = Math.max(open, readdirSync(descriptors).length);
  }, 20);
  const out = join(root, "out");
  const { outputs } = await engine.run(
    read.csv(path, { schema: { id: "int64", key: "utf8" } }).write.csv(out, { partitionBy: ["key"] }),
  );
  clearInterval(look);
  expect(open).toBeLessThan(mostOpen);
  expect(outputs[0]).toMatchObject({ rows, files: partitions });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT count(*)::INT, count(DISTINCT key)::INT, sum(id)::BIGINT, sum(CASE WHEN key = 'k' || (id * 7919) % ${partitions} THEN 0 ELSE 1 END)::INT
      FROM read_csv('${out}/*/*.csv', header = true, hive_partitioning = true, hive_types_autocast = false)`,
  );
  expect(reader.getRows()).toEqual([[rows, partitions, BigInt((rows * (rows - 1)) / 2), 0]]);
  connection.closeSync();
  instance.closeSync();
});
