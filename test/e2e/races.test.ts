import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, read, type RunEvent, udf } from "millrace";
import { afterAll, expect, it } from "vitest";

/**
 * Second attempts against first ones, by real threads. `MILLRACE_RACES` (default 8) is the number of races, `MILLRACE_SLOW_RUNS` (default 1) that of
 * runs with one task of sixteen that takes ten times as long.
 */
const root = mkdtempSync(join(tmpdir(), "millrace-races-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const races = Number(process.env.MILLRACE_RACES ?? 8);
const slowRuns = Number(process.env.MILLRACE_SLOW_RUNS ?? 1);
const racesOfRun = 8;
const perPart = 10;
const schema = { id: "int64", n: "int32" } as const;

/** Lines of equal length: `parts` partitions of ten rows. */
function input(name: string, parts: number): string {
  const path = join(root, `${name}.csv`);
  const lines = Array.from({ length: parts * perPart }, (_, i) => `${String(i).padStart(6, "0")},1\n`);
  writeFileSync(path, `id,n\n${lines.join("")}`);
  return path;
}
const partitionBytes = 9 * perPart + 1;

/** The first attempt at a row takes the milliseconds that are told for it; a further one those that are told for all. */
const takes = (marks: string, first: Readonly<Record<string, number>>, again: number) =>
  udf(
    (id: bigint, n: number) => {
      const own = first[String(id)];
      if (own === undefined) return n;
      const fs = globalThis.process.getBuiltinModule("node:fs");
      const mark = `${marks}-${id}`;
      const ms = fs.existsSync(mark) ? again : own;
      fs.writeFileSync(mark, "");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      return n;
    },
    { returns: "int32", with: { marks, first, again } },
  );

interface Watched {
  readonly events: readonly RunEvent[];
  readonly ids: readonly string[];
  readonly ms: number;
}

async function watch(name: string, path: string, workers: number, slow: ReturnType<typeof takes>): Promise<Watched> {
  const stateDir = join(root, "state");
  await using engine = await Engine.create({ workers, memory: "1GB", partitionBytes, stateDir });
  const out = join(root, name);
  const began = performance.now();
  const handle = engine.run(
    read
      .csv(path, { schema })
      .withColumns((c) => ({ m: slow(c.id, c.n) }))
      .write.csv(out),
  );
  const events: RunEvent[] = [];
  for await (const event of handle) events.push(event);
  const { runId } = await handle;
  const ms = performance.now() - began;
  const files = readdirSync(out).filter((file) => file.endsWith(".csv"));
  const ids = files.flatMap((file) => readFileSync(join(out, file), "utf8").trim().split("\n").slice(1));
  expect(readdirSync(out).some((file) => file.startsWith("_staging"))).toBe(false);
  expect(existsSync(join(stateDir, "runs", runId, "scratch"))).toBe(false);
  rmSync(out, { recursive: true });
  return { events, ids: ids.map((line) => line.split(",")[0] ?? ""), ms };
}

const all = (parts: number): string[] => Array.from({ length: parts * perPart }, (_, i) => String(i));

it("each race has one winner, and every row comes once", { timeout: 180_000 + races * 2000 }, async () => {
  const parts = racesOfRun * 8;
  const path = input("races", parts);
  let [won, lost] = [0, 0];
  for (let run = 0; won + lost < races; run++) {
    // The last partitions are slow, and end at about the time at which their second attempts do.
    const slow = Array.from({ length: racesOfRun }, (_, i) => (parts - 1 - i) * perPart + 3);
    const first = Object.fromEntries(slow.map((id, i) => [id, 2080 + ((run * 37 + i * 53) % 300)]));
    const { events, ids } = await watch(`race${run}`, path, 2 * racesOfRun, takes(join(root, `r${run}`), first, (run * 11) % 60));
    expect(ids).toEqual(all(parts));
    const ends = new Map<number, string[]>();
    for (const event of events) {
      if (event.kind === "attempt") ends.set(event.partition, [...(ends.get(event.partition) ?? []), event.outcome]);
    }
    const second = new Set(events.flatMap((event) => (event.kind === "straggler" ? [event.partition] : [])));
    const tasks = events.flatMap((event) => (event.kind === "task-finished" ? [event.partition] : []));
    const [cut = 0] = events.flatMap((event) => (event.kind === "stage-started" ? [event.partitions] : []));
    expect(cut).toBeGreaterThan(parts - 3);
    expect(tasks.toSorted((a, b) => a - b)).toEqual(Array.from({ length: cut }, (_, i) => i));
    for (const partition of second) {
      // A first attempt that was good is not told of.
      const told = (ends.get(partition) ?? []).toSorted();
      expect([["done", "lost"], ["lost"]]).toContainEqual(told);
      if (told.length === 2) won++;
      else lost++;
    }
    // On a machine that is busy elsewhere a whole run may go by without a race, but not one after the other.
    expect(run).toBeLessThan(races);
  }
  if (races >= 100) expect(Math.min(won, lost)).toBeGreaterThan(0);
});

it("one task of sixteen that takes ten times as long takes no run twice its time", {
  timeout: 180_000 + slowRuns * 20_000,
}, async () => {
  const path = input("slow", 16);
  const usual = Object.fromEntries(Array.from({ length: 16 }, (_, part) => [part * perPart + 5, 500]));
  const calm = await watch("calm", path, 2, takes(join(root, "calm"), usual, 500));
  expect(calm.ids).toEqual(all(16));
  for (let run = 0; run < slowRuns; run++) {
    const first = { ...usual, [((run * 5 + 15) % 16) * perPart + 5]: 5000 };
    const { ids, ms } = await watch(`slow${run}`, path, 2, takes(join(root, `s${run}`), first, 500));
    expect(ids).toEqual(all(16));
    expect(ms).toBeLessThanOrEqual(2 * calm.ms);
  }
});
