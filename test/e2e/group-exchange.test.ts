import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { count, Engine, read, sum } from "millrace";
import { describe, expect, it } from "vitest";
import { caseFolders } from "../support/caseFolders.js";

/**
 * How many rows a partition gives on to the merge of its groups: one a key for as long as keys come again, each row as it is where they do not. What comes
 * out is worked out from the keys.
 */
const folderOf = caseFolders("millrace-exchange-");
const rows = 400_000;

/** Numbers that look like chance; a row's number always gives the same one. */
const scattered = (row: number): number =>
  (Math.imul(row + 1, 0x9e3779b1) >>> 8) ^ (Math.imul(row ^ 0x5bd1e995, 0x85ebca6b) >>> 12);

const cases: readonly {
  readonly keys: string;
  readonly of: (row: number) => number;
  readonly least: number;
  readonly most: number;
}[] = [
  { keys: "60,000 by chance", of: (row) => scattered(row) % 60_000, least: 59_000, most: 60_000 },
  { keys: "each four times in a row", of: (row) => row >> 2, least: rows / 4, most: rows / 4 },
  { keys: "300,000 by chance", of: (row) => scattered(row) % 300_000, least: rows * 0.9, most: rows },
  { keys: "each once", of: (row) => row, least: rows, most: rows },
  // The first rows say nothing of those behind them.
  { keys: "few, then each once", of: (row) => (row < rows / 2 ? row % 10 : row), least: 100_000, most: rows / 2 + 10 },
];

describe("a partition gives on to the merge", () => {
  it.each(cases)(
    "keys that are $keys",
    async ({ of, least, most }) => {
      const folder = folderOf();
      const expected = new Map<number, { n: number; s: number }>();
      const fd = openSync(join(folder, "in.csv"), "w");
      writeSync(fd, "k,v\n");
      for (let from = 0; from < rows; from += 50_000) {
        let text = "";
        for (let row = from; row < from + 50_000; row++) {
          const [key, value] = [of(row), row % 1000];
          text += `${key},${value}\n`;
          const group = expected.get(key) ?? { n: 0, s: 0 };
          group.n++;
          group.s += value;
          expected.set(key, group);
        }
        writeSync(fd, text);
      }
      closeSync(fd);
      const engine = await Engine.create({ workers: 2, memory: "1GB", stateDir: join(folder, "state") });
      try {
        const grouped = read
          .csv(join(folder, "in.csv"), { schema: { k: "int32", v: "int32" } })
          .groupBy("k")
          .agg((c) => ({ n: count(), s: sum(c.v) }));
        const { report } = await engine.run(grouped.write.csv(join(folder, "out.csv")));
        const scan = report.data.execution.stages.find((stage) => stage.name === "scan csv");
        const given = scan?.steps.find((step) => step.name === "group partition")?.rowsOut ?? Number.NaN;
        expect(given).toBeGreaterThanOrEqual(least);
        expect(given).toBeLessThanOrEqual(most);
        const found = readFileSync(join(folder, "out.csv"), "utf8").trimEnd().split("\n").slice(1);
        const all = [...expected].sort(([a], [b]) => a - b).map(([key, { n, s }]) => `${key},${n},${s}`);
        expect(found).toEqual(all);
      } finally {
        await engine.close();
      }
    },
    120_000,
  );
});
