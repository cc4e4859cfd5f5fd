import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import type { FunctionRef } from "../../../src/expr/nodes.js";
import { loadFunction } from "../../../src/kernels/expressions/userFunction.js";
import { shipFunction } from "../../../src/plan/capture.js";
import { col } from "../../../src/plan/expressions.js";
import { read } from "../../../src/plan/read.js";
import { module, udf } from "../../../src/plan/udf.js";

type Anything = (...args: never[]) => unknown;

/** Ships a function and loads it again, as a worker does. */
async function roundTrip(fn: Anything, captures: { readonly [name: string]: unknown } = {}) {
  return await loadFunction(shipFunction(fn, "f", "flatMap", captures));
}

/** A function from text, so that no test tool rewrites it. */
const fromText = (text: string, ...outer: unknown[]): Anything =>
  new Function(...outer.map((_, i) => `outer${i}`), `return ${text}`)(...outer);

function failure(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("expected an error");
}

const ship = (text: string, captures: { readonly [name: string]: unknown } = {}) =>
  shipFunction(fromText(text), "f", "udf", captures);

describe("functions that stand alone", () => {
  const cases: readonly (readonly [string, readonly unknown[], unknown])[] = [
    ["(a, b) => a + b", [1, 2], 3],
    ["function (a) { return a * 2 }", [4], 8],
    ["function fact(n) { return n < 2 ? 1 : n * fact(n - 1) }", [5], 120],
    ["({ twice(a) { return a * 2 } }).twice", [4], 8],
    ["({ ['odd name'](a) { return a } })['odd name']", [4], 4],
    ["({ get(a) { return a } }).get", [4], 4],
    ["({ a, b: [c, ...d] = [1], ...e }) => [a, c, d, e]", [{ a: 1, b: [2, 3], f: 4 }], [1, 2, [3], { f: 4 }]],
    ["(a, b = a + 1, ...c) => a + b + c.length", [1, 2, 3, 4], 5],
    ["(xs) => { let s = 0; for (const x of xs) { if (x < 0) continue; s += x } return s }", [[1, -2, 3]], 4],
    ["(n) => { outer: for (let i = 0; ; i++) { for (;;) { if (i === n) break outer; continue outer } } return n }", [3], 3],
    ["(x) => { try { return JSON.parse(x) } catch (error) { return error instanceof SyntaxError } }", ["{"], true],
    ["(x) => { try { throw { a: 1 } } catch ({ a }) { return a + x } }", [1], 2],
    [
      "(x) => { class P { #v; constructor(v) { this.#v = v } get v() { return this.#v } static s = 1 } return new P(x).v + P.s }",
      [2],
      3,
    ],
    ["(x) => { class A { f() { return 1 } } class B extends A { f() { return super.f() + x } } return new B().f() }", [2], 3],
    ["(x) => { return f(x); function f(y) { return g + y; } var g; }", [1], Number.NaN],
    ["(x) => { { var y = x } return y }", [1], 1],
    ["(x) => { switch (x) { case 1: let y = 2; return y; default: return 0 } }", [1], 2],
    ["(x) => ((y) => x + y)(2)", [1], 3],
    ["function (x) { return (() => arguments.length)() }", [1], 1],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ["(x) => ({ x, y: Math.max(x, 1), ['z' + x]: `${x}` })", [2], { x: 2, y: 2, z2: "2" }],
    ["(x) => { const o = { f() { return this.v }, v: x }; return o.f() }", [7], 7],
    ["(x) => { let a, b; [a, b = 3] = [x]; ({ a } = { a: a + 1 }); return a + b }", [1], 5],
    ["(x) => typeof x === 'undefined' ? undefined : BigInt(x)", [1], 1n],
  ];
  test.each(cases)("%s", async (text, args, expected) => {
    expect((await roundTrip(fromText(text)))(...args)).toEqual(expected);
  });

  test("a generator gives rows", async () => {
    const split = await roundTrip(fromText("function* (n) { for (let i = 0; i < n; i++) yield { i } }"));
    expect([...(split(2) as Iterable<unknown>)]).toEqual([{ i: 0 }, { i: 1 }]);
    const method = await roundTrip(fromText("({ *rows(n) { yield n } }).rows"));
    expect([...(method(2) as Iterable<unknown>)]).toEqual([2]);
  });

  test("a constant that holds a function which calls itself", async () => {
    const fact = fromText("(() => { const fact = (n) => n < 2 ? 1 : n * fact(n - 1); return fact })()");
    expect((await roundTrip(fact))(5)).toBe(120);
    expect((await roundTrip(fact, { fact }))(5)).toBe(120);
  });
});

describe("free variables", () => {
  test.each([
    ["(x) => x * RATE", "RATE", 1],
    ["(x) => {\n const y = x;\n return helper(y);\n}", "helper", 3],
    ["(x) => { if (x) { let y = 1 } return y }", "y", 1],
    ["(x) => { for (const i of [1]) {} return i }", "i", 1],
    ["(x) => ({ rate })", "rate", 1],
    ["(x, y = LIMIT) => x", "LIMIT", 1],
    ["({ [KEY]: x }) => x", "KEY", 1],
    ["(x) => { class A extends Base {} return A }", "Base", 1],
    ["(x) => process.env.HOME", "process", 1],
    ["(x) => typeof MAYBE", "MAYBE", 1],
    ["(x) => { (function inner() {})(); return inner }", "inner", 1],
    ["(x) => { try {} catch (e) {} return e }", "e", 1],
  ])("%s", (text, name, line) => {
    const error = failure(() => ship(text));
    expect(error.code).toBe("UDF_FREE_VARIABLE");
    expect(error.message).toContain(`function f uses ${name} (line ${line} of the function)`);
    expect(error.hint).toContain(`{ with: { ${name} } }`);
  });

  test("a name that is near is suggested", () => {
    expect(failure(() => ship("(x) => x * RATES", { RATE: 1 })).message).toContain('Did you mean "RATE"?');
  });

  test("named values arrive", async () => {
    const captures = {
      RATE: 2,
      BIG: 10n ** 20n,
      WORD: /a+/i,
      DAY: new Date(86_400_000),
      TABLE: new Map<unknown, unknown>([["a", new Set([1n])]]),
      CONFIG: { list: [1, null, "x"], deep: { yes: true } },
      helper: fromText("(x) => inner(x) + RATE"),
      inner: fromText("(x) => x * 10"),
    };
    const text =
      "(x) => [helper(x), BIG, WORD.test('xA'), DAY.getTime(), TABLE.get('a').has(1n), CONFIG.list.length, CONFIG.deep.yes, RATE]";
    expect((await roundTrip(fromText(text), captures))(1)).toEqual([12, 10n ** 20n, true, 86_400_000, true, 3, true, 2]);
  });

  test("only what is used counts", () => {
    const a = ship("(x) => x * RATE", { RATE: 2, OTHER: 3 });
    const b = ship("(x) => x * RATE", { RATE: 2 });
    const c = ship("(x) => x * RATE", { RATE: 3 });
    expect(a.hash).toBe(b.hash);
    expect(a.hash).not.toBe(c.hash);
    expect(a.hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("what cannot be shipped", () => {
  test.each([
    ["(x) => this.rate", "this"],
    ["({ f() { return this } }).f", "this"],
    ["({ f() { return super.toString() } }).f", "super"],
    ["(x) => import('x')", "import()"],
    ["(() => (x) => arguments.length)()", "arguments"],
    ["(x) => { total += x }", "assigns to the outer variable total"],
    ["(x) => { for (total of x) {} return x }", "assigns to the outer variable total"],
    ["(x) => { [total] = x; return x }", "assigns to the outer variable total"],
    ["(x) => { counter++; return x }", "assigns to the outer variable counter"],
    ["async (x) => x", "async"],
    ["function* (x) { yield x }", "generator"],
    ["class A {}", "class"],
    ["Math.max", "built in"],
    ["((x) => x).bind(null)", "bound"],
    ["Object.getOwnPropertyDescriptor({ get a() { return 1 } }, 'a').get", "cannot be read"],
  ])("%s", (text, reason) => {
    const error = failure(() => ship(text, { total: 0, counter: 0 }));
    expect(error.code).toBe("UDF_NOT_SERIALISABLE");
    expect(error.category).toBe("Plan");
    expect(error.message).toContain(reason);
    expect(error.hint).toBeTruthy();
  });

  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const cyclicMap = new Map<string, unknown>();
  cyclicMap.set("self", cyclicMap);
  class Client {}
  test.each<readonly [string, unknown, string, string]>([
    ["a class instance", new Client(), "V", "an object of class Client"],
    ["one that is deep", { a: [{ b: new Client() }] }, "V.a[0].b", "an object of class Client"],
    ["a symbol", { a: Symbol("x") }, "V.a", "Symbol(x)"],
    ["a cycle", cyclic, "V.self", "a cycle"],
    ["a cycle through a map", cyclicMap, 'V["self"]', "a cycle"],
    ["NaN", Number.NaN, "V", "NaN"],
    ["undefined", { a: undefined }, "V.a", "undefined"],
    ["a map in an object", { a: new Map() }, "V.a", "an object of class Map"],
  ])("%s as a captured value", (_name, value, path, found) => {
    const error = failure(() => ship("(x) => V", { V: value }));
    expect(error.code).toBe("UDF_CAPTURE_NOT_SERIALISABLE");
    expect(error.message).toBe(`function f: the captured value ${path} is ${found}`);
  });

  test("functions that need each other", () => {
    const [even, odd] = [fromText("(n) => n === 0 || odd(n - 1)"), fromText("(n) => n !== 0 && even(n - 1)")];
    expect(failure(() => shipFunction(even, "even", "udf", { even, odd })).code).toBe("UDF_CAPTURE_NOT_SERIALISABLE");
  });
});

describe("udf and module", () => {
  test("a call is an expression of columns and values", () => {
    const twice = udf(fromText("(x, y) => x * y") as (x: number, y: number) => number, { returns: "double", name: "times" });
    const { expr } = twice(col("a"), 2);
    expect(expr).toMatchObject({
      kind: "udf",
      fn: { kind: "source", name: "times", source: "(x, y) => x * y", captured: {} },
      args: [
        { kind: "column", name: "a" },
        { kind: "literal", value: 2 },
      ],
      returns: { kind: "float64" },
    });
  });

  test("options are checked", () => {
    const identity = (x: number) => x;
    expect(failure(() => udf(identity, {} as { returns: "int32" })).code).toBe("MISSING_OPTION");
    expect(failure(() => udf(identity, { returns: "int33" } as unknown as { returns: "int32" })).code).toBe("UNKNOWN_TYPE");
    const wrong = failure(() => udf(identity, { return: "int32" } as unknown as { returns: "int32" }));
    expect(wrong.code).toBe("UNKNOWN_OPTION");
    expect(wrong.message).toContain('"returns"');
    expect(failure(() => udf(3 as unknown as () => void, { returns: "int32" })).code).toBe("INVALID_ARGUMENT");
  });

  test("a module's function is named by file and export, and its bytes count", () => {
    const f = module<(x: number) => number>(import.meta.url, "f", { returns: "int32" });
    const { expr } = f(1);
    const ref = (expr as { readonly fn: FunctionRef }).fn;
    expect(ref).toMatchObject({ kind: "module", url: import.meta.url, exportName: "f", name: "f" });
    const mapped = read.csv("a.csv").map(module(import.meta.url, "f"), { schema: { a: "int32" } });
    expect(mapped.node).toMatchObject({ kind: "map", fn: ref });
    expect(failure(() => module("file:///does/not/exist.js", "f")).code).toBe("UDF_MODULE_NOT_FOUND");
    expect(failure(() => module(import.meta.url, "f")(1)).code).toBe("MISSING_OPTION");
  });

  test("a function of a module cannot be captured", () => {
    const error = failure(() => ship("(x) => helper(x)", { helper: module(import.meta.url, "f") }));
    expect(error.code).toBe("UDF_CAPTURE_NOT_SERIALISABLE");
  });
});
