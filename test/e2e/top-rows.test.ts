import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { count, desc, Engine, read, udf } from "millrace";
import { afterAll, beforeAll, expect, it } from "vitest";

let folder = "";
let engine: Engine;
const schema = { id: "int64", place: "int32", name: "utf8" } as const;

interface Row {
  readonly id: number;
  readonly place: number | null;
  readonly name: string;
}

const total = 30_000;
const isBad = (id: number): boolean => id % 1000 === 999;
const rows: readonly Row[] = Array.from({ length: total }, (_, id) => {
  return { id, place: id % 37 === 0 ? null : (id * 7919) % 1009, name: `name ${(id * 31) % 50}` };
});
const good = rows.filter(({ id }) => !isBad(id));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-top-rows-"));
  const lines = rows.map(({ id, place, name }) => `${id},${isBad(id) ? "x" : (place ?? "")},${name}`);
  writeFileSync(join(folder, "rows.csv"), `id,place,name\n${lines.join("\n")}\n`);
  engine = await Engine.create({ workers: 2, stateDir: join(folder, "state"), partitionBytes: 100_000 });
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const source = () => read.csv(join(folder, "rows.csv"), { schema, onReject: "quarantine" });

async function idsOf(plan: Parameters<Engine["collect"]>[0]): Promise<number[]> {
  return (await engine.collect(plan)).toArray().map((row) => Number(row.toJSON().id));
}

/** Nulls last, ties in input order. */
const byPlace = (down: boolean) => (a: Row, b: Row) => {
  if (a.place === null || b.place === null) return Number(a.place === null) - Number(b.place === null) || a.id - b.id;
  return (down ? b.place - a.place : a.place - b.place) || a.id - b.id;
};
const ids = (list: readonly Row[]): number[] => list.map(({ id }) => id);

it("takes the first rows of all partitions, ties in input order", async () => {
  for (const down of [false, true])
    for (const [most, offset] of [
      [1, 0],
      [50, 7],
      [2000, 100],
      [total, 0],
    ] as const) {
      const plan = source()
        .sort(down ? desc("place") : "place")
        .limit(most, { offset });
      const expected = ids(good.toSorted(byPlace(down)).slice(offset, offset + most));
      expect(await idsOf(plan), `${most} after ${offset}`).toEqual(expected);
    }
});

it("sorts by several keys, behind a user's function, and before further steps", async () => {
  const twice = udf((place: number | null) => (place === null ? null : (place % 10) * 2), { returns: "int32" });
  const first = source()
    .withColumns((c) => ({ digit: twice(c.place) }))
    .sort(desc("digit", { nulls: "first" }), "name", desc("id"))
    .select("id", "digit")
    .limit(300);
  const digit = ({ place }: Row): number => (place === null ? 100 : (place % 10) * 2);
  const compare = (a: Row, b: Row) => digit(b) - digit(a) || (a.name < b.name ? -1 : Number(a.name > b.name)) || b.id - a.id;
  expect(await idsOf(first)).toEqual(ids(good.toSorted(compare).slice(0, 300)));
});

it("takes the largest groups", async () => {
  const plan = source()
    .groupBy("place")
    .agg(() => ({ n: count() }))
    .sort(desc("n"), "place")
    .limit(5);
  const groups = new Map<number | null, number>();
  for (const { place } of good) groups.set(place, (groups.get(place) ?? 0) + 1);
  const expected = [...groups]
    .map(([place, n]) => ({ place, n: BigInt(n) }))
    .sort((a, b) => Number(b.n - a.n) || Number(a.place === null) - Number(b.place === null) || (a.place ?? 0) - (b.place ?? 0))
    .slice(0, 5);
  expect((await engine.collect(plan)).toArray().map((row) => ({ ...row.toJSON() }))).toEqual(expected);
});

it("accounts for every record", async () => {
  const path = join(folder, "out.csv");
  const { report } = await engine.run(source().sort("place", "id").limit(40, { offset: 2 }).write.csv(path)).result;
  const { execution } = report.data;
  expect(execution.recordsFailed).toBe(total - good.length);
  expect(execution.recordsRead).toBe(total);
  expect(execution.recordsWritten).toBe(40);
  const [scan, last] = execution.stages;
  expect(scan).toMatchObject({ recordsIn: total, failed: total - good.length });
  expect(scan?.filtered).toBe(good.length - (scan?.recordsOut ?? 0));
  expect(scan?.recordsOut).toBe(last?.recordsIn);
  expect(last?.recordsIn).toBe(42 * (scan?.partitions ?? 0));
  expect(scan?.partitions).toBeGreaterThan(2);
});
