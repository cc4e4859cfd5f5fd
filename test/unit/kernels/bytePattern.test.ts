import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { translatePattern } from "../../../src/functions/pattern.js";
import { bytePattern, sliceMatches } from "../../../src/kernels/expressions/bytePattern.js";
import { ByteSet } from "../../../src/kernels/expressions/byteSet.js";

const undecided = 2;

/** What JavaScript's engine says of the translated pattern. */
function oracle(pattern: string, flags: string, text: string): boolean {
  const translated = translatePattern(pattern, flags);
  if (typeof translated === "string") throw new Error(translated);
  return new RegExp(translated.source, translated.flags).test(text);
}

function onBytes(pattern: string, flags: string, text: string): number | null {
  const states = bytePattern(pattern, flags);
  if (states === null) return null;
  const bytes = Buffer.from(`<${text}>`);
  return sliceMatches(bytes, 1, bytes.length - 1, states);
}

const texts = [
  "",
  "a",
  "b",
  "ab",
  "S1",
  "S200",
  "s1",
  "S",
  "\n",
  "a\nb",
  " ",
  "x@y.z",
  "@",
  "a@",
  "K",
  "k",
  "é",
  "aé",
  "éa",
  "S1é",
  "\u212a",
  "ſ",
  "😀",
];

describe("a pattern on bytes", () => {
  const decided = [
    "^S[0-9]+$",
    "S[0-9]+",
    "^[^@]+@[^@]+$",
    "a|b|^$",
    "",
    "^$",
    "$",
    "^",
    "(a|b)*",
    "^(?:a|b)*$",
    "^a?$",
    "a{2,3}",
    "^a{0}$",
    "^.$",
    "[^\\s\\x0B\\pZ]",
    "\\d",
    "\\D",
    "^\\w+$",
    "\\W",
    "[[:upper:]][[:digit:]]",
    "^\\x53",
    "\\A[aS]",
    "[0-9]\\z",
    "a.b",
    "(?s)a.b",
    "(?i)^s1$",
    "^(S)(?P<n>\\d)$",
    "^é$",
    "é",
    "^[^a]*$",
    "(^a|b)$",
    "(?:^|x)@",
    "^a*?$",
    "\\pL",
    "^[\\-\\]a]$",
    "}",
    "a{",
    "^(a$|b)",
    "(a*)*b",
  ];
  it.each(decided)("%j means what it means to the engine of JavaScript", (pattern) => {
    for (const flags of ["", "i", "s", "is"]) {
      for (const text of texts) {
        const found = onBytes(pattern, flags, text);
        expect(found, `${flags} ${JSON.stringify(text)}`).not.toBeNull();
        if (found !== undecided) expect(found === 1, `${flags} ${JSON.stringify(text)}`).toBe(oracle(pattern, flags, text));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant
        if (/^[\x00-\x7f]*$/.test(text)) expect(found).not.toBe(undecided);
      }
    }
  });

  it.each(["\\bS", "a\\B", "a{600}", "[ab]*a[ab]{9}"])("%j is left to strings", (pattern) => {
    expect(bytePattern(pattern, "")).toBeNull();
  });

  it("decides before a byte beyond ASCII where that cannot matter", () => {
    expect(onBytes("^S", "", "S1é")).toBe(1);
    expect(onBytes("^S", "", "Té")).toBe(0);
    expect(onBytes("^[^a]*$", "", "bé")).toBe(undecided);
    expect(onBytes("^aé", "", "aé")).toBe(undecided);
  });

  const atom = fc.constantFrom(
    "a",
    "b",
    "1",
    ".",
    "[ab]",
    "[^a]",
    "\\d",
    "\\w",
    "^",
    "$",
    "\\s",
    "(?:a|b)",
    "é",
    "[a-z]",
    "\\A",
    "\\z",
    "(a|)",
  );
  const repeat = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,1}?", "*?", "{2,}");
  const piece = fc.tuple(atom, repeat).map(([one, times]) => (/^(\^|\$|\\A|\\z)$/.test(one) ? one : one + times));
  const branch = fc.array(piece, { maxLength: 5 }).map((parts) => parts.join(""));
  const pattern = fc.array(branch, { minLength: 1, maxLength: 3 }).map((branches) => branches.join("|"));
  const text = fc
    .array(fc.constantFrom("a", "b", "1", " ", "\n", "A", "é", "_"), { maxLength: 8 })
    .map((parts) => parts.join(""));
  it("agrees with the engine of JavaScript for any pattern and text", () => {
    fc.assert(
      fc.property(
        pattern,
        fc.constantFrom("", "i", "s"),
        fc.array(text, { minLength: 8, maxLength: 8 }),
        (source, flags, subjects) => {
          for (const subject of subjects) {
            const found = onBytes(source, flags, subject);
            if (found === null || found === undecided) continue;
            expect(found === 1, JSON.stringify({ source, flags, subject })).toBe(oracle(source, flags, subject));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a set of texts", () => {
  it("has its texts and no others", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme", maxLength: 6 }), { maxLength: 300 }),
        fc.array(fc.string({ maxLength: 6 })),
        (own, others) => {
          const set = new ByteSet(own.map((one) => new Uint8Array(Buffer.from(one))));
          for (const one of [...own, ...others]) {
            const bytes = Buffer.from(`x${one}y`);
            expect(set.has(bytes, 1, bytes.length - 1)).toBe(own.includes(one));
          }
        },
      ),
    );
  });
});
