import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeSql } from "../../../src/duckdb/stage.js";
import { optimize } from "../../../src/optimize/optimize.js";
import { bindPlan } from "../../../src/plan/bind.js";
import type { Plan } from "../../../src/plan/nodes.js";
import { explain, explanationText } from "../../../src/planner/explain.js";
import { queriesMayFail } from "../../../src/planner/placement.js";
import { planStages } from "../../../src/planner/plan.js";
import { resolved } from "./sources.js";

/**
 * Every file in `cases` is a plan; the file of its name in `golden` says what it becomes. `vitest -u` writes them anew: read the difference before
 * you keep it.
 */
const here = import.meta.dirname;
const cases = readdirSync(join(here, "cases")).filter((name) => name.endsWith(".ts"));

async function explained(plan: Plan): Promise<string> {
  const bound = optimize(await bindPlan(plan.outputs, resolved, describeSql));
  const text = explanationText(explain(bound, planStages(bound)));
  const careful = planStages(bound, "rejectRows");
  if (!queriesMayFail(bound)) return text;
  const second = explanationText(explain(bound, careful));
  return `${text}\nWhen a row cannot be computed\n${second.slice(second.indexOf("Stages\n"))}`;
}

describe("explain", () => {
  for (const name of cases) {
    it(name.replace(/\.ts$/, "").replaceAll("-", " "), async () => {
      const { default: plan } = (await import(join(here, "cases", name))) as { default: Plan };
      await expect(await explained(plan)).toMatchFileSnapshot(join(here, "golden", name.replace(/\.ts$/, ".txt")));
    });
  }

  it("is the same text for the same plan", async () => {
    const { default: plan } = (await import(join(here, "cases", cases[0] ?? ""))) as { default: Plan };
    expect(await explained(plan)).toBe(await explained(plan));
  });
});
