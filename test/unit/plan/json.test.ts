import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { count, sum } from "../../../src/plan/aggregates.js";
import { plan } from "../../../src/plan/all.js";
import { canonicalJson } from "../../../src/plan/canonical.js";
import { desc } from "../../../src/plan/expressions.js";
import { planFingerprint, planFromJson, planToJson } from "../../../src/plan/json.js";
import { read } from "../../../src/plan/read.js";
import { planText } from "../../../src/plan/text.js";
import { udf } from "../../../src/plan/udf.js";

const prefix = () => read.csv("sales.csv").filter((c) => c.quantity.gt(0));
const everything = () => {
  const twice = udf((x: number) => x * 2, { returns: "int32", name: "twice" });
  const base = prefix();
  const stores = read.parquet("stores", { schema: { id: "int64", city: "utf8" } });
  const daily = base
    .withColumns((c) => ({ day: c.at.toDate(), double: twice(c.quantity) }))
    .join(stores, { on: "id", how: "left" })
    .groupBy("day")
    .agg((c) => ({ n: count(), units: sum(c.double) }))
    .sort("day", desc("n", { nulls: "first" }))
    .limit(10, { offset: 1 });
  const other = base
    .union(prefix().rename({ a: "b" }).drop("x"))
    .distinct("id")
    .select("id", "b")
    .sql("select * from input, stores", { inputs: { stores } });
  return plan.all(daily.write.parquet("out/daily", { partitionBy: "day" }), other.write.csv("out/other.csv"));
};

describe("JSON form", () => {
  test("goes through text and back", () => {
    const json = planToJson(everything());
    const back = planFromJson(JSON.parse(JSON.stringify(json)));
    expect(back.outputs).toEqual(everything().outputs);
    expect(planToJson(back)).toEqual(json);
    expect(planFingerprint(back)).toBe(planFingerprint(everything()));
  });

  test("nodes come after their inputs, shared ones once", () => {
    const { nodes, outputs, version } = planToJson(prefix().join(prefix(), { on: "id" }).write.csv("x"));
    expect(version).toBe(1);
    expect(nodes.map(({ kind }) => kind)).toEqual(["scan", "filter", "join", "sink"]);
    expect(nodes[2]).toMatchObject({ left: 1, right: 1 });
    expect(outputs).toEqual([3]);
  });

  test.each<readonly [string, unknown]>([
    ["nothing", null],
    ["another version", { version: 2, nodes: [], outputs: [] }],
    ["no nodes", { version: 1 }],
    ["an unknown kind", { version: 1, nodes: [{ kind: "filtre", input: 0 }], outputs: [0] }],
    ["a kind from the prototype", { version: 1, nodes: [{ kind: "constructor" }], outputs: [0] }],
    ["an input that comes later", { version: 1, nodes: [{ kind: "limit", input: 0 }], outputs: [0] }],
    ["an output that is not there", { version: 1, nodes: [], outputs: [0] }],
    ["a null node", { version: 1, nodes: [null], outputs: [0] }],
  ])("%s is refused", (_name, json) => {
    expect(() => planFromJson(json)).toThrow(expect.objectContaining({ code: "INVALID_PLAN_JSON" }));
    expect(() => planFromJson(json)).toThrow(MillraceError);
  });
});

describe("fingerprint", () => {
  test("does not depend on which objects were shared", () => {
    const base = prefix();
    const shared = planFingerprint(plan.all(base.write.csv("a"), base.write.csv("b")));
    expect(planFingerprint(plan.all(prefix().write.csv("a"), prefix().write.csv("b")))).toBe(shared);
    expect(shared).toMatch(/^[0-9a-f]{64}$/);
  });

  test("changes with the plan", () => {
    const variants = [
      prefix().write.csv("a"),
      prefix().write.csv("b"),
      prefix().write.jsonl("a"),
      prefix().limit(1).write.csv("a"),
      read
        .csv("sales.csv")
        .filter((c) => c.quantity.gt(1))
        .write.csv("a"),
      read
        .csv("sales.csv")
        .filter((c) => c.quantity.gt("0"))
        .write.csv("a"),
      read
        .csv("other.csv")
        .filter((c) => c.quantity.gt(0))
        .write.csv("a"),
    ];
    expect(new Set(variants.map(planFingerprint)).size).toBe(variants.length);
  });

  test("rows count by their place, not by their identity", () => {
    const of = () => {
      const [a, b] = [read.rows([{ id: 1 }]), read.rows([{ id: 2 }])];
      return a.join(b, { on: "id" }).write.csv("x");
    };
    expect(planFingerprint(of())).toBe(planFingerprint(of()));
    const same = read.rows([{ id: 1 }]);
    expect(planFingerprint(same.join(same, { on: "id" }).write.csv("x"))).not.toBe(planFingerprint(of()));
  });

  test("canonical JSON forgets the order of keys and nothing else", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(value);
      }),
    );
  });
});

describe("text form", () => {
  test("a tree, with shared steps named", () => {
    const base = read
      .csv("sales.csv", { schema: { id: "int64", quantity: "int32" }, onReject: "skip" })
      .filter((c) => c.quantity.gt(0));
    const grouped = base.groupBy("id").agg((c) => ({ units: sum(c.quantity) }));
    const text = planText(plan.all(grouped.join(base, { on: "id", how: "left" }).write.parquet("out", { partitionBy: "id" })));
    expect(text.split("\n")).toEqual([
      'write parquet "out" (error, by id)',
      "└─ join left on id",
      "   ├─ aggregate by id: units = sum(quantity)",
      "   │  └─ filter quantity > 0 [1]",
      '   │     └─ read csv "sales.csv" (id: int64, quantity: int32), skip rejects',
      "   └─ see [1]",
    ]);
  });
});
