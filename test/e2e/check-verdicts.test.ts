import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Check, check, Engine, read } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Small expectations whose outcome was worked out by hand from docs/CHECKS.md: `failed/total verdict`. */
let folder = "";
let engine: Engine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-verdicts-"));
  engine = await Engine.create({ workers: 1, stateDir: join(folder, "state"), history: false });
});
afterAll(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

type Row = { readonly v: unknown; readonly w?: unknown };
type Expected = readonly (readonly [Check<string>, string])[];
const column = (values: readonly unknown[]): Row[] => values.map((v) => ({ v }));

async function holds(schema: { readonly [name: string]: string }, rows: readonly Row[], expected: Expected): Promise<void> {
  const named = expected.map(([one], i) => ({ ...one, spec: { ...one.spec, name: `${i}` } }));
  const plan = read
    .rows(rows as never, { schema: schema as never })
    .expect(...(named as never[]))
    .write.csv(join(folder, "out.csv"), { mode: "overwrite" });
  const { report } = await engine.run(plan).result;
  const found = (report.quality?.checks ?? []).map(({ failed, total, verdict }) => `${failed}/${total} ${verdict}`);
  const text = ([one]: Expected[number], i: number) => `${i} ${one.spec.kind} ${one.spec.expected} at ${one.spec.threshold}`;
  expect(found.map((outcome, i) => `${text(expected[i] as Expected[number], i)}: ${outcome}`)).toEqual(
    expected.map((one, i) => `${text(one, i)}: ${one[1]}`),
  );
}

const day = (text: string) => new Date(`${text}T00:00:00Z`);
const at = (text: string) => new Date(`${text}Z`);

describe("expectations worked out by hand", () => {
  it("whole numbers with nulls and ties", () =>
    holds({ v: "int32" }, column([1, 2, 2, 3, null, 10, null, -5, 0, 7]), [
      [check.notNull("v"), "2/10 failed"],
      [check.notNull("v", { threshold: 0.8 }), "2/10 passed"],
      [check.notNull("v", { threshold: 0.81 }), "2/10 failed"],
      [check.between("v", { min: 0, max: 10 }), "1/8 failed"],
      [check.between("v", { min: 0, max: 10 }, { threshold: 0.875 }), "1/8 passed"],
      [check.between("v", { min: 0, max: 10 }, { threshold: 0.88 }), "1/8 failed"],
      [check.between("v", { min: -5, max: 10 }), "0/8 passed"],
      [check.between("v", { min: -5 }), "0/8 passed"],
      [check.between("v", { min: -4 }), "1/8 failed"],
      [check.between("v", { max: 10 }), "0/8 passed"],
      [check.between("v", { max: 9 }), "1/8 failed"],
      [check.between("v", { min: 2, max: 2 }, { threshold: 0.25 }), "6/8 passed"],
      [check.between("v", { min: 5, max: 1 }, { threshold: 0 }), "8/8 passed"],
      [check.inSet("v", [1, 2, 3]), "4/8 failed"],
      [check.inSet("v", [1, 2, 3], { threshold: 0.5 }), "4/8 passed"],
      [check.inSet("v", [-5, 0, 1, 2, 3, 7, 10]), "0/8 passed"],
      [check.inSet("v", [11], { threshold: 0 }), "8/8 passed"],
      [check.unique("v"), "1/8 failed"],
      [check.unique("v", { threshold: 0.875 }), "1/8 passed"],
      [check.satisfies((c) => c.v.ne(2)), "2/10 failed"],
      [check.satisfies((c) => c.v.ne(2), { threshold: 0.8 }), "2/10 passed"],
      [check.satisfies((c) => c.v.gt(0).or(c.v.isNull()), { threshold: 0.8 }), "2/10 passed"],
      [check.satisfies("v", (v) => v !== null), "2/10 failed"],
      [check.type("v", "int8"), "0/8 passed"],
      [check.type("v", "uint8"), "1/8 failed"],
      [check.rowCount({ min: 10, max: 10 }), "0/1 passed"],
      [check.rowCount({ min: 11 }), "1/1 failed"],
      [check.rowCount({ max: 9 }), "1/1 failed"],
      [check.nullRate("v", { max: 0.2 }), "0/1 passed"],
      [check.nullRate("v", { max: 0.19 }), "1/1 failed"],
      [check.mean("v", { min: 2.5, max: 2.5 }), "0/1 passed"],
      [check.mean("v", { max: 2.49 }), "1/1 failed"],
      [check.sum("v", { min: 20, max: 20 }), "0/1 passed"],
      [check.min("v", { min: -5, max: -5 }), "0/1 passed"],
      [check.max("v", { min: 10, max: 10 }), "0/1 passed"],
      [check.max("v", { max: 9 }), "1/1 failed"],
      [check.median("v", { min: 2, max: 2 }), "0/1 passed"],
      [check.quantile("v", 0.5, { min: 2, max: 2 }), "0/1 passed"],
      [check.quantile("v", 0, { max: -5 }), "0/1 passed"],
      [check.quantile("v", 1, { min: 10 }), "0/1 passed"],
      // Of -5 0 1 2 2 3 7 10: place 0.25 * 7 = 1.75, between 0 and 1.
      [check.quantile("v", 0.25, { min: 0.75, max: 0.75 }), "0/1 passed"],
      [check.distinctCount("v", { min: 7, max: 7 }), "0/1 passed"],
      [check.distinctCount("v", { min: 8 }), "1/1 failed"],
    ]));

  it("texts: blanks, patterns anywhere, letters beyond ASCII", () =>
    holds({ v: "utf8" }, column(["ab", "AB", "", "  ", null, "\t\n", "b1", "é", "a b", "\u00a0"]), [
      [check.notNull("v", { threshold: 0.9 }), "1/10 passed"],
      [check.notBlank("v", { threshold: 0.5 }), "5/10 passed"],
      [check.notBlank("v", { threshold: 0.51 }), "5/10 failed"],
      [check.matches("v", /b/), "6/9 failed"],
      [check.matches("v", /b/, { threshold: 0.33 }), "6/9 passed"],
      [check.matches("v", /b/i, { threshold: 0.44 }), "5/9 passed"],
      [check.matches("v", /^b/, { threshold: 0.11 }), "8/9 passed"],
      [check.matches("v", /^.?$/), "6/9 failed"],
      [check.matches("v", /^$/, { threshold: 0 }), "8/9 passed"],
      [check.matches("v", /\d/, { threshold: 0 }), "8/9 passed"],
      [check.matches("v", ""), "0/9 passed"],
      [check.inSet("v", ["ab", "AB", "b1", "a b"], { threshold: 0.4 }), "5/9 passed"],
      [check.inSet("v", ["", "  "], { threshold: 0 }), "7/9 passed"],
      [check.between("v", { min: "a" }), "4/9 failed"],
      [check.between("v", { min: "a", max: "b" }, { threshold: 0 }), "7/9 passed"],
      [check.unique("v"), "0/9 passed"],
      [check.type("v", "int32", { threshold: 0 }), "9/9 passed"],
      [check.satisfies((c) => c.v.length().lte(2)), "1/10 failed"],
      [check.min("v", { max: "" }), "0/1 passed"],
      [check.max("v", { min: "é", max: "é" }), "0/1 passed"],
      [check.distinctCount("v", { min: 9, max: 9 }), "0/1 passed"],
    ]));

  it("texts that may be numbers or dates", () =>
    holds({ v: "utf8" }, column(["1", "-2", "2.5", "1e3", "x", "", null, "2024-02-29", "2023-02-29", "true"]), [
      [check.type("v", "int32", { threshold: 0 }), "7/9 passed"],
      [check.type("v", "float64", { threshold: 0 }), "5/9 passed"],
      [check.type("v", "date", { threshold: 0 }), "8/9 passed"],
      [check.type("v", "utf8"), "0/9 passed"],
      [check.type("v", "int32"), "7/9 failed"],
    ]));

  it("doubles: NaN is the largest, and one value; -0 is 0", () =>
    holds({ v: "float64" }, column([0, -0, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, -1.5, null]), [
      [check.notNull("v", { threshold: 0.85 }), "1/7 passed"],
      [check.between("v", { min: 0 }), "1/6 failed"],
      [check.between("v", { max: 0 }, { threshold: 0.5 }), "3/6 passed"],
      [check.between("v", { min: -1.5, max: Number.POSITIVE_INFINITY }), "2/6 failed"],
      [check.between("v", { max: Number.NaN }), "0/6 passed"],
      [check.inSet("v", [0]), "4/6 failed"],
      [check.inSet("v", [Number.NaN], { threshold: 0.33 }), "4/6 passed"],
      [check.unique("v"), "2/6 failed"],
      [check.distinctCount("v", { min: 4, max: 4 }), "0/1 passed"],
      [check.max("v", { max: 1e308 }), "1/1 failed"],
      [check.min("v", { min: -1.5, max: -1.5 }), "0/1 passed"],
      [check.mean("v", { min: -1e308, max: 1e308 }), "1/1 failed"],
      [check.nullRate("v", { max: 0.15 }), "0/1 passed"],
      [check.type("v", "int32", { threshold: 0.3 }), "3/6 passed"],
      // The spread of values that are not finite is NaN, which no bound above holds.
      [check.stddev("v", { max: 1e308 }), "1/1 failed"],
      [check.stddev("v", { min: 0 }), "0/1 passed"],
    ]));

  it("figures beyond what the column's type holds", () =>
    holds(
      { v: "int64", w: "float64" },
      [
        { v: 9223372036854775807n, w: 1e308 },
        { v: 9223372036854775807n, w: -1e308 },
      ],
      [
        [check.sum("v", { min: 18446744073709551614n, max: 18446744073709551614n }), "0/1 passed"],
        [check.sum("v", { max: 9223372036854775807n }), "1/1 failed"],
        [check.mean("v", { min: 9.2e18, max: 9.3e18 }), "0/1 passed"],
        [check.stddev("v", { max: 0 }), "0/1 passed"],
        [check.stddev("w", { max: 1e308 }), "1/1 failed"],
        [check.sum("w", { min: 0, max: 0 }), "0/1 passed"],
        [check.unique("v"), "1/2 failed"],
      ],
    ));

  it("decimals compare exactly", () =>
    holds({ v: "decimal(10, 2)" }, column(["0.10", "0.20", "0.30", "99999999.99", null]), [
      [check.between("v", { min: 0.1, max: 0.3 }, { threshold: 0.75 }), "1/4 passed"],
      [check.between("v", { max: 99999999.99 }), "0/4 passed"],
      [check.between("v", { max: 99999999.98 }), "1/4 failed"],
      [check.inSet("v", [0.1, 0.2, 0.3], { threshold: 0.75 }), "1/4 passed"],
      [check.satisfies((c) => c.v.mul(10).gte(1)), "0/5 passed"],
      [check.sum("v", { min: 100000000.59, max: 100000000.59 }), "0/1 passed"],
      [check.unique("v"), "0/4 passed"],
      [check.min("v", { min: 0.1, max: 0.1 }), "0/1 passed"],
    ]));

  it("dates and moments", () =>
    holds(
      { v: "date", w: "timestamp" },
      [
        { v: day("2024-01-01"), w: at("2024-01-01T12:00:00") },
        { v: day("2024-01-02"), w: at("2024-01-03T00:00:00.001") },
        { v: day("2024-01-03"), w: null },
        { v: null, w: at("2024-01-05T00:00:00") },
      ],
      [
        [check.onTime("v", { arrived: "w", within: "24h" }), "1/2 failed"],
        [check.onTime("v", { arrived: "w", within: "24h", threshold: 0.5 }), "1/2 passed"],
        [check.onTime("v", { arrived: "w", within: 86_400_001 }), "0/2 passed"],
        [check.onTime("w", { arrived: "v", within: 0 }), "0/2 passed"],
        [check.fresh("v", { within: "1d", now: at("2024-01-03T00:00:00") }), "1/3 failed"],
        [check.fresh("v", { within: "2d", now: at("2024-01-03T00:00:00") }), "0/3 passed"],
        [check.fresh("w", { within: "2d", now: at("2024-01-05T00:00:00"), threshold: 0.6 }), "1/3 passed"],
        [check.fresh("w", { within: 0, now: at("2024-01-05T00:00:00"), of: "newest" }), "0/1 passed"],
        [check.fresh("w", { within: 0, now: at("2024-01-05T00:00:00.001"), of: "newest" }), "1/1 failed"],
        [check.between("v", { min: day("2024-01-02") }, { threshold: 0.66 }), "1/3 passed"],
        [check.between("v", { max: "2024-01-03" }), "0/3 passed"],
        [check.unique(["v", "w"]), "0/2 passed"],
        [check.satisfies((c) => c.v.lte(c.w.toDate())), "0/4 passed"],
        [check.columns(["w", "v"]), "0/1 passed"],
        [check.columns(["w", "v"], { exact: true }), "1/1 failed"],
        [check.columns(["v", "w"], { exact: true }), "0/1 passed"],
        [check.columns(["v", "x"]), "1/1 failed"],
      ],
    ));

  const everything: readonly Check<string>[] = [
    check.between("v", { min: 5 }),
    check.inSet("v", [1]),
    check.type("v", "int8"),
    check.unique("v"),
    check.fresh("w", { within: 0, now: at("2024-01-01T00:00:00") }),
    check.onTime("w", { arrived: "w", within: 0 }),
  ];
  it("no rows: what is about rows holds, and a figure only where no rows have one", () =>
    holds(
      { v: "int32", w: "timestamp" },
      [],
      [
        ...everything.map((one) => [one, "0/0 passed"] as const),
        [check.notNull("v"), "0/0 passed"],
        [check.satisfies((c) => c.v.gt(0)), "0/0 passed"],
        [check.rowCount({ max: 0 }), "0/1 passed"],
        [check.rowCount({ min: 1 }), "1/1 failed"],
        [check.distinctCount("v", { max: 0 }), "0/1 passed"],
        [check.nullRate("v", { max: 0 }), "0/1 passed"],
        [check.mean("v", { min: 0 }), "1/1 failed"],
        [check.sum("v", { min: 0 }), "1/1 failed"],
        [check.max("v", { max: 9 }), "1/1 failed"],
      ],
    ));
  it("nothing but nulls: checks of values hold, completeness does not", () =>
    holds(
      { v: "int32", w: "timestamp" },
      [
        { v: null, w: null },
        { v: null, w: null },
      ],
      [
        ...everything.map((one) => [one, "0/0 passed"] as const),
        [check.notNull("v"), "2/2 failed"],
        [check.satisfies((c) => c.v.gt(0)), "0/2 passed"],
        [check.nullRate("v", { max: 0.99 }), "1/1 failed"],
        [check.nullRate("v", { max: 1 }), "0/1 passed"],
        [check.unique(["v", "w"]), "0/0 passed"],
        [check.min("v", { min: 0 }), "1/1 failed"],
      ],
    ));
});
