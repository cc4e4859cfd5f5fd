import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { count, Engine, type Plan, read, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { duckJson as duck } from "../support/duckJson.js";

let folder = "";
let made = 0;
const columns = {
  id: "int64",
  usr: "struct(id: int32, at: struct(city: utf8, zip: utf8))",
  kind: "utf8",
  price: "decimal(20,2)",
};
const duckColumns =
  "{'id': 'BIGINT', 'usr': 'STRUCT(id INTEGER, \"at\" STRUCT(city VARCHAR, zip VARCHAR))', 'kind': 'VARCHAR', 'price': 'DECIMAL(20,2)'}";

function line(i: number): string {
  const at = i % 4 === 0 ? null : { city: i % 3 === 0 ? null : `city "${i % 50}"`, ...(i % 5 === 0 ? {} : { zip: `${i}` }) };
  const usr = i % 7 === 0 ? null : { at, id: i % 11 === 0 ? null : i };
  return JSON.stringify({ id: i, ...(i % 13 === 0 ? {} : { usr }), kind: `k${i % 3}`, price: i / 4 });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-structs-"));
  writeFileSync(join(folder, "in.jsonl"), Array.from({ length: 20_000 }, (_, i) => `${line(i)}\n`).join(""));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const target = (): string => join(folder, `out-${made++}`);

async function withEngine<T>(workers: number, partitionBytes: number, action: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await Engine.create({ workers, memory: "512MB", stateDir: join(folder, "state"), partitionBytes });
  try {
    return await action(engine);
  } finally {
    await engine.close();
  }
}

const lines = () => read.jsonl(join(folder, "in.jsonl"), { schema: columns });
const source = () => `read_json('${join(folder, "in.jsonl")}', format = 'newline_delimited', columns = ${duckColumns})`;

const jobs: readonly (readonly [string, (out: string) => Plan])[] = [
  ["all rows", (out) => lines().write.parquet(out)],
  ["in folders", (out) => lines().write.parquet(out, { partitionBy: "kind" })],
  [
    "rows of a function",
    (out) =>
      lines()
        .map((row) => row, { schema: columns })
        .write.parquet(out),
  ],
  [
    "rows of a function, in folders",
    (out) =>
      lines()
        .map((row) => row, { schema: columns })
        .write.parquet(out, { partitionBy: "kind" }),
  ],
];

describe("structs that are written as Parquet", () => {
  it.each(jobs)("%s: are what DuckDB reads of the lines, with the same bytes for any number of workers", async (_, job) => {
    const expected = await duck(`SELECT id, usr, kind, price FROM ${source()} ORDER BY id`);
    const bytes: unknown[] = [];
    for (const workers of [1, 2]) {
      const out = target();
      await withEngine(workers, 300_000, async (engine) => engine.run(job(out)).result);
      const found = await duck(`SELECT id, usr, kind, price FROM read_parquet('${out}/**/*.parquet') ORDER BY id`);
      expect(found).toEqual(expected);
      const files = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".parquet"));
      bytes.push(files.sort().map((file) => [file, readFileSync(join(out, file)).toString("base64")]));
    }
    expect(bytes[1]).toEqual(bytes[0]);
  });

  it("are read again with the same types and values", async () => {
    const out = target();
    await withEngine(2, 1 << 20, async (engine) => {
      await engine.run(lines().write.parquet(out)).result;
      const before = await engine.collect(lines());
      const after = await engine.collect(read.parquet(out));
      expect(after.schema.fields.map(String)).toEqual(before.schema.fields.map(String));
      expect(after.toArray().map(String)).toEqual(before.toArray().map(String));
      const named = read
        .parquet(out)
        .withColumns((c) => ({ city: c.usr.field("at").field("city") }))
        .groupBy("city")
        .agg(() => ({ n: count() }))
        .sort("city");
      const counted = await engine.collect(named);
      expect(counted.toArray().map((row) => [row.city, String(row.n)])).toEqual(
        await duck(`SELECT usr."at".city AS city, count(*) AS n FROM ${source()} GROUP BY 1 ORDER BY 1`),
      );
    });
  });

  it("are read by workers as what they are, through functions, fields, sorts and joins", async () => {
    const out = target();
    await withEngine(2, 300_000, async (engine) => {
      await engine.run(lines().write.parquet(out)).result;
      const isEven = udf((usr: { readonly id: number | null } | null) => (usr?.id ?? 0) % 2 === 0, { returns: "bool" });
      const marked = () => read.parquet(out).withColumns((c) => ({ even: isEven(c.usr as never) }));
      const even = `SELECT *, coalesce(usr.id, 0) % 2 = 0 AS even FROM ${source()}`;
      const plans: readonly (readonly [(path: string) => Plan, string])[] = [
        [(path) => marked().write.parquet(path), even],
        [
          (path) =>
            marked()
              .filter((c) => c.even)
              .sort("price", "id")
              .write.parquet(path),
          `FROM (${even}) WHERE even`,
        ],
        [
          (path) =>
            marked()
              .withColumns((c) => ({ at: c.usr.field("at"), zip: c.usr.field("at").field("zip") }))
              .filter((c) => c.zip.isNotNull())
              .write.parquet(path),
          `SELECT *, usr."at" AS "at", usr."at".zip AS zip FROM (${even}) WHERE usr."at".zip IS NOT NULL`,
        ],
        [
          (path) =>
            marked()
              .join(
                lines()
                  .select("id", "kind")
                  .withColumns((c) => ({ other: c.kind }))
                  .drop("kind"),
                { on: "id" },
              )
              .write.parquet(path),
          `SELECT e.*, o.kind AS other FROM (${even}) e JOIN ${source()} o USING (id)`,
        ],
      ];
      for (const [plan, sql] of plans) {
        const path = target();
        await engine.run(plan(path)).result;
        const found = await duck(`FROM read_parquet('${path}/**/*.parquet') ORDER BY id`);
        expect(found).toEqual(await duck(`FROM (${sql}) ORDER BY id`));
        expect(found.length).toBeGreaterThan(1000);
      }
    });
  });
});
