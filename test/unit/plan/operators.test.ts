import { describe, expect, it } from "vitest";
import { read } from "../../../src/plan/read.js";

/** What JavaScript's operators would do with a column is never what was meant. */
describe("a column under an operator of JavaScript", () => {
  const rows = read.csv("x.csv", { schema: { a: "int32" } });

  it.each([
    ["a comparison", (c: never) => (c as { a: number }).a > 3],
    ["an addition", (c: never) => ({ x: (c as { a: number }).a + 1 })],
    ["text", (c: never) => ({ x: `${(c as { a: number }).a}` })],
  ])("is refused: %s", (_, callback) => {
    expect(() => rows.filter(callback as never)).toThrow(
      expect.objectContaining({ code: "COLUMN_AS_VALUE", hint: expect.stringContaining("c.a.gt(1)") }),
    );
  });
});
