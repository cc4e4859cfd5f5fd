import { describe, expect, it } from "vitest";
import type { FunctionRef } from "../../../src/expr/nodes.js";
import { shipFunction } from "../../../src/plan/capture.js";

/** A function from text, so that no test tool rewrites it. */
const fromText = (text: string): unknown => new Function(`return ${text}`)();

const ship = (text: string, captures: { readonly [name: string]: unknown } = {}): FunctionRef =>
  shipFunction(fromText(text), "f", "udf", captures);

const numbersOf = (ref: FunctionRef): readonly number[] => (ref.kind === "source" ? (ref.numbers ?? []) : []);

const some: readonly (readonly [string, readonly number[]])[] = [
  ["(a, b) => a * Number(b) * 1.1", [1]],
  ["function (a, b) { return Number(a) / Number(b); }", [0, 1]],
  ["({ name(a) { return Number(a); } }).name", [0]],
  ["(b) => Number (b)", [0]],
  ["(b) => Number(/* the whole of it */ (b)) // b", [0]],
  ["(b) => `b` + 'b is \\u0062' + Number(b)", [0]],
  ["(b) => ({ b: Number(b), c: { b: 1 }.b })", [0]],
  ["(b) => Number.isNaN(Number(b)) ? Number.EPSILON : Number('1')", [0]],
  ["(b) => [1, 2].map((x) => x * Number(b)).length", [0]],
  ["(b) => { const f = function () { return Number(b); }; return f(); }", [0]],
  ["(a, b) => Number(a) + Number(Number(b) + 1)", [0, 1]],
  ["(a, b) => Number(a) + Number(a + b)", []],
  ["function f(a, b) { return Number(b) < 1 ? 0 : f(a - 1n, 0n); }", [1]],
  ["(a, b) => a === null ? null : Number(b)", [1]],
  ["(a, b) => (a != null && null !== b ? Number(a) + Number(b) : null)", [0, 1]],
];

const none = [
  "(b) => b",
  "(b) => 1",
  "(b) => Number(b) + b",
  "(b) => Number(b) + typeof b",
  "(b) => b === 0 ? 0 : Number(b)",
  "(b) => b === undefined ? 0 : Number(b)",
  "(b) => b < null ? 0 : Number(b)",
  "(b) => b ?? Number(b)",
  "(b, c) => (b === c) === null ? 0 : Number(b) + Number(c)",
  "(b) => (b === null) + (b = 1) + Number(b)",
  "(b) => Number(b, 1)",
  "(b) => Number(...b)",
  "(b) => Number(-b)",
  "(b) => Number?.(b)",
  "(b) => new Number(b) + Number(b)",
  "(b) => ({ Number: (x) => x }).Number(b)",
  "(b) => globalThis.Number(b)",
  "(b) => { globalThis['Num' + 'ber'] = String; return Number(b); }",
  "(b) => BigInt(b) + BigInt(Number(b))",
  "(b = 1n) => Number(b)",
  "(b, c = b) => Number(b) + Number(c)",
  "(b, ...c) => Number(b) + c.length",
  "(b, { c }) => Number(b) + c",
  "({ b }) => Number(b)",
  "function (b) { return Number(b) + arguments[0]; }",
  "function (b) { return (() => Number(b) + arguments.length)(); }",
  "function Number(b) { return b === 2n ? 'two' : Number(2n) + Number(b); }",
  "(Number, b) => Number(b)",
  "(b) => { const Number = String; return Number(b); }",
  "(b) => { const { Number } = { Number: String }; return Number(b); }",
  "(b) => { function Number(x) { return typeof x; } return Number(b); }",
  "(b) => { class Number {} return Number(b); }",
  "(b) => ((Number) => Number(b))(String)",
  "(b) => { try { throw String; } catch (Number) { return Number(b); } }",
  "(b) => { for (const Number of [String]) return Number(b); }",
  "(b) => { var N\\u0075mber = String; return Number(b); }",
  "(b) => [b].map(Number)[0] + Number(b)",
  "(b) => ((b) => Number(b))(2n ** 64n) + Number(b)",
  "(b) => { b = b + 1n; return Number(b); }",
  "(b) => { b++; return Number(b); }",
  "(b) => Number(\\u0062) + \\u0062",
  "(b) => Number(b) + ({ b }).b",
  "(b) => Number(b) + ({ [b]: 1 })[b]",
];

describe("the parameters that a function uses as Number(parameter) alone", () => {
  it.each(some)("of %s are %j", (text, numbers) => expect(numbersOf(ship(text))).toEqual(numbers));
  it.each(none)("of %s are none", (text) => expect(numbersOf(ship(text))).toEqual([]));
  it("are told apart from what it captured, and found where it calls itself by the name of a constant", () => {
    expect(numbersOf(ship("(b) => Number(b) * rate", { rate: 2 }))).toEqual([0]);
    const again = new Function("const again = (a, b) => a < 1 ? Number(b) : again(a - 1, 5n); return again")();
    expect(numbersOf(shipFunction(again, "f", "udf", {}))).toEqual([1]);
  });
  it("are not asked for where a function is called with rows, or by another function", () => {
    expect(numbersOf(shipFunction(fromText("(row) => Number(row)"), "f", "map", {}))).toEqual([]);
    const outer = shipFunction(fromText("(b) => half(b)"), "f", "udf", { half: fromText("(x) => Number(x) / 2") });
    expect(outer.kind === "source" && outer.captured).toMatchObject({ half: { ref: { source: "(x) => Number(x) / 2" } } });
    expect(JSON.stringify(outer)).not.toContain("numbers");
  });
});
