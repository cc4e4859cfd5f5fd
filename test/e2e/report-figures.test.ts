import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { performanceFigures } from "../support/reportFigures/ofPerformance.js";
import { runFigures } from "../support/reportFigures/ofRun.js";
import { stageFigures } from "../support/reportFigures/ofStages.js";
import { type Again, everyRun, makeRuns, removeRuns, root } from "../support/reportFigures/runs.js";

/**
 * Walks the table of docs/REPORT.md and computes each figure of it again: from the data by plain DuckDB, the files on disk, the journal, the history,
 * or the figures that it is made of. A figure of the table without that fails, and so does one of a report that the table has not.
 */
beforeAll(makeRuns, 120_000);
afterAll(removeRuns);

/** How each figure of the table is computed again. */
const again: Again = {
  ...runFigures(),
  ...stageFigures(),
  ...performanceFigures(),
};

const page = readFileSync(join(root, "docs/REPORT.md"), "utf8");
const table = [...(/\| figure \| is \| comes from \|\n\|[-|]+\n((?:\|.*\n)+)/.exec(page)?.[1] ?? "").matchAll(/^\|([^|]*)\|/gm)];
const figures = table.flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, figure = ""]) => figure));

describe("the table of docs/REPORT.md", () => {
  it.each(figures)("%s", async (figure) => {
    const compute = again[figure];
    if (compute === undefined) throw new Error(`nothing computes ${figure} again`);
    await compute();
  });

  it("has every figure of every report, and no other", () => {
    expect(figures.length).toBeGreaterThan(50);
    expect(Object.keys(again).filter((figure) => !figures.includes(figure))).toEqual([]);
    const missing = new Set<string>();
    const visit = (value: unknown, path: string): void => {
      if (figures.includes(path)) return;
      const nested = typeof value === "object" && value !== null;
      if (Array.isArray(value)) for (const item of value) visit(item, `${path}[]`);
      else if (nested) for (const [key, item] of Object.entries(value)) visit(item, path === "" ? key : `${path}.${key}`);
      else missing.add(path);
    };
    for (const { data } of everyRun()) visit(data, "");
    expect([...missing]).toEqual([]);
  });
});
