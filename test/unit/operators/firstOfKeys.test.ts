import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BlockFile } from "../../../src/exchange/blockFile.js";
import { planPlaced } from "../../../src/exchange/placedReader.js";
import { compareValues } from "../../../src/functions/compare.js";
import { canPack } from "../../../src/kernels/groups/groupKeys.js";
import { FirstOfKeys, type FirstRows } from "../../../src/operators/firstOfKeys.js";
import { KeyExchangeOperator } from "../../../src/operators/keyExchange.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { columnOf } from "../../support/columns.js";
import { arbitraryOf, everyType } from "../batch/values.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-first-"));
afterAll(() => rmSync(folder, { recursive: true }));

const packable = everyType.filter((type) => canPack([type]));
const keysOf = (all: readonly DataType[]) => all.map((type) => ({ type, nullable: true }));
const areSame = (a: readonly Value[], b: readonly Value[]): boolean =>
  a.every((value, i) => {
    const other = b[i] ?? null;
    return value === null || other === null ? value === other : compareValues(value, other) === 0;
  });

const firstOne: FirstRows = { count: 1, order: null, inPlace: true };

/** Rows of few different keys. */
const repeating = fc.array(fc.constantFrom(...packable), { minLength: 1, maxLength: 3 }).chain((all) =>
  fc.record({
    all: fc.constant(all),
    keys: fc.array(fc.tuple(...all.map((type) => fc.option(arbitraryOf(type), { freq: 5 }))), { minLength: 1, maxLength: 5 }),
    picks: fc.array(fc.nat(4), { minLength: 1, maxLength: 80 }),
    size: fc.integer({ min: 1, max: 90 }),
    skip: fc.integer({ min: 2, max: 5 }),
  }),
);

describe("the first rows of keys", () => {
  it("are all that stays, but for rows that are left to who reads them", () => {
    let [left, out] = [0, 0];
    fc.assert(
      fc.property(repeating, ({ all, keys, picks, size, skip }) => {
        const rows = picks.map((pick) => keys[pick % keys.length] as Value[]);
        const first = new FirstOfKeys(keysOf(all), false, firstOne);
        const before: Value[][] = [];
        for (let from = 0; from < rows.length; from += size) {
          const batch = rows.slice(from, from + size);
          const columns = all.map((type, i) =>
            columnOf(
              type,
              batch.map((row) => row[i] ?? null),
            ),
          );
          const live = [...batch.keys()].filter((row) => skip === 5 || row % skip !== 0);
          const selection = skip === 5 ? null : Int32Array.from(live);
          const kept = [...(first.select(() => columns, selection, batch.length) ?? live)];
          expect(kept).toEqual(live.filter((row) => kept.includes(row)));
          for (const row of live) {
            const isNew = !before.some((known) => areSame(known, batch[row] as Value[]));
            if (isNew) expect(kept).toContain(row);
            if (!kept.includes(row)) out++;
            else if (!isNew) left++;
            before.push(batch[row] as Value[]);
          }
        }
        first.free();
      }),
      { numRuns: 1000 },
    );
    expect(out).toBeGreaterThan(left);
  });

  it("by an order of their own: only rows go that enough others of the key come before", () => {
    let [left, out] = [0, 0];
    const orders = everyType.filter((type) => type.kind !== "list" && type.kind !== "struct");
    const rowsOf = fc.constantFrom(...orders).chain((type) =>
      fc.record({
        type: fc.constant(type),
        rows: fc
          .array(fc.option(arbitraryOf(type), { freq: 8 }), { minLength: 1, maxLength: 30 })
          .chain((values) => fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...values)), { minLength: 60, maxLength: 300 })),
        count: fc.integer({ min: 1, max: 4 }),
        descending: fc.boolean(),
        nulls: fc.constantFrom("first" as const, "last" as const),
        inPlace: fc.boolean(),
        size: fc.integer({ min: 1, max: 130 }),
      }),
    );
    fc.assert(
      fc.property(rowsOf, ({ type, rows, count, descending, nulls, inPlace, size }) => {
        const order = { type, nullable: true, descending, nulls };
        const first = new FirstOfKeys(keysOf([types.int32]), false, { count, order, inPlace });
        const comesBefore = (a: Value, b: Value): boolean => {
          if (a === null || b === null) return a === null ? b !== null && nulls === "first" : nulls === "last";
          return (descending ? -1 : 1) * compareValues(a, b) < 0;
        };
        const areTied = (a: Value, b: Value): boolean => !comesBefore(a, b) && !comesBefore(b, a);
        for (let from = 0; from < rows.length; from += size) {
          const batch = rows.slice(from, from + size);
          const [keys, values] = [batch.map(([key]) => key), batch.map(([, value]) => value)];
          const [keyColumn, valueColumn] = [columnOf(types.int32, keys), columnOf(type, values)];
          const kept = [
            ...(first.select(
              () => [keyColumn],
              null,
              batch.length,
              () => valueColumn,
            ) ?? batch.keys()),
          ];
          for (const [row, [key, value]] of batch.entries()) {
            if (kept.includes(row)) {
              left++;
              continue;
            }
            out++;
            const others = rows.slice(0, from + row).filter(([other]) => other === key);
            const before = others.filter(([, other]) => comesBefore(other, value) || (inPlace && areTied(other, value)));
            expect(before.length).toBeGreaterThanOrEqual(count);
          }
        }
        first.free();
      }),
      { numRuns: 2000 },
    );
    expect(out).toBeGreaterThan(left / 2);
  });

  it("are no longer looked for where most keys are new, many, or large", () => {
    const select = (first: FirstOfKeys, values: readonly number[]) =>
      first.select(() => [columnOf(types.int32, values)], null, values.length)?.length ?? values.length;
    const numbers = (count: number, of: number, from = 0) => Array.from({ length: count }, (_, i) => from + (i % of));
    const never = new FirstOfKeys(keysOf([types.int32]), false, firstOne);
    expect(select(never, numbers(20_000, 19_000))).toBe(20_000);
    expect(select(never, numbers(1000, 1))).toBe(1000);
    const seldom = new FirstOfKeys(keysOf([types.int32]), false, firstOne);
    expect(select(seldom, numbers(40_000, 6_000))).toBe(6_000);
    expect(select(seldom, numbers(40_000, 40_000, 6_000))).toBe(40_000);
    expect(select(seldom, numbers(1000, 1))).toBe(1000);
    const large = new FirstOfKeys(keysOf([types.int32]), false, firstOne);
    expect(select(large, numbers(100, 1))).toBe(1);
    large.noteBytes(2 ** 25 + 1);
    expect(select(large, numbers(100, 1))).toBe(100);
  });
});

describe("an exchange of first rows", () => {
  const schema: Schema = [
    { name: "k", type: types.int32, nullable: true },
    { name: "t", type: types.utf8, nullable: true },
  ];

  const batchRows = 20_000;

  function blocksOf(name: string, rows: number, text: (row: number) => string | null, firstOnly: boolean) {
    const file = join(folder, name);
    const step = { op: "keyExchange", input: -1, name, keys: [0], buckets: 4, places: true, schema, file } as const;
    const operator = new KeyExchangeOperator(
      firstOnly ? { ...step, first: { ...firstOne, order: null, others: "repeated" } } : step,
    );
    for (let from = 0; from < rows; from += batchRows) {
      const numbers = Array.from({ length: Math.min(batchRows, rows - from) }, (_, i) => from + i);
      const columns = [columnOf(types.int32, numbers.map(keyOf)), columnOf(types.utf8, numbers.map(text))];
      const selection = Int32Array.from(numbers.keys()).filter((row) => row % 11 !== 3);
      operator.push({ schema, length: numbers.length, columns, selection, origin: null });
    }
    operator.flush();
    const read = new BlockFile(file);
    const blocks = [...read.blocks];
    read.close();
    return { blocks, parts: planPlaced([file]), rowsOut: operator.counts.rowsOut };
  }

  /** Keys 0 to 9 come again and again, the others once, behind a block that has no row of its own. */
  const keyOf = (row: number): number | null => (row % 7 === 0 ? null : row > 700_000 && row % 5_000 === 0 ? row : row % 10);

  it.each([
    ["short rows", 1_300_000, () => "x"],
    ["long rows", 200_000, (row: number) => (row % 3 === 0 ? null : "y".repeat(row % 1500))],
  ])("has blocks and tasks where they were with all of %s", (name, rows, text) => {
    const all = blocksOf(`${name} all`, rows, text, false);
    const first = blocksOf(`${name} first`, rows, text, true);
    expect(all.blocks.length).toBeGreaterThan(2);
    expect(first.blocks.map((block) => block.came ?? block.rows)).toEqual(all.blocks.map((block) => block.rows));
    expect(first.parts).toEqual(all.parts);
    const others = Array.from({ length: rows }, (_, row) => row).filter(
      (row) => (row % batchRows) % 11 !== 3 && (keyOf(row) ?? 0) > 9,
    );
    expect(first.rowsOut).toBe(11 + others.length);
    expect(first.blocks[1]?.rows).toBe(0);
  });
});
