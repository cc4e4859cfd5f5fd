import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { count, Engine, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";

/** Columns of Parquet and Arrow files that must have a value. */
let folder = "";
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-required-"));
  engine = await Engine.create({ workers: 2, stateDir: join(folder, "state"), partitionBytes: 4000 });
  mkdirSync(join(folder, "parquet"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  // Null every 10th and 7th row; the list in every 4th.
  const columns = `i::BIGINT AS id, CASE WHEN i % 10 <> 3 THEN i * 2 END AS a, CASE WHEN i % 7 <> 3 THEN 'b' || i END AS b,
    CASE WHEN i % 4 <> 1 THEN [i] END AS list`;
  await connection.run(
    `COPY (SELECT ${columns} FROM range(3000) t(i)) TO '${folder}/parquet/x.parquet' (FORMAT parquet, ROW_GROUP_SIZE 1000)`,
  );
  connection.closeSync();
  instance.closeSync();
  await engine.run(read.parquet(join(folder, "parquet")).write.arrow(join(folder, "arrow")));
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const rows = Array.from({ length: 3000 }, (_, i) => i);
type Row = Record<"id" | "a" | "b", never>;
const sources = { parquet: read.parquet, arrow: read.arrow };

describe.each(["parquet", "arrow"] as const)("a required column of %s", (format) => {
  const source = (required: string | readonly string[]) =>
    sources[format](join(folder, format), { required, onReject: "quarantine" });

  it("rejects the rows that lack it, with their number and values", async () => {
    const out = join(folder, `out-${format}`);
    const plan = source(["b", "a"]).select((c) => ({ id: (c as unknown as Row).id }));
    const run = await engine.run(plan.write.jsonl(out));
    const delivered = readdirSync(out)
      .filter((name) => name.endsWith(".jsonl"))
      .flatMap((name) => readFileSync(join(out, name), "utf8").trim().split("\n"))
      .map((line) => (JSON.parse(line) as { id: number }).id);
    expect(delivered.sort((x, y) => x - y)).toEqual(rows.filter((i) => i % 10 !== 3 && i % 7 !== 3));
    const rejects: unknown[] = [];
    for await (const { row, code, column, raw, line, byte } of run.rejects) {
      const { id } = JSON.parse(Buffer.from(raw ?? []).toString()) as { id: number };
      rejects.push({ row, id, code, column, line, byte });
    }
    const missing = rows.filter((i) => i % 10 === 3 || i % 7 === 3);
    const column = (i: number) => (i % 7 === 3 ? "b" : "a");
    const places = missing.map((i) => ({ id: i, code: "REQUIRED_MISSING", column: column(i), line: null, byte: null }));
    expect(rejects.map((reject) => ({ ...(reject as object), row: undefined }))).toEqual(
      places.map((place) => ({ ...place, row: undefined })),
    );
    if (format === "parquet") expect(rejects).toMatchObject(missing.map((row) => ({ row })));
    expect(run.rejects.count).toBe(missing.length);
  });

  it("is looked at before groups are formed, and in joins", async () => {
    const grouped = source("a")
      .groupBy()
      .agg((c) => ({ n: count(), total: sum((c as unknown as Row).id) }));
    const kept = rows.filter((i) => i % 10 !== 3);
    const [row] = (await engine.collect(grouped)).toArray() as { n: bigint; total: bigint }[];
    expect([Number(row?.n), Number(row?.total)]).toEqual([kept.length, kept.reduce((total, i) => total + i, 0)]);
    const joined = read.rows([{ id: 3n }, { id: 4n }, { id: 13n }]).join(
      source("a").select((c) => ({ id: (c as unknown as Row).id })),
      { on: "id", how: "inner" },
    );
    expect((await engine.collect(joined)).toArray().map((one) => Number((one as { id: bigint }).id))).toEqual([4]);
  });

  it("can be a list", async () => {
    const counted = source("list")
      .groupBy()
      .agg(() => ({ n: count() }));
    expect(Number((await engine.collect(counted)).toArray()[0]?.n)).toBe(rows.filter((i) => i % 4 !== 1).length);
  });

  it("fails the run with its place by default, and must exist", async () => {
    const failing = sources[format](join(folder, format), { required: "a" });
    const error = await failureOf(() => engine.collect(failing));
    expect(error).toMatchObject({ code: "REQUIRED_MISSING", category: "Data", place: { column: "a" } });
    const unknown = await failureOf(() => engine.collect(sources[format](join(folder, format), { required: "aa" })));
    expect(unknown).toMatchObject({ code: "UNKNOWN_COLUMN", category: "Plan" });
  });
});
