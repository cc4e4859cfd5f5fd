import { expect, test } from "vitest";
import { GroupTable } from "../../../src/kernels/groups/hashTable.js";
import { textColumn } from "../../support/columns.js";

/** Texts that differ from each other by one byte, by their length, or by zeros at their end. */
function similarTexts(): string[] {
  const texts: string[] = [];
  for (let length = 0; length <= 40; length++) {
    texts.push("\0".repeat(length), "a".repeat(length));
    for (let place = 0; place < length; place++) texts.push(`${"a".repeat(place)}b${"a".repeat(length - place - 1)}`);
  }
  return texts;
}

test("texts of every length are told apart, and found again", () => {
  const texts = similarTexts();
  const table = new GroupTable([{ kind: "utf8" }], [false]);
  const numbers = new Map<string, number>();
  for (let round = 0; round < 5; round++) {
    // Each round another order, by a step that shares no factor with the number of texts.
    const step = [1, 7, 11, 13, 17][round] as number;
    const order = Array.from({ length: texts.length * 4 }, (_, i) => texts[(i * step) % texts.length] as string);
    const groups = Array.from(table.assign([textColumn(order)], null, order.length));
    const expected = order.map((text) => {
      const known = numbers.get(text) ?? numbers.size;
      numbers.set(text, known);
      return known;
    });
    expect(groups).toEqual(expected);
  }
  table.free();
});
