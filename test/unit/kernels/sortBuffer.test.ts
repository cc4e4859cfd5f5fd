import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareValues } from "../../../src/functions/compare.js";
import { canPack } from "../../../src/kernels/groups/groupKeys.js";
import { type OrderKey, SortBuffer } from "../../../src/kernels/sortBuffer.js";
import type { ColumnParts } from "../../../src/kernels/valueBuffer.js";
import { types, type Value } from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";
import { columnOf } from "../../support/columns.js";

const packable = everyType.filter((type) => canPack([type]));

/** The order of a sort, from what comparing two values means. */
function compareBy(keys: readonly OrderKey[]) {
  return (a: readonly Value[], b: readonly Value[]): number => {
    for (const [i, { descending, nulls }] of keys.entries()) {
      const [x, y] = [a[i] ?? null, b[i] ?? null];
      if (x === null && y === null) continue;
      if (x === null || y === null) return (x === null) === (nulls === "first") ? -1 : 1;
      const order = compareValues(x, y);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
}

const keyCase = fc.tuple(fc.constantFrom(...packable), fc.boolean(), fc.constantFrom("first" as const, "last" as const));

const sortCase = fc.array(keyCase, { minLength: 1, maxLength: 3 }).chain((keys) => {
  const row = fc.tuple(...keys.map(([type]) => fc.option(arbitraryOf(type), { freq: 6 })));
  return fc.tuple(
    fc.constant(keys.map(([type, descending, nulls]): OrderKey => ({ type, nullable: true, descending, nulls }))),
    fc.array(row, { maxLength: 80 }),
  );
});

/** Row numbers in the order that a buffer gives them, taken in parts of `size` rows, and the strings they were sorted by. */
function taken(keys: readonly OrderKey[], rows: readonly (readonly Value[])[], size: number) {
  const buffer = new SortBuffer(keys, [types.int32]);
  const runs: { readonly numbers: number[]; readonly strings: Buffer[] }[] = [];
  for (let from = 0; from < rows.length; from += size) {
    const part = rows.slice(from, from + size);
    const columns = keys.map(({ type }, i) =>
      columnOf(
        type,
        part.map((row) => row[i] ?? null),
      ),
    );
    const numbers = columnOf(
      types.int32,
      part.map((_, i) => from + i),
    );
    buffer.append(columns, [numbers], null, part.length);
    const { columns: sorted } = buffer.take(7);
    const [key, values] = sorted as [ColumnParts, ColumnParts];
    const ends = new Uint32Array((key.offsets as Uint8Array).slice().buffer);
    const found = new Int32Array(values.values.slice().buffer);
    const strings = [...found].map((_, i) => Buffer.from(key.values.subarray(ends[i], ends[i + 1])));
    runs.push({ numbers: [...found], strings });
  }
  buffer.free();
  return runs;
}

describe("a sort buffer", () => {
  it("gives rows in the order of their keys, ties as they came", () => {
    fc.assert(
      fc.property(sortCase, ([keys, rows]) => {
        const compare = compareBy(keys);
        const expected = rows.map((_, i) => i).sort((a, b) => compare(rows[a] ?? [], rows[b] ?? []) || a - b);
        expect(taken(keys, rows, 1000).flatMap((run) => run.numbers)).toEqual(expected);
      }),
    );
  });

  it("gives strings that put the rows of all its runs into that order, no two of them equal", () => {
    fc.assert(
      fc.property(sortCase, fc.integer({ min: 1, max: 30 }), ([keys, rows], size) => {
        const compare = compareBy(keys);
        const expected = rows.map((_, i) => i).sort((a, b) => compare(rows[a] ?? [], rows[b] ?? []) || a - b);
        const all = taken(keys, rows, size).flatMap(({ numbers, strings }) =>
          numbers.map((n, i) => ({ n, key: strings[i] as Buffer })),
        );
        all.sort((a, b) => Buffer.compare(a.key, b.key));
        expect(all.map(({ n }) => n)).toEqual(expected);
        expect(new Set(all.map(({ key }) => key.toString("hex"))).size).toBe(rows.length);
      }),
    );
  });

  it("keeps -0 and 0 in input order, and puts NaN after all numbers", () => {
    const keys: OrderKey[] = [{ type: types.float64, nullable: true, descending: false, nulls: "first" }];
    const values = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, null, Number.NEGATIVE_INFINITY, -0, 0, 1e-320];
    expect(
      taken(
        keys,
        values.map((value) => [value]),
        100,
      )[0]?.numbers,
    ).toEqual([4, 5, 0, 1, 6, 7, 8, 3, 2]);
  });

  it("takes only the live rows of a batch", () => {
    const buffer = new SortBuffer([{ type: types.int32, nullable: false, descending: true, nulls: "last" }], [types.utf8]);
    const column = columnOf(types.int32, [1, 5, 3, 4]);
    const names = columnOf(types.utf8, ["one", "five", "three", "four"]);
    buffer.append([column], [names], Int32Array.of(0, 2, 3), 4);
    const { rows, columns } = buffer.take(0);
    expect(rows).toBe(3);
    expect(Buffer.from(columns[1]?.values as Uint8Array).toString()).toBe("fourthreeone");
    buffer.free();
  });
});
