import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findPoisonedRow } from "../../../src/engine/attempts/attemptPoison.js";
import type { RowProbe } from "../../../src/task/protocol.js";

/** A worker that ends at the first slice for which `deadly` holds. */
function worker(deadly: (from: number, to: number, fresh: boolean) => boolean) {
  const probes: RowProbe[] = [];
  const probe = async (asked: RowProbe) => {
    probes.push(asked);
    for (let from = asked.from; from < asked.to; from += asked.size) {
      const to = Math.min(asked.to, from + asked.size);
      if (deadly(from, to, from === asked.from)) return { from, rows: to - from, message: "exit 1" };
    }
    return null;
  };
  return { probes, probe };
}

describe("finding the record that ends workers", () => {
  it("takes two probes and a proof among 65,536 rows", async () => {
    const { probe, probes } = worker((from, to) => from <= 70_001 && 70_001 < to);
    expect(await findPoisonedRow({ from: 65_536, rows: 65_536 }, probe)).toEqual({ row: 70_001, message: "exit 1" });
    expect(probes).toEqual([
      { from: 65_536, to: 131_072, size: 256 },
      { from: 69_888, to: 70_144, size: 1 },
      { from: 70_001, to: 70_002, size: 1 },
    ]);
  });

  it("finds the first of several, wherever they are", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 1, max: 200_000 }),
        fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 4 }),
        async (from, rows, picks) => {
          const bad = picks.map((pick) => from + (pick % rows));
          const { probe, probes } = worker((a, b) => bad.some((row) => row >= a && row < b));
          expect((await findPoisonedRow({ from, rows }, probe))?.row).toBe(Math.min(...bad));
          expect(probes.length).toBeLessThanOrEqual(4);
        },
      ),
    );
  });

  it("blames no record where only several together end the worker", async () => {
    const { probe } = worker((from, to) => from <= 10 && 11 < to);
    expect(await findPoisonedRow({ from: 0, rows: 20 }, probe)).toBeNull();
  });

  it("blames no record that a fresh worker survives", async () => {
    let probes = 0;
    const probe = async ({ from, to, size }: RowProbe) =>
      ++probes < 3 ? { from, rows: Math.min(size, to - from), message: "out of memory" } : null;
    expect(await findPoisonedRow({ from: 0, rows: 1000 }, probe)).toBeNull();
  });

  it("ends where a worker ends elsewhere than among the rows asked for", async () => {
    expect(await findPoisonedRow({ from: 0, rows: 1000 }, async () => ({ from: 5000, rows: 1, message: "exit" }))).toBeNull();
    expect(await findPoisonedRow({ from: 0, rows: 10 }, async () => ({ from: 0, rows: 10, message: "exit" }))).toBeNull();
  });
});
