import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { codedColumn, textColumn } from "../../../src/batch/coded.js";
import type { Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { FirstValues } from "../../../src/operators/firstValues.js";
import { types, type Value } from "../../../src/schema/types.js";

const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text, "utf8"));

function plain(values: readonly Value[]): Column {
  const builder = builderFor(types.utf8);
  for (const value of values) builder.append(value);
  return builder.finish();
}

/** The same rows by codes of a list of texts, which may have some twice. */
function coded(values: readonly (string | null)[], more: readonly (string | null)[], wide: boolean): Column {
  const texts = [...more, ...values];
  const codes = (wide ? Uint16Array : Uint8Array).from(
    values.map((value, i) => (i % 2 === 0 ? texts.indexOf(value) : more.length + i)),
  );
  return codedColumn({ codes, texts: textColumn(types.utf8, texts.map(bytesOf)) }, values.length);
}

/** Groups of rows by their first row's number, as a table of groups gives them. */
function numbered(keys: readonly (readonly number[])[]) {
  const groups = new Map<number, number>();
  return keys.map((batch) => {
    const numbers = batch.map((key) => groups.get(key) ?? groups.set(key, groups.size).size - 1);
    return { numbers: Int32Array.from(numbers), count: groups.size };
  });
}

describe("values of the first row of each group", () => {
  it("are those of the row, however the columns come", () => {
    const text = fc.option(fc.constantFrom("", "a", "b", "null", "=a", "ä", "long text"), { nil: null });
    const batch = fc.record({
      rows: fc.array(fc.tuple(fc.nat({ max: 30 }), text), { minLength: 1, maxLength: 40 }),
      form: fc.constantFrom("plain", "narrow", "wide"),
      more: fc.array(text, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 8 }), fc.boolean(), (batches, backwards) => {
        const first = new FirstValues([types.utf8]);
        const groups = numbered(batches.map(({ rows }) => rows.map(([key]) => key)));
        const expected: (string | null)[] = [];
        const seen = new Set<number>();
        for (const [i, { rows, form, more }] of batches.entries()) {
          const values = rows.map(([, value]) => value);
          const column = form === "plain" ? plain(values) : coded(values, more, form === "wide");
          const { numbers, count } = groups[i] ?? { numbers: new Int32Array(), count: 0 };
          first.add([column], numbers, count);
          for (const [key, value] of rows) {
            if (!seen.has(key)) expected.push(value);
            seen.add(key);
          }
        }
        const order = Int32Array.from(expected, (_, i) => (backwards ? expected.length - 1 - i : i));
        const read = first.columns(order).map(columnReader)[0];
        const found = Array.from(order, (_, i) => read?.(i));
        expect(found).toEqual(backwards ? expected.toReversed() : expected);
      }),
      { numRuns: 500 },
    );
  });

  it("are taken as they are where there are more texts than codes", () => {
    const first = new FirstValues([types.utf8]);
    const rows = 30_000;
    const expected: string[] = [];
    for (let batch = 0; batch < 3; batch++) {
      const values = Array.from({ length: rows }, (_, i) => `text ${batch * rows + i}`);
      expected.push(...values);
      const groups = Int32Array.from({ length: rows }, (_, i) => batch * rows + i);
      const codes = Uint16Array.from({ length: rows }, (_, i) => i);
      const column = codedColumn({ codes, texts: textColumn(types.utf8, values.map(bytesOf)) }, rows);
      first.add([column], groups, (batch + 1) * rows);
    }
    const order = Int32Array.from({ length: 3 * rows }, (_, i) => i);
    const read = first.columns(order).map(columnReader)[0];
    expect([0, 1, 59_999, 65_536, 89_999].map((row) => read?.(row))).toEqual(
      [0, 1, 59_999, 65_536, 89_999].map((row) => expected[row]),
    );
  });
});
