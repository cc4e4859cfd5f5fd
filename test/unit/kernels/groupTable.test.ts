import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codedColumn, textColumn } from "../../../src/batch/coded.js";
import type { Column } from "../../../src/batch/column.js";
import { stridedColumn } from "../../../src/batch/strided.js";
import { columnReader } from "../../../src/batch/reader.js";
import { compareValues } from "../../../src/functions/compare.js";
import { canPack } from "../../../src/kernels/groups/groupKeys.js";
import { textOrder, WordGroupTable } from "../../../src/kernels/groups/groupTable.js";
import { RowBuckets } from "../../../src/kernels/rowBuckets.js";
import { type DataType, types, type Value } from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";
import { columnOf } from "../../support/columns.js";

const packable = everyType.filter((type) => canPack([type]));

const keys = (all: readonly DataType[]) => all.map((type) => ({ type, nullable: true }));

const compareRows = (a: readonly Value[], b: readonly Value[]): number => {
  for (const [i, value] of a.entries()) {
    const order = compareValues(value, b[i] ?? null);
    if (order !== 0) return order;
  }
  return 0;
};

const rowsCase = fc
  .array(fc.constantFrom(...packable), { minLength: 1, maxLength: 3 })
  .chain((all) =>
    fc.tuple(
      fc.constant(all),
      fc.array(fc.tuple(...all.map((type) => fc.option(arbitraryOf(type), { freq: 8 }))), { maxLength: 60 }),
    ),
  );

const codesCase = fc.record({
  texts: fc.uniqueArray(fc.option(fc.string({ maxLength: 12 }), { freq: 5 }), { minLength: 1, maxLength: 300 }),
  batches: fc.array(fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 40 }), { minLength: 1, maxLength: 6 }),
  selects: fc.boolean(),
});

describe("groups of codes", () => {
  it("are numbered in the order in which rows have their texts, batch by batch, dictionary by dictionary", () => {
    const bytesOf = (text: string | null) => (text === null ? null : new TextEncoder().encode(text));
    fc.assert(
      fc.property(fc.array(codesCase, { minLength: 1, maxLength: 3 }), (dictionaries) => {
        const table = new WordGroupTable(keys([types.utf8]));
        const groups = new Map<string | null, number>();
        try {
          for (const { texts, batches, selects } of dictionaries) {
            const dictionary = textColumn(types.utf8, texts.map(bytesOf));
            const codeOf = (row: number) => row % texts.length;
            for (const rows of batches) {
              const make = texts.length <= 256 ? Uint8Array : Uint16Array;
              const codes = make.from(rows, ([row]) => codeOf(row));
              const live = rows.flatMap(([, isLive], i) => (isLive || !selects ? [i] : []));
              const expected = live.map((i) => {
                const text = texts[codeOf(rows[i]?.[0] ?? 0)] ?? null;
                if (!groups.has(text)) groups.set(text, groups.size);
                return groups.get(text);
              });
              const column = codedColumn({ codes, texts: dictionary }, rows.length);
              const found = table.assign([column], selects ? Int32Array.from(live) : null, rows.length);
              expect([...found]).toEqual(expected);
            }
          }
        } finally {
          table.free();
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("groups of packed keys", () => {
  it("are the same for texts and for codes that stand for them", () => {
    const short = ["", "a", "seven77", "eight888", "\u0000", null, "a"];
    // The last byte of eight may be one that says something else of a word.
    const special = [
      Buffer.from("1234567\u0005"),
      Buffer.from([1, 2, 3, 4, 5, 6, 7, 254]),
      Buffer.from([1, 2, 3, 4, 5, 6, 7, 255]),
    ];
    const all = [
      ...short.map((text) => (text === null ? null : Buffer.from(text))),
      Buffer.from("longer than a word"),
      ...special,
    ];
    for (const values of [all.slice(0, short.length), all])
      for (const codes of [Uint8Array, Uint16Array]) {
        const length = 500;
        const chosen = codes.from({ length }, (_, i) => (i * 7 + (i >> 3)) % values.length);
        const coded = codedColumn({ codes: chosen, texts: textColumn(types.binary, values) }, length);
        const plain = columnOf(
          types.binary,
          [...chosen].map((code) => values[code] ?? null),
        );
        const numbers = columnOf(
          types.int32,
          Array.from({ length }, (_, i) => (i % 11 === 0 ? null : i % 3)),
        );
        const live = Int32Array.from({ length: length / 2 }, (_, i) => i * 2);
        const [a, b] = [coded, plain].map((column) => {
          const table = new WordGroupTable(keys([types.int32, types.binary]));
          const groups = [live, null].map((selection) => [...table.assign([numbers, column], selection, length)]);
          const read = table.keyColumns(table.sorted().order).map(columnReader);
          const found = Array.from({ length: table.count }, (_, i) => read.map((one) => one(i)));
          table.free();
          return { groups, found };
        });
        expect(a).toEqual(b);
        expect(new Set(b?.groups[1]).size).toBe(b?.found.length);
      }
  });

  it("are numbered as they come while the table grows, also when a key longer than a word comes late", () => {
    const word = fc.nat(6000).map((i) => (i === 0 ? "" : `k${i}`));
    const long = fc.nat(400).map((i) => `longer than a word ${i}`);
    const batches = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.array(word, { maxLength: 3000, size: "max" }) },
        { weight: 1, arbitrary: fc.array(fc.oneof(word, long), { maxLength: 600, size: "max" }) },
      ),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(batches, fc.boolean(), (drawn, isNullable) => {
        const table = new WordGroupTable([{ type: types.utf8, nullable: isNullable }]);
        const numbers = new Map<string, number>();
        for (const texts of drawn) {
          const wanted = texts.map((text) => {
            const known = numbers.get(text) ?? numbers.size;
            numbers.set(text, known);
            return known;
          });
          expect([...table.assign([columnOf(types.utf8, texts)], null, texts.length)]).toEqual(wanted);
        }
        const [read] = table.keyColumns(null).map(columnReader);
        expect(Array.from({ length: table.count }, (_, i) => read?.(i))).toEqual([...numbers.keys()]);
        table.free();
      }),
      { numRuns: 40 },
    );
  });

  it("of one text are the same by codes, batch after batch, whatever the dictionary", () => {
    const text = fc.option(fc.string({ unit: fc.constantFrom("a", "b", "é"), maxLength: 10 }));
    const batch = fc.record({
      texts: fc.array(text, { minLength: 1, maxLength: 300 }),
      rows: fc.array(fc.nat(1000), { minLength: 1, maxLength: 400 }),
      selected: fc.boolean(),
      form: fc.constantFrom("bytes", "words", "plain"),
    });
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), (batches) => {
        const found = ["coded", "plain"].map((way) => {
          const table = new WordGroupTable(keys([types.utf8]));
          const groups = batches.flatMap(({ texts, rows, selected, form }) => {
            const values = texts.map((one) => (one === null ? null : Buffer.from(one)));
            const most = Math.min(values.length, form === "bytes" ? 256 : values.length);
            const numbers = rows.map((row) => row % most);
            const codes = form === "bytes" ? Uint8Array.from(numbers) : Uint16Array.from(numbers);
            const texted = textColumn(types.utf8, values);
            const plain = columnOf(
              types.utf8,
              numbers.map((code) => texts[code] ?? null),
            );
            const column = way === "plain" || form === "plain" ? plain : codedColumn({ codes, texts: texted }, rows.length);
            const selection = selected ? Int32Array.from(rows.flatMap((_, i) => (i % 3 === 0 ? [] : [i]))) : null;
            // The same dictionary comes twice.
            return [0, 1].flatMap(() => [...table.assign([column], selection, rows.length)]);
          });
          const [texts] = table.keyColumns(null);
          const read = columnReader(texts as Column);
          const names = Array.from({ length: table.count }, (_, i) => read(i));
          table.free();
          return { groups, names };
        });
        expect(found[0]).toEqual(found[1]);
      }),
    );
  });

  it("come in the order that values compare in, nulls last", () => {
    fc.assert(
      fc.property(rowsCase, ([all, rows]) => {
        const table = new WordGroupTable(keys(all));
        const columns = all.map((type, i) =>
          columnOf(
            type,
            rows.map((row) => row[i] ?? null),
          ),
        );
        const groups = [...table.assign(columns, null, rows.length)];
        const { order, keys: strings } = table.sorted();
        const keyColumns = table.keyColumns(order);
        const readers = keyColumns.map(columnReader);
        // A text that is the only key has no other strings.
        const sortKeys = strings ?? textOrder(keyColumns[0] as Column);
        expect(strings === null).toBe(all.length === 1 && all[0]?.kind === "utf8");
        const sorted = [...order].map((_, i) => readers.map((read) => read(i)));
        for (let i = 1; i < sorted.length; i++) {
          expect(compareRows(sorted[i - 1] ?? [], sorted[i] ?? [])).toBeLessThan(0);
          const [a, b] = [i - 1, i].map((j) => sortKeys.bytes.subarray(sortKeys.starts[j], sortKeys.ends[j]));
          expect(Buffer.compare(a as Uint8Array, b as Uint8Array)).toBe(-1);
        }
        const place = new Map([...order].map((group, i) => [group, i]));
        rows.forEach((row, i) => {
          const found = sorted[place.get(groups[i] as number) ?? -1] ?? [];
          expect(compareRows(row, found)).toBe(0);
        });
        table.free();
      }),
    );
  });

  it("come in order where they come in stretches that are in order already, whatever follows on what", () => {
    const text = (i: number) => `number ${String(i).padStart(9, "0")}${"x".repeat(i % 3)}`;
    const up = (from: number, to: number, step = 1) =>
      Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);
    const cases = [
      up(0, 500),
      [...up(0, 900, 3), ...up(1, 900, 3), ...up(2, 900, 3)],
      [...up(300, 400), ...up(200, 300), ...up(100, 200), ...up(0, 100)],
      [...up(0, 400), ...up(400, 460).reverse(), ...up(1000, 2000)],
      [...up(1, 200, 2), ...up(0, 200, 2), 5000, ...up(250, 320), 201],
      up(0, 40).reverse(),
    ];
    for (const numbers of cases) {
      const table = new WordGroupTable([{ type: types.utf8, nullable: false }]);
      table.assign([columnOf(types.utf8, numbers.map(text))], null, numbers.length);
      const { order } = table.sorted();
      expect([...order].map((group) => numbers[group])).toEqual(numbers.toSorted((a, b) => a - b));
      table.free();
    }
  });

  it("tell texts apart by length and by every byte, also where they fill words", () => {
    const texts = [
      "",
      "a",
      "a\0",
      "abcdefg",
      "abcdefgh",
      "abcdefg\0",
      "abcdefg\x07",
      "abcdefg\x08",
      "abcdefghi",
      "abcdefghijklmnop",
      "ÿÿÿÿ",
    ];
    const bytes = [...texts.map((text) => Buffer.from(text)), Buffer.alloc(8, 255), Buffer.alloc(8, 254), Buffer.alloc(7, 254)];
    const table = new WordGroupTable(keys([types.binary]));
    const column = columnOf(types.binary, [...bytes, null]);
    expect([...table.assign([column], null, column.length)]).toEqual(Array.from({ length: column.length }, (_, i) => i));
    const [back] = table.keyColumns(null);
    const read = columnReader(back as Column);
    for (const [i, one] of bytes.entries()) expect(Buffer.from(read(i) as Uint8Array)).toEqual(Buffer.from(one));
    expect(read(bytes.length)).toBeNull();
    table.free();
  });

  it("grow past a million", () => {
    const table = new WordGroupTable(keys([types.int64]));
    const rows = 100_000;
    for (let batch = 0; batch < 11; batch++) {
      const values = BigInt64Array.from({ length: rows }, (_, i) => BigInt(batch * rows + i) * 7n);
      const column: Column = { layout: "fixed", type: types.int64, length: rows, values, valid: null };
      const groups = table.assign([column], null, rows);
      expect(groups[rows - 1]).toBe((batch + 1) * rows - 1);
    }
    expect(table.count).toBe(1_100_000);
    table.free();
  });

  it("go to another table with their packed keys", () => {
    const first = new WordGroupTable(keys([types.utf8, types.int32]));
    const columns = [columnOf(types.utf8, ["x", null, "longer than a word", "x"]), columnOf(types.int32, [1, 2, null, 1])];
    first.assign(columns, null, 4);
    const second = new WordGroupTable(keys([types.utf8, types.int32]));
    expect([...second.assignPacked(first.packedKeys())]).toEqual([0, 1, 2]);
    expect([...second.assign(columns, Int32Array.of(2, 3), 4)]).toEqual([2, 0]);
  });
});

describe("row buckets", () => {
  it("keep all rows, in order within a bucket, and equal keys together", () => {
    const cases = fc.tuple(
      fc.integer({ min: 0, max: 6 }),
      fc.array(fc.tuple(fc.string({ maxLength: 12 }), fc.option(fc.string())), { maxLength: 80 }),
    );
    fc.assert(
      fc.property(cases, fc.boolean(), ([bits, rows], selected) => {
        const selection = selected ? Int32Array.from(rows.keys()).filter((i) => i % 3 !== 1) : null;
        const live = selection === null ? rows : [...selection].map((i) => rows[i] as (typeof rows)[number]);
        const buckets = new RowBuckets(keys([types.utf8]), [types.utf8, types.int32], bits);
        const key = columnOf(
          types.utf8,
          rows.map(([text]) => text),
        );
        const text = columnOf(
          types.utf8,
          rows.map(([, value]) => value),
        );
        const number = columnOf(types.int32, [...rows.keys()]);
        for (let part = 0; part < 2; part++) buckets.append([key], [text, number], selection, rows.length);
        const { rows: count, bounds, columns } = buckets.take();
        expect(count).toBe(live.length * 2);
        expect(bounds).toHaveLength(2 ** bits + 1);
        expect([bounds[0], bounds.at(-1)]).toEqual([0, count]);
        const numbers = new Int32Array(columns[2]?.values.slice().buffer ?? new ArrayBuffer(0));
        const bucketOf = new Map<string, number>();
        for (let b = 0; b < 2 ** bits; b++) {
          for (let i = bounds[b] as number; i < (bounds[b + 1] as number); i++) {
            const row = rows[numbers[i] as number] as (typeof rows)[number];
            expect(bucketOf.get(row[0]) ?? b).toBe(b);
            bucketOf.set(row[0], b);
          }
        }
        expect([...numbers].sort((a, b) => a - b)).toEqual(
          [...live, ...live].map((row) => rows.indexOf(row)).sort((a, b) => a - b),
        );
        buckets.free();
      }),
    );
  });

  it("of one word each are told apart from longer ones that come before, between and after", () => {
    const words = (of: readonly string[]) => {
      const source = new WordGroupTable([{ type: types.utf8, nullable: true }]);
      source.assign([columnOf(types.utf8, of)], null, of.length);
      const { bytes } = source.packedKeys();
      const packed = stridedColumn(types.binary, bytes.slice(), 8, of.length);
      source.free();
      return packed;
    };
    const table = new WordGroupTable([{ type: types.utf8, nullable: true }]);
    const many = Array.from({ length: 40_000 }, (_, i) => `k${i}`);
    expect([...table.assignPacked(words(many))]).toEqual(many.map((_, i) => i));
    // Known and new ones in turn, past several growths of the table.
    const mixed = Array.from({ length: 90_000 }, (_, i) => (i % 2 === 0 ? `k${i % 40_000}` : `new${i}`));
    const groups = [...table.assignPacked(words([...new Set(mixed)]))];
    expect(new Set(groups).size).toBe(new Set(mixed).size);
    expect(groups[0]).toBe(0);
    const count = table.count;
    expect(table.assign([columnOf(types.utf8, ["a text of several words", "k7", ""])], null, 3)).toEqual(
      Int32Array.of(count, 7, count + 1),
    );
    expect([...table.assignPacked(words(["k9", "", "x"]))]).toEqual([9, count + 1, count + 2]);
    table.free();
  });

  it("of texts of any length come from packing with and without a selection alike", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 1, maxLength: 50 }), (texts) => {
        const column = columnOf(types.utf8, texts);
        const [all, some] = [new WordGroupTable(keys([types.utf8])), new WordGroupTable(keys([types.utf8]))];
        const every = Int32Array.from(texts, (_, i) => i);
        expect([...all.assign([column], null, texts.length)]).toEqual([...some.assign([column], every, texts.length)]);
        expect(all.packedKeys().bytes.slice()).toEqual(some.packedKeys().bytes.slice());
        all.free();
        some.free();
      }),
    );
  });
});
