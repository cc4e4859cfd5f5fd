import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextSink } from "../../../src/batch/text.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { replaceRuns, runReplacement } from "../../../src/kernels/expressions/byteRuns.js";
import type { Call } from "../../../src/kernels/expressions/codegenPiece.js";
import { types } from "../../../src/schema/types.js";

const literal = (value: string): Bound => ({ kind: "literal", value, type: types.utf8, nullable: false });
const replacing = (pattern: string, by: string, flags: string): Call => {
  const text: Bound = { kind: "column", index: 0, name: "c", type: types.utf8, nullable: true };
  const args = [text, literal(pattern), literal(by)];
  return { kind: "call", fn: "regexpReplace", args, options: flags === "" ? {} : { flags }, type: types.utf8, nullable: true };
};

describe("a pattern that is one set, so many times", () => {
  it("is replaced on ASCII bytes as the language replaces it", () => {
    const patterns = ["[0-9]+", "[0-9]", "\\d{2}", "[ab]{2,3}", "b{2,}", "[^a]+", "\\s+", ".", ".+", "a{1}", "[?]"];
    const text = fc.string({ unit: fc.constantFrom(..."aab012 ?\n$&é"), maxLength: 20 });
    let done = 0;
    fc.assert(
      fc.property(text, fc.constantFrom(...patterns), fc.constantFrom("", "#", "$&"), fc.boolean(), (given, pattern, by, all) => {
        const how = runReplacement(replacing(pattern, by, all ? "g" : ""));
        if (how === null) throw new Error(`${pattern} is not seen to be one`);
        const sink = new TextSink(0);
        sink.writeText("before");
        const bytes = Buffer.from(`é${given}é`);
        const found = replaceRuns(sink, bytes, 2, bytes.length - 2, how);
        expect(found).toBe(!given.includes("é"));
        if (found) done++;
        const expected = found ? given.replace(new RegExp(pattern, all ? "gu" : "u"), () => by) : "";
        expect(Buffer.from(sink.bytes.subarray(0, sink.length)).toString()).toBe(`before${expected}`);
      }),
      { numRuns: 5000 },
    );
    expect(done).toBeGreaterThan(1000);
  });

  it("is no other pattern, and names no group", () => {
    for (const pattern of ["a*", "a?", "a+?", "(a)+", "(a+)", "ab", "a|b", "^a", "a$", "\\ba", "a+b*", "(?:a+?)"])
      expect(runReplacement(replacing(pattern, "", ""))).toBe(null);
    expect(runReplacement(replacing("a", "\\0", ""))).toBe(null);
    expect(runReplacement(replacing("a", "", "i"))).toBe(null);
    expect(runReplacement(replacing("a", "\\\\", ""))?.by).toEqual(new Uint8Array([92]));
  });
});
