import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JoinTable } from "../../../src/kernels/joins/joinTable.js";
import { textColumn } from "../../support/columns.js";

type Key = string | null;

/** Keys as a column that has other bytes before, between and behind them. */
const column = (keys: readonly Key[]) => textColumn(keys, 1);

/** Rows with each key, in order. */
function rowsOf(keys: readonly Key[]): Map<Key, number[]> {
  const rows = new Map<Key, number[]>();
  for (const [row, key] of keys.entries()) if (key !== null) rows.set(key, [...(rows.get(key) ?? []), row]);
  return rows;
}

/** The rows that the table finds for each key, by way of its chains. */
function found(table: JoinTable, keys: readonly Key[], selection: Int32Array | null): number[][] {
  const matches = table.probe([column(keys)], selection, keys.length).slice();
  const next = table.next()?.slice() ?? null;
  return [...matches].map((first) => {
    const rows: number[] = [];
    for (let row = first; row >= 0; row = next?.[row] ?? -1) rows.push(row);
    return rows;
  });
}

const key = (length: number) =>
  fc.string({ unit: fc.constantFrom("a", "b", "7", "\0", "\u007f"), minLength: length, maxLength: length });
const keysOf = (length: number) =>
  fc.array(fc.option(key(length), { freq: 8 }), { maxLength: 700 }).map((keys) => [...keys, ...keys.slice(0, keys.length % 3)]);
const lengths = fc.integer({ min: 1, max: 11 });
const tables = lengths.chain((length) =>
  fc.tuple(keysOf(length), keysOf(length), fc.array(lengths.chain(key), { maxLength: 20 })),
);

describe("a table of a join's right side", () => {
  it("finds all rows of a key, in their order", () => {
    fc.assert(
      fc.property(tables, ([right, some, strange]) => {
        const left = [...some, ...strange, ...right.slice(0, 50)];
        const table = new JoinTable([column(right)], right.length);
        const rows = rowsOf(right);
        expect(table.unique).toBe([...rows.values()].every((list) => list.length === 1));
        const wanted = left.map((one) => (one === null ? [] : (rows.get(one) ?? [])));
        expect(found(table, left, null)).toEqual(wanted);
        const selection = Int32Array.from(left.flatMap((_, row) => (row % 3 === 1 ? [] : [row])));
        expect(found(table, left, selection)).toEqual([...selection].map((row) => wanted[row]));
        table.forget();
      }),
      { numRuns: 150 },
    );
  });

  it("of any size finds each key and no other", () => {
    const name = (i: number) => `K${String(i).padStart(6, "0")}`;
    for (const rows of [1, 10, 11, 255, 256, 257, 16_384, 50_000]) {
      const right = Array.from({ length: rows }, (_, i) => name((i * 7919) % 999_983));
      const table = new JoinTable([column(right)], rows);
      expect(table.unique).toBe(true);
      const left = [...right, ...right.map((one) => `X${one.slice(1)}`)];
      const matches = table.probe([column(left)], null, left.length);
      for (let i = 0; i < left.length; i++) if (matches[i] !== (i < rows ? i : -1)) expect(`${i}: ${matches[i]}`).toBe("");
      table.forget();
    }
  });

  it("says the codes of the rows that it found", () => {
    const right = Array.from({ length: 600 }, (_, i) => `k${String(i).padStart(5, "0")}`);
    // The first of two lists of codes goes with the keys, where it has room there; the second lies beside them.
    for (const most of [7, 200, 2000, 5000]) {
      const table = new JoinTable([column(right)], right.length);
      const few = Uint8Array.from(right, (_, i) => (i * 11) % 7);
      const many = Uint16Array.from(right, (_, i) => (i * 37) % most);
      for (const codes of most === 200 ? [few, many] : [many, few]) table.keepCodes(codes, codes === few ? 7 : most);
      const left = Array.from({ length: 900 }, (_, i) => (i % 5 === 0 ? "other!" : (right[(i * 13) % right.length] ?? null)));
      for (const selection of [null, Int32Array.from(left.flatMap((_, row) => (row % 4 === 0 ? [] : [row])))]) {
        const matches = table.probe([column(left)], selection, left.length).slice();
        const [a, b] = [new Uint8Array(left.length), new Uint16Array(left.length)];
        table.codesOfMatches(few, selection, a);
        table.codesOfMatches(many, selection, b);
        matches.forEach((match, j) => {
          const row = selection === null ? j : (selection[j] ?? -1);
          expect([a[row], b[row]]).toEqual(match < 0 ? [7, most] : [few[match], many[match]]);
        });
      }
      table.forget();
    }
  });
});
