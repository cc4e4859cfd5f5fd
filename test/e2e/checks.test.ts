import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Check, check, Engine, MillraceError, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Checks, against plain DuckDB over the same file. */
const schema = { id: "int64", name: "utf8", email: "utf8", qty: "int32", price: "float64", day: "date", store: "utf8" } as const;
const duckColumns =
  "{'id':'BIGINT','name':'VARCHAR','email':'VARCHAR','qty':'INTEGER','price':'DOUBLE','day':'DATE','store':'VARCHAR'}";

let folder = "";
let file = "";
let stores = "";
let engine: Engine;
let duckdb: DuckDBConnection;
let instance: DuckDBInstance;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-checks-"));
  file = join(folder, "in.csv");
  stores = join(folder, "stores.csv");
  writeFileSync(file, rowsText(9_000));
  writeFileSync(stores, `store,city\n${Array.from({ length: 8 }, (_, i) => `s${i},c${i}`).join("\n")}\n`);
  engine = await Engine.create({ workers: 2 });
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
}, 180_000);

afterAll(async () => {
  await engine?.close();
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows with nulls, blanks, NaN and texts of several lines; the same every time. */
function rowsText(rows: number): string {
  let state = 17;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const lines = ["id,name,email,qty,price,day,store"];
  const maybe = (text: string) => (random() < 0.04 ? "" : text);
  for (let row = 0; row < rows; row++) {
    const names = ["  ", "\t", '"a\nb"', `n${row}`, `n${row}`, `n${row}`];
    const price = random() < 0.02 ? "NaN" : (random() * 100).toFixed(2);
    lines.push(
      [
        maybe(String(Math.floor(random() * rows))),
        maybe(names[Math.floor(random() * names.length)] ?? ""),
        maybe(random() < 0.1 ? "nobody" : `u${row}@example.org`),
        maybe(String(Math.floor(random() * 12) - 1)),
        maybe(price),
        maybe(`2024-0${1 + Math.floor(random() * 9)}-1${Math.floor(random() * 10)}`),
        maybe(`s${Math.floor(random() * 10)}`),
      ].join(","),
    );
  }
  return `${lines.join("\n")}\n`;
}

const source = () => read.csv(file, { schema });
const from = () => `read_csv('${file}', columns = ${duckColumns}, header = true, allow_quoted_nulls = false)`;
const run = (checks: readonly Check<keyof typeof schema>[], using = engine) =>
  using.run(
    source()
      .expect(...checks)
      .write.csv(join(folder, "out"), { mode: "overwrite" }),
  );

async function number(sql: string): Promise<number> {
  const [row] = (await duckdb.runAndReadAll(`SELECT CAST((${sql}) AS DOUBLE)`)).getRows();
  return Number(row?.[0]);
}

/** Checks of values leave rows without one out of the count. */
const valueChecks = ["matches", "between", "inSet", "type", "fresh", "onTime", "unique", "references"];
async function counted({ spec }: Check<string>): Promise<number> {
  const whole = valueChecks.includes(spec.kind) ? spec.columns.map((name) => `${name} IS NOT NULL`) : [];
  return number(`SELECT count(*) FROM ${from()} WHERE ${whole.join(" AND ") || "true"}`);
}

const failing = (condition: string) => `SELECT count(*) FROM ${from()} WHERE ${condition}`;

describe("row checks count what DuckDB counts", () => {
  const cases: readonly (readonly [Check<keyof typeof schema>, string])[] = [
    [check.notNull("name"), "name IS NULL"],
    [check.notBlank("name"), "name IS NULL OR NOT regexp_matches(name, '[^\\s\\x0B]')"],
    [check.matches("email", /^[^@]+@[^@]+$/), "NOT regexp_matches(email, '^[^@]+@[^@]+$')"],
    [check.between("qty", { min: 0, max: 9 }), "NOT (qty BETWEEN 0 AND 9)"],
    [check.between("price", { max: 50 }), "NOT (price <= 50)"],
    [check.inSet("store", ["s1", "s2", "s3"]), "store NOT IN ('s1', 's2', 's3')"],
    [check.type("name", "int32"), "name IS NOT NULL AND TRY_CAST(name AS INTEGER) IS NULL"],
    [check.satisfies((c) => c.id.gt(c.qty)), "NOT (id > qty)"],
    [check.fresh("day", { within: "30d", now: new Date("2024-09-01") }), "NOT (day >= TIMESTAMP '2024-08-02')"],
    [check.satisfies(["qty"], (qty) => qty === null || qty !== 5), "qty = 5"],
  ];
  it.each(cases.map(([one, condition]) => ({ name: one.spec.name, one, condition })))("$name", async ({ one, condition }) => {
    const { report } = await run([one]);
    const [result] = report.quality?.checks ?? [];
    expect(result).toMatchObject({ total: await counted(one), failed: await number(failing(condition)) });
    expect(result?.unexpected.values.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(result?.failed ?? 0);
    expect(result?.verdict).toBe((result?.passRate ?? 0) >= 0.99 ? "passed" : "failed");
  });

  it("says where the first failures are", async () => {
    const { report } = await run([check.notNull("store")]);
    const samples = report.quality?.checks[0]?.samples ?? [];
    const text = readFileSync(file, "utf8");
    expect(samples).toHaveLength(5);
    for (const { line, byte, values } of samples) {
      expect(values).toEqual({ store: null });
      const start = byte ?? 0;
      expect(text.slice(start).split("\n")[0]).toMatch(/,$|"/);
      expect(text.slice(0, start).split("\n")).toHaveLength(line ?? 0);
    }
  });

  it("counts a condition that throws as failed, with its message", async () => {
    const throwing = check.satisfies("qty", (qty) => {
      if (qty === 7) throw new Error("no sevens");
      return true;
    });
    const { report } = await run([throwing]);
    const sevens = await number(failing("qty = 7"));
    const [result] = report.quality?.checks ?? [];
    expect(result).toMatchObject({ failed: sevens, threw: sevens });
    expect(result?.samples[0]?.message).toContain("no sevens");
  });
});

describe("checks of more than one row", () => {
  it("agrees with DuckDB on duplicates, references and figures", async () => {
    const { report } = await run([
      check.unique("id"),
      check.unique(["store", "day"]),
      check.references("store", read.csv(stores, { schema: { store: "utf8", city: "utf8" } })),
      check.rowCount({ min: 9_000, max: 9_000 }),
      check.nullRate("qty", { max: 0.01 }),
      check.mean("qty", { min: 0, max: 100 }),
      check.quantile("qty", 0.9, { max: 100 }),
      check.distinctCount("store", { min: 10, max: 10 }),
      check.columns(["id", "store"]),
      check.columns(["id", "store"], { exact: true }),
      check.fresh("day", { within: "400d", of: "newest", now: new Date("2025-01-01") }),
    ]);
    const results = report.quality?.checks ?? [];
    const duplicates = (columns: string) =>
      number(
        `SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM ${from()} WHERE (${columns.replace(",", ") IS NOT NULL AND (")}) IS NOT NULL GROUP BY ${columns})`,
      );
    expect(results[0]).toMatchObject({
      total: await number(`SELECT count(id) FROM ${from()}`),
      failed: await duplicates("id"),
      verdict: "failed",
    });
    const both = await number(failing("store IS NOT NULL AND day IS NOT NULL"));
    expect(results[1]).toMatchObject({ total: both, failed: await duplicates("store,day") });
    expect(results[2]).toMatchObject({
      total: await number(`SELECT count(store) FROM ${from()}`),
      failed: await number(failing("store IN ('s8', 's9')")),
    });
    expect(results[2]?.unexpected.values.map(({ value }) => value).sort()).toEqual(["s8", "s9"]);
    expect(results[3]).toMatchObject({ verdict: "passed", observed: "9000" });
    expect(results[4]?.verdict).toBe("failed");
    expect(Number(results[4]?.observed)).toBeCloseTo(await number(`SELECT avg(CAST(qty IS NULL AS INTEGER)) FROM ${from()}`), 12);
    expect(Number(results[5]?.observed)).toBeCloseTo(await number(`SELECT avg(qty) FROM ${from()}`), 10);
    expect(Number(results[6]?.observed)).toBeCloseTo(await number(`SELECT quantile_cont(qty, 0.9) FROM ${from()}`), 10);
    expect(results.slice(7).map(({ verdict }) => verdict)).toEqual(["passed", "passed", "failed", "passed"]);
  });

  it("compares with a reference by key, within a tolerance", async () => {
    const rows = [
      { key: "a", value: 1 },
      { key: "b", value: 2.4 },
      { key: "c", value: null },
      { key: "d", value: 9 },
      { key: "e", value: Number.NaN },
    ];
    const truth = [
      { key: "a", truth: 1.05 },
      { key: "b", truth: 2 },
      { key: "c", truth: 3 },
      { key: "e", truth: 1 },
    ];
    const numbers = { key: "utf8", truth: "float64" } as const;
    const reference = read.rows(truth, { schema: numbers });
    const result = await engine.run(
      read
        .rows(rows, { schema: { key: "utf8", value: "float64" } })
        .expect(check.agrees("value", reference, { key: "key", column: "truth", tolerance: 0.1 }))
        .write.csv(join(folder, "agrees"), { mode: "overwrite" }),
    );
    expect(result.report.quality?.checks[0]).toMatchObject({ total: 4, failed: 3, passRate: 0.25, critical: true });
  });
});

describe("what follows", () => {
  it("quarantine sets the rows aside, whatever the source says of records that cannot be read", async () => {
    const result = await run([check.between("qty", { min: 0 }, { action: "quarantine" })]);
    const failed = await number(failing("qty < 0"));
    expect(result.status).toBe("partial");
    expect(result.report.data.execution.rejects.byCode).toEqual({ CHECK_FAILED: failed });
    expect(result.outputs[0]?.rows).toBe(9_000 - failed);
  });

  it("fail publishes nothing", async () => {
    const target = join(folder, "gate.csv");
    const plan = source()
      .expect(check.unique("id", { action: "fail" }))
      .write.csv(target);
    const error = await engine.run(plan).result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ code: "CHECK_FAILED", category: "Data" });
    expect((error as { report?: { quality?: { verdict: string } } }).report?.quality?.verdict).toBe("failed");
    expect(() => readFileSync(target)).toThrow();
  });

  it("refuses to quarantine by a check that judges no single rows, and unknown columns", async () => {
    expect(() => check.rowCount({ min: 1, action: "quarantine" })).toThrow(/judges no single rows/);
    expect(() => check.columns(["id"], { action: "quarantine" })).toThrow(/judges no single rows/);
    const plan = read.csv(file).expect(check.notNull("nmae")).write.csv(join(folder, "x"));
    await expect(engine.run(plan).result).rejects.toMatchObject({ code: "UNKNOWN_COLUMN" });
  });

  it("a limit below does not cut the checks short", async () => {
    const { report } = await engine.run(
      source().expect(check.notNull("name")).limit(3).write.csv(join(folder, "limited"), { mode: "overwrite" }),
    );
    expect(report.quality?.checks[0]).toMatchObject({ total: 9_000, failed: await number(failing("name IS NULL")) });
  });
});

describe("the same for any number of workers, any partitions and the interpreter", () => {
  it("verdicts, counts, samples and values", async () => {
    const checks = [
      check.notBlank("name"),
      check.matches("email", /@/),
      check.type("name", "int32"),
      check.satisfies(["qty", "price"], (qty, price) => {
        if (price === null) throw new Error("no price");
        return qty !== 3;
      }),
      check.between("qty", { min: 0 }, { action: "quarantine" }),
      check.unique(["store", "qty"]),
      check.mean("price", { max: 1 }),
    ] as const;
    const base = (await run(checks)).report.quality;
    for (const options of [
      { workers: 1 },
      { workers: 3, partitionBytes: 20_000 },
      { workers: 2, partitionBytes: 61_111 },
      { workers: 1, kernels: "interpreted", optimizer: false } as const,
    ]) {
      const other = await Engine.create(options);
      expect((await run(checks, other)).report.quality).toEqual(base);
      await other.close();
    }
  }, 180_000);
});
