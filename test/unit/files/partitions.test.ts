import { describe, expect, it } from "vitest";
import { planText } from "../../../src/io/text/textPartitions.js";
import type { PartitionSpec } from "../../../src/task/protocol.js";

const MiB = 2 ** 20;
const fileOf = (bytes: number, i: number, end = ".csv") => ({ path: `f${i}${end}`, bytes, modifiedMs: 0, partitionValues: [] });
const plan = (sizes: readonly number[], targetBytes = 32 * MiB) =>
  planText(
    sizes.map((bytes, i) => fileOf(bytes, i)),
    targetBytes,
  );
const bytes = (file: number, start: number, end: number): PartitionSpec => ({
  kind: "bytes",
  file,
  start,
  end,
  exactStart: start === 0,
});
/** Files by partition. */
const countsOf = (parts: readonly PartitionSpec[]): number[] => parts.map((part) => (part.kind === "files" ? part.count : 1));

describe("partitions of text files", () => {
  it("are even ranges of a large one", () => {
    expect(plan([96 * MiB])).toEqual([bytes(0, 0, 32 * MiB), bytes(0, 32 * MiB, 64 * MiB), bytes(0, 64 * MiB, 96 * MiB)]);
    expect(plan([40 * MiB])).toEqual([bytes(0, 0, 40 * MiB)]);
  });

  it("hold small ones that follow each other, each once and in order", () => {
    const parts = plan(Array.from({ length: 100 }, () => 1000));
    // A file counts for 128 KiB and its bytes; a partition is of 1 MiB at the least.
    expect(countsOf(parts)).toEqual([...Array.from({ length: 14 }, () => 7), 2]);
    expect(parts.map(({ file }) => file)).toEqual(Array.from({ length: 15 }, (_, i) => i * 7));
  });

  it("are enough for many workers where there is much to read", () => {
    const parts = plan(Array.from({ length: 2000 }, () => 100_000));
    expect(parts.length).toBeGreaterThanOrEqual(32);
    expect(parts.length).toBeLessThan(40);
    expect(countsOf(parts).reduce((sum, count) => sum + count)).toBe(2000);
    const large = plan(Array.from({ length: 4000 }, () => MiB));
    expect(Math.max(...countsOf(large)) * (MiB + 128 * 1024)).toBeLessThanOrEqual(32 * MiB);
  });

  it("leave a large file between small ones alone", () => {
    expect(plan([10, 20, 64 * MiB, 30, 20 * MiB])).toEqual([
      { kind: "files", file: 0, count: 2 },
      bytes(2, 0, 32 * MiB),
      bytes(2, 32 * MiB, 64 * MiB),
      bytes(3, 0, 30),
      bytes(4, 0, 20 * MiB),
    ]);
  });

  it("are of one file each where partitions are to be small", () => {
    expect(countsOf(plan([10, 20, 30], 4096))).toEqual([1, 1, 1]);
  });

  it("know that compressed text is longer than its file", () => {
    const zipped = (bytes: number) =>
      planText(
        Array.from({ length: 8 }, (_, i) => fileOf(bytes, i, ".csv.gz")),
        32 * MiB,
      );
    expect(countsOf(zipped(1000))).toEqual([7, 1]);
    expect(zipped(300 * 1024)).toEqual(Array.from({ length: 8 }, (_, file) => ({ kind: "wholeFile", file })));
  });
});
