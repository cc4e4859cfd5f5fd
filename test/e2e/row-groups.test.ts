import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, count, Engine, type Plan, read, udf } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";
import { duckJson as duck } from "../support/duckJson.js";

let folder = "";
let engine: Engine;
let made = 0;
const rows = 50_000;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-row-groups-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state"), partitionBytes: 60_000 });
  const select = `SELECT i AS id, 'n' || i AS name, CASE WHEN i < 9000 THEN NULL ELSE i % 10 END AS digit, hash(i) % 4 AS part FROM range(${rows}) t(i)`;
  await duck(`COPY (${select}) TO '${folder}/one.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  await duck(`COPY (${select}) TO '${folder}/many' (FORMAT parquet, PARTITION_BY (part), ROW_GROUP_SIZE 2048)`);
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ran(plan: (out: string) => Plan) {
  const out = join(folder, `out-${made++}`);
  const { report } = await engine.run(plan(out)).result;
  const { execution } = report.toJSON();
  return {
    found: await duck(`SELECT * FROM read_parquet('${out}/**/*.parquet', hive_partitioning = false) ORDER BY id`),
    read: execution.recordsRead,
    filtered: execution.recordsFiltered,
    rejected: execution.recordsFailed,
    bytes: execution.stages[0]?.bytes ?? Number.NaN,
  };
}

const half = udf((id: bigint) => Number(id) / 2, { returns: "float64" });

it("rows of groups that no condition lets through are counted as filtered", async () => {
  const all = await ran((out) => read.parquet(join(folder, "one.parquet")).write.parquet(out));
  for (const plan of [
    (out: string) =>
      read
        .parquet(join(folder, "one.parquet"))
        .filter((c) => c.id.gte(20_000n).and(c.id.lt(20_100n)))
        .write.parquet(out),
    (out: string) =>
      read
        .parquet(join(folder, "one.parquet"))
        .withColumns((c) => ({ half: half(c.id) }))
        .filter((c) => c.id.gte(20_000n).and(c.half.lt(10_050)))
        .drop("half")
        .write.parquet(out),
  ]) {
    const few = await ran(plan);
    expect(few.found).toEqual(await duck(`SELECT * FROM '${folder}/one.parquet' WHERE id BETWEEN 20000 AND 20099 ORDER BY id`));
    expect([few.read, few.filtered, few.rejected]).toEqual([rows, rows - 100, 0]);
  }
  const few = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"))
      .filter((c) => c.id.lt(10n))
      .write.parquet(out),
  );
  expect(few.bytes).toBeLessThan(all.bytes / 10);
});

it("files whose folders exclude the filter are not read, whoever reads", async () => {
  const select = `SELECT i AS id, i % 10 AS digit, 'm' || (i % 12) AS month, DATE '2026-01-30' + (i % 5)::INTEGER AS day FROM range(5000) t(i)`;
  for (const format of ["parquet", "csv"]) {
    await duck(`COPY (${select}) TO '${folder}/${format}-days' (FORMAT ${format}, PARTITION_BY (month, day))`);
  }
  const wanted = (where: string) => duck(`SELECT id, digit FROM (${select}) WHERE ${where} ORDER BY id`);
  const sources = { parquet: () => read.parquet(join(folder, "parquet-days")), csv: () => read.csv(join(folder, "csv-days")) };
  for (const [format, source] of Object.entries(sources)) {
    const cases = [
      [source().filter((c) => c.month.eq("m7")), "month = 'm7'", 5],
      [source().filter((c) => c.day.lt(new Date("2026-02-01"))), "day < '2026-02-01'", 24],
      [source().filter((c) => c.month.startsWith("m1").and(c.digit.gt(3))), "month LIKE 'm1%' AND digit > 3", 15],
      [source().filter((c) => c.month.eq("m1").or(c.digit.gt(3))), "month = 'm1' OR digit > 3", 60],
      [source().filter((c) => c.month.eq("none")), "month = 'none'", 0],
    ] as const;
    for (const [plan, where, files] of cases) {
      expect(await engine.explain(plan)).toContain(files === 60 ? `${format}-days [` : `, ${files} of 60 files`);
      const rows = (await engine.collect(plan)).toArray() as { id: bigint; digit: bigint }[];
      const found = rows.map(({ id, digit }) => [String(id), String(digit)]).sort(([a], [b]) => Number(a) - Number(b));
      expect(found).toEqual(await wanted(where));
      const out = join(folder, `out-${made++}`);
      const { report } = await engine.run(plan.write.parquet(out)).result;
      const { recordsRead, recordsWritten, recordsFiltered, inputs } = report.toJSON().execution;
      expect([recordsRead - recordsFiltered, recordsWritten, inputs.length]).toEqual([found.length, found.length, files]);
    }
  }
});

it("sorted rows of a union of which no file is left, or that has none in its only file, are no rows", async () => {
  const none = read.parquet(join(folder, "many")).filter((c) => c.part.eq(99));
  await duck(`COPY (SELECT * FROM '${folder}/one.parquet' WHERE false) TO '${folder}/none.parquet' (FORMAT parquet)`);
  const empty = read.parquet(join(folder, "none.parquet"));
  for (const plan of [none.union(none), empty.union(empty), empty.union(none), none.sort("name").union(none)]) {
    for (const written of [
      plan,
      plan.sort("id"),
      plan.groupBy("id", "name").agg(() => ({ n: count() })),
      plan.dedupe({ by: ["id"] }),
    ]) {
      const { found, read: recordsRead } = await ran((out) => written.write.parquet(out));
      expect([found, recordsRead]).toEqual([[], 0]);
    }
  }
});

it("a file stays while one scan of its source wants it", async () => {
  const days = () => read.parquet(join(folder, "many"));
  const [one, two] = [days().filter((c) => c.part.eq(1)), days().filter((c) => c.part.eq(2))];
  const both = await ran((out) => one.union(two).write.parquet(out));
  const select = `SELECT id, name, digit, part FROM read_parquet('${folder}/many/**/*.parquet', hive_partitioning = true)`;
  expect(both.found).toEqual(await duck(`${select} WHERE part IN (1, 2) ORDER BY id`));
  expect(both.read).toBe(both.found.length);
  const all = await ran((out) => one.union(days()).write.parquet(out));
  expect([all.read, all.found.length]).toEqual([
    rows,
    rows + both.found.filter(([, , , part]) => part === "1" || part === 1).length,
  ]);
});

it("rows that lack a required value, and those that a check judges first, are not passed over", async () => {
  const strict = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"), { required: ["digit"], onReject: "quarantine" })
      .filter((c) => c.id.gte(20_000n))
      .write.parquet(out),
  );
  expect([strict.rejected, strict.filtered, strict.found.length]).toEqual([9000, 11_000, 30_000]);
  const checked = await ran((out) =>
    read
      .parquet(join(folder, "one.parquet"), { onReject: "quarantine" })
      .expect(check.notNull("digit", { action: "quarantine" }))
      .filter((c) => c.id.gte(20_000n))
      .write.parquet(out),
  );
  expect([checked.rejected, checked.filtered, checked.found.length]).toEqual([9000, 11_000, 30_000]);
});

it("rejects behind groups that were passed over name their row", async () => {
  const out = join(folder, `out-${made++}`);
  const fails = udf(
    (id: bigint) => {
      if (id === 30_000n) throw new Error("not this one");
      return Number(id);
    },
    { returns: "float64" },
  );
  const result = await engine.run(
    read
      .parquet(join(folder, "one.parquet"), { onReject: "quarantine" })
      .filter((c) => c.id.gte(29_990n))
      .withColumns((c) => ({ x: fails(c.id) }))
      .write.parquet(out),
  ).result;
  const { samples } = result.report.toJSON().execution.rejects;
  expect(samples.map(({ row }) => row)).toEqual([30_000]);
});
