import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { parseType } from "../../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const schema = [
  { name: "whole", type: parseType("int32"), nullable: true },
  { name: "text", type: parseType("utf8"), nullable: true },
  { name: "price", type: parseType("float64"), nullable: true },
];

const whole = fc.oneof(fc.integer({ min: -99_999_999, max: 99_999_999 }).map(String), fc.constantFrom("", "-0", "2147483647"));
const text = fc.oneof(fc.stringMatching(/^[a-z ]{1,30}$/), fc.constantFrom("", "x", '"quoted, with comma"', '"a ""b"""'));
/** Prices of one file mostly have their point at the same place. */
const price = (digits: number) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: -99_999, max: 99_999 }).map((n) => (n / 10 ** digits).toFixed(digits)) },
    { weight: 1, arbitrary: fc.constantFrom("", "7", "-1.5", "0.125", "-0.0", "1e3", "123456.7", "0.123456789", "12345678") },
  );

const meaning = {
  whole: (field: string) => (field === "" ? null : Number(field) + 0),
  text: (field: string) => {
    if (!field.startsWith('"')) return field === "" ? null : field;
    return field.slice(1, -1).replaceAll('""', '"');
  },
  price: (field: string) => (field === "" ? null : Number(field)),
};

/** A line that is no record, or a record of the wrong number of fields, ends a run of rows that lie evenly. */
const line = (digits: number) =>
  fc.oneof(
    { weight: 30, arbitrary: fc.tuple(whole, text, price(digits)) },
    { weight: 1, arbitrary: fc.constantFrom([""], ["1", "too few"], ["1", "too", "2.5", "many"]) },
  );

const file = fc.nat(6).chain((digits) => fc.array(line(digits), { minLength: 1, maxLength: 400 }));

test("values do not depend on how evenly the records around them lie", async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.constantFrom("\n", "\r\n"), fc.constantFrom(7, 64, 8192), async (lines, end, batchRows) => {
      const body = lines.map((fields) => fields.join(",") + end).join("");
      const path = writeText(folder.path, `whole,text,price${end}${body}`);
      const { rows, rejects } = await readAll(resolveOne(path, {}, schema), { batchRows, blockBytes: 4096 });
      const good = lines.filter((fields) => fields.length === 3) as [string, string, string][];
      const expected = good.map(([a, b, c]) => [meaning.whole(a), meaning.text(b), meaning.price(c)]);
      expect(rows).toEqual(expected);
      expect(rejects.length).toBe(lines.filter((fields) => fields.length === 2 || fields.length === 4).length);
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});
