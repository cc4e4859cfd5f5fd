import { describe, expect, it } from "vitest";
import { describeSql } from "../../../src/duckdb/stage.js";
import { type WantedRows, wantedOfWindows } from "../../../src/optimize/firstRows.js";
import { optimize } from "../../../src/optimize/optimize.js";
import { consumerCounts } from "../../../src/optimize/rewrite.js";
import { avg, max, sum } from "../../../src/plan/aggregates.js";
import { bindPlan } from "../../../src/plan/bind.js";
import { and, col, lit, or } from "../../../src/plan/expressions.js";
import type { Dataset } from "../../../src/plan/dataset.js";
import { read } from "../../../src/plan/read.js";
import { udf } from "../../../src/plan/udf.js";
import { denseRank, lag, lead, rank, rowNumber } from "../../../src/plan/window.js";
import { resolved, sales } from "../planner/sources.js";

async function wanted(rows: Dataset): Promise<WantedRows | null> {
  const bound = optimize(await bindPlan(rows.write.csv("out.csv").outputs, resolved, describeSql));
  return [...wantedOfWindows(bound, consumerCounts(bound)).values()][0] ?? null;
}

const by = { partitionBy: ["store"], orderBy: ["price"] } as const;
const numbered = () => sales(read).window(by, (c) => ({ n: rowNumber(), place: rank(), before: lag(c.price) }));

describe("the rows of a window that a filter wants", () => {
  it("are those that a number or a rank bounds above, the closest bound of several", async () => {
    expect(await wanted(numbered().filter((c) => c.n.lte(3)))).toEqual({ count: 3, by: "rowNumber" });
    expect(await wanted(numbered().filter((c) => c.n.lt(3)))).toEqual({ count: 2, by: "rowNumber" });
    expect(await wanted(numbered().filter((c) => c.n.eq(4)))).toEqual({ count: 4, by: "rowNumber" });
    expect(await wanted(numbered().filter((c) => lit(5).gt(c.place)))).toEqual({ count: 4, by: "rank" });
    expect(await wanted(numbered().filter((c) => and(c.quantity.gt(1), c.n.lte(7), c.place.lte(2))))).toEqual({
      count: 2,
      by: "rank",
    });
  });

  it("are all where nothing bounds them above", async () => {
    for (const rows of [
      numbered().filter((c) => c.n.gte(3)),
      numbered().filter((c) => c.n.ne(3)),
      numbered().filter((c) => c.n.lte(0)),
      numbered().filter((c) => c.quantity.lte(3)),
      numbered().filter((c) => or(c.n.lte(3), c.price.gt(1))),
      sales(read)
        .window(by, () => ({ n: denseRank() }))
        .filter((c) => c.n.lte(3)),
    ])
      expect(await wanted(rows)).toBeNull();
  });

  it("are all where a function looks at rows behind, where others could fail, and where somebody else reads them", async () => {
    const rowsUpTo = lit(3).gte(col("n").cast("int64"));
    const among = (made: Parameters<ReturnType<typeof numbered>["window"]>[1], over: object = by) =>
      sales(read)
        .window({ partitionBy: ["store"], orderBy: ["price"], ...over }, made as never)
        .filter(() => rowsUpTo) as unknown as Dataset;
    expect(await wanted(among((c) => ({ n: rowNumber(), m: max(c.price) })))).not.toBeNull();
    expect(await wanted(among((c) => ({ n: rowNumber(), m: avg(c.price) }), { rows: [-2, 0] }))).not.toBeNull();
    expect(await wanted(among((c) => ({ n: rowNumber(), m: avg(c.price) }), { rows: [-2, 1] }))).toBeNull();
    expect(await wanted(among((c) => ({ n: rowNumber(), m: max(c.price) }), { orderBy: [] }))).toBeNull();
    expect(await wanted(among((c) => ({ n: rowNumber(), m: lead(c.price) })))).toBeNull();
    expect(await wanted(among((c) => ({ n: rowNumber(), m: sum(c.quantity) })))).toBeNull();
    const odd = udf((n: bigint) => n % 2n === 1n, { returns: "bool" });
    expect(await wanted(numbered().filter((c) => and(c.n.lte(3), odd(c.n))))).toBeNull();
    const rows = numbered();
    expect(await wanted(rows.filter((c) => c.n.lte(3)).union(rows))).toBeNull();
  });
});
