import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { padding, type GroupKernels } from "../../../src/kernels/groups/groupKernels.js";
import { giveGroupKernels, Region, takeGroupKernels } from "../../../src/kernels/groups/groupMemory.js";

/** Row numbers in the order of their byte strings, as the kernel finds it. */
function sorted(strings: readonly Buffer[]): number[] {
  const kernels = takeGroupKernels();
  const { memory } = kernels;
  const regions = Array.from({ length: 5 }, () => new Region(memory));
  const [bytes, offsets, records, spare, order] = regions as [Region, Region, Region, Region, Region];
  const all = Buffer.concat(strings);
  bytes.reserve(all.length + padding);
  offsets.reserve((strings.length + 1) * 4);
  for (const region of [records, spare]) region.reserve(strings.length * 16);
  order.reserve(strings.length * 4);
  memory.u8().set(all, bytes.address);
  let end = 0;
  const ends = strings.map(({ length }) => (end += length));
  memory.u32().set([0, ...ends], offsets.address >>> 2);
  const { sortKeys } = kernels.functions<GroupKernels>();
  sortKeys(bytes.address, offsets.address, strings.length, 0, 0, records.address, spare.address, order.address);
  const found = [...memory.u32().slice(order.address >>> 2, (order.address >>> 2) + strings.length)];
  for (const region of regions) region.free();
  giveGroupKernels(kernels);
  return found;
}

/** The same by comparing each with each; equal ones stay as they came. */
const expected = (strings: readonly Buffer[]): number[] =>
  strings
    .map((one, row) => ({ one, row }))
    .sort((a, b) => Buffer.compare(a.one, b.one) || a.row - b.row)
    .map(({ row }) => row);

const few = fc.integer({ min: 1, max: 12 });
const seeds = (most: number) => fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: most, size: "max" });

describe("rows sorted by byte strings", () => {
  it("of one length, whatever bytes differ", () => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.array(fc.nat(69), { maxLength: 14 }), few, seeds(1200));
    fc.assert(
      fc.property(cases, ([length, places, values, rows]) => {
        const strings = rows.map((seed) => {
          const one = Buffer.alloc(length, 7);
          for (const [i, place] of places.entries()) one[place % length] = ((seed >>> i) * 31) % values;
          return one;
        });
        expect(sorted(strings)).toEqual(expected(strings));
      }),
    );
  });

  it("that are alike for long, end within each other, or are equal", () => {
    const piece = fc.constantFrom(
      "",
      "\0",
      "\0\0\0",
      "a",
      "b",
      "carefully ",
      "furiously ",
      "\u00ff",
      "x".repeat(40),
      "y".repeat(300),
    );
    const cases = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 6 }), seeds(1200));
    fc.assert(
      fc.property(cases, ([pieces, parts, rows]) => {
        const strings = rows.map((seed) =>
          Buffer.from(Array.from({ length: parts }, (_, i) => pieces[(seed >>> (i * 5)) % pieces.length]).join(""), "latin1"),
        );
        expect(sorted(strings)).toEqual(expected(strings));
      }),
    );
  });

  it("of which thousands go on alike further and further", () => {
    const rows = Array.from({ length: 3000 }, (_, i) => Buffer.from("ab".repeat((i * 7) % 1000)));
    const most = Array.from({ length: 600 }, (_, i) => Buffer.concat([Buffer.alloc(20_000, 5), Buffer.from([i % 3])]));
    expect(sorted(rows)).toEqual(expected(rows));
    expect(sorted(most)).toEqual(expected(most));
  });
});
