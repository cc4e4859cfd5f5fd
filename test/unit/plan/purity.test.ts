import { describe, expect, it } from "vitest";
import { shipFunction } from "../../../src/plan/capture.js";

/** A function from text, so that no test tool rewrites it. */
const fromText = (text: string): unknown => new Function(`return ${text}`)();

const isPure = (text: string, captures: { readonly [name: string]: unknown } = {}): boolean => {
  const ref = shipFunction(fromText(text), "f", "udf", captures);
  return ref.kind === "source" && ref.pure === true;
};

const pure = [
  "(s) => s",
  ["(s) => `", "{s.slice(0, 3)}", "{s.charCodeAt(5) % 2 === 0 ? '-even' : '-odd'}`"].join("$"),
  "(s) => s.split(',').map(Number).filter((n) => !isNaN(n)).join(';')",
  "(s) => { let n = 0; for (const c of s) { n += c.length; } return String(n); }",
  "(s) => { const seen = new Map(); for (const c of s) seen.set(c, (seen.get(c) ?? 0) + 1); return [...seen.keys()].join(''); }",
  "(s) => JSON.parse(s).name ?? null",
  "(s) => { try { return decodeURIComponent(s); } catch (e) { if (e instanceof TypeError) return null; throw e; } }",
  "(s) => Math.max(s.length, Number.MAX_SAFE_INTEGER) + ''",
  "function f(s) { const parts = {}; parts.first = s[0]; parts.n = 1; parts.n++; return parts.first + parts.n; }",
  "({ name(s) { return s.replace(/a/g, 'b'); } }).name",
  "(s) => { if (s === undefined) throw new RangeError('none'); return s; }",
  "(s, { length } = s) => { outer: for (;;) { break outer; } return String(length); }",
  "(s) => { function twice(t) { return t + t; } return twice(s); }",
  "(s) => { delete s.x; return s; }",
];

const impure = [
  "(s) => s + Math.random()",
  "(s) => s + Math['random']()",
  "(s) => { const { random } = Math; return s + random(); }",
  "(s) => { const m = Math; return s + m.random(); }",
  "(s) => s + Date.now()",
  "(s) => s + new Date().getTime()",
  "(s) => s + performance.now()",
  "(s) => s + crypto.randomUUID()",
  "(s) => { console.log(s); return s; }",
  "(s) => { globalThis.n = (globalThis.n ?? 0) + 1; return s + globalThis.n; }",
  "(s) => { String.n = (String.n ?? 0) + 1; return s + String.n; }",
  "(s) => { Number.N = 1; return s; }",
  "(s) => { Number.N++; return s; }",
  "(s) => { delete Number.N; return s; }",
  "(s) => { const T = String; T.n = 1; return s; }",
  "(s) => { [].constructor.n = s; return s; }",
  "(s) => { [].__proto__.n = s; return s; }",
  "(s) => { const { constructor: c } = s; c.n = 1; return s; }",
  "(s) => { s['constructor'].n = 1; return s; }",
  "function f(s) { f.n = (f.n ?? 0) + 1; return s + f.n; }",
  "function f(s) { return s === '' ? s : f(s.slice(1)); }",
  "(s) => { const tag = (t) => t; return tag`x` === s ? s : ''; }",
  "(s) => { class A { static n = 1; } return s + A.n; }",
  "(s) => s.replace(new RegExp('a'), RegExp.$1)",
  "(s) => new WeakRef({}).deref() === undefined ? s : ''",
  "(s) => Object.keys(s).join()",
];

describe("a function's source shows", () => {
  it.each(pure)("that %s is pure", (text) => expect(isPure(text)).toBe(true));
  it.each(impure)("no purity of %s", (text) => expect(isPure(text)).toBe(false));
  it("none of a function that takes something from around it, or calls itself", () => {
    expect(isPure("(s) => s + suffix", { suffix: "!" })).toBe(false);
    expect(isPure("(s) => { counts.n++; return s; }", { counts: { n: 0 } })).toBe(false);
    const again = new Function("const again = (s) => s === '' ? s : again(s.slice(1)); return again")();
    const ref = shipFunction(again, "f", "udf", {});
    expect(ref.kind === "source" && ref.pure === true).toBe(false);
  });
});
