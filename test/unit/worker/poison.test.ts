import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { poisonedIn, probeSlices, withoutRows } from "../../../src/worker/poison.js";

const batchOf = (length: number, selection: readonly number[] | null): Batch => ({
  schema: [],
  length,
  columns: [],
  selection: selection === null ? null : Int32Array.from(selection),
  origin: null,
});

const live = ({ selection, length }: Batch): number[] =>
  selection === null ? Array.from({ length }, (_, row) => row) : [...selection];

const batches = fc.integer({ min: 1, max: 40 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    selection: fc.option(
      fc.uniqueArray(fc.nat({ max: length - 1 })).map((rows) => rows.sort((a, b) => a - b)),
      { nil: null },
    ),
    first: fc.nat({ max: 50 }),
  }),
);

describe("parts of a batch", () => {
  it("the slices of a probe are its live rows, each once and in order, none longer than asked", () => {
    fc.assert(
      fc.property(
        batches,
        fc.nat({ max: 100 }),
        fc.nat({ max: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (given, from, span, size) => {
          const batch = batchOf(given.length, given.selection);
          const slices = [...probeSlices(batch, given.first, { from, to: from + span, size })];
          const rows = slices.flatMap((slice) => live(slice.batch));
          expect(rows).toEqual(live(batch).filter((row) => row + given.first >= from && row + given.first < from + span));
          for (const slice of slices) {
            expect(slice.rows).toBeLessThanOrEqual(size);
            expect(
              live(slice.batch).every((row) => row + given.first >= slice.from && row + given.first < slice.from + slice.rows),
            ).toBe(true);
          }
        },
      ),
    );
  });

  it("poisoned rows are taken out where they live", () => {
    fc.assert(
      fc.property(batches, fc.uniqueArray(fc.nat({ max: 90 })), ({ length, selection, first }, rows) => {
        const batch = batchOf(length, selection);
        const poisoned = rows.map((row) => ({ row, message: "exit" }));
        const here = poisonedIn(batch, first, poisoned).map(({ row }) => row - first);
        expect(here).toEqual(live(batch).filter((row) => rows.includes(row + first)));
        const rest = live(withoutRows(batch, first, poisoned));
        expect(rest).toEqual(live(batch).filter((row) => !rows.includes(row + first)));
      }),
    );
  });
});
