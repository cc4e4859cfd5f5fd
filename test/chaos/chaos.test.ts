import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { killPoints } from "../../src/io/killPoint.ts";
import { chaos } from "./chaos.ts";

/** The short form of `npm run chaos`, with kills of every kind. */
describe("runs that are killed and resumed leave what undisturbed ones do", () => {
  it.each([
    ["partitions", 8],
    ["grouped", 4],
    ["several", 8],
    ["replay", 4],
  ])("%s", { timeout: 360_000 }, async (pipeline, kills) => {
    const seed = Number(process.env.CHAOS_SEED ?? 1);
    const [summary] = await chaos({ pipelines: [pipeline], kills, seed, rows: 6000, lanes: 2 });
    expect(summary?.failures, `npm run chaos -- --rows 6000 --kills ${kills} --seed ${seed} --pipeline ${pipeline}`).toEqual([]);
    expect(summary?.kills).toBeGreaterThan(kills / 2);
    expect(summary?.reads).toBeGreaterThan(0);
  });
});

it("every kill point has a place in the code", () => {
  const source = resolve(import.meta.dirname, "../../src");
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const text = files.map((file) => readFileSync(join(source, file), "utf8")).join("\n");
  expect(killPoints.filter((point) => !text.includes(`killPoint("${point}")`))).toEqual([]);
});
