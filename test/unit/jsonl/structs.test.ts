import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseType, type Schema } from "../../../src/schema/types.js";
import { actual, expected } from "./support.js";

const runs = Number(process.env.MILLRACE_RUNS ?? 400);

const inner = "in: struct(id: int64, name: utf8, in: struct(x: float32, y: bool))";
const schemas: readonly (readonly [string, string][])[] = [
  [["s", `struct(id: int32, name: utf8, f: float64, ok: bool, at: timestamp, on: date, ${inner})`]],
  [
    ["id", "int32"],
    ["s", "struct(id: int32, name: utf8)"],
    ["t", "struct(id: int64)"],
    ["name", "utf8"],
  ],
  [["t", `struct(d: decimal(9,2), w: decimal(30,3), ${inner}, gone: int8)`]],
  [
    ["s", "struct(id: int32, in: list(int32))"],
    ["t", "struct(id: int32, id: utf8)"],
  ],
  [["s", "struct(name: binary, id: int16)"]],
  [["s", "struct(in: struct(in: struct(y: bool)), f: utf8)"]],
  [["id", "int64"]],
  [["name", "utf8"]],
];
const schemaOf = (columns: readonly (readonly [string, string])[]): Schema =>
  columns.map(([name, type]) => ({ name, type: parseType(type), nullable: true }));

type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const oddities = [
  ...[
    "null",
    "true",
    "0",
    "-1",
    "1e3",
    "01",
    "1.",
    '""',
    '"x"',
    '"7"',
    '"a\\"b"',
    '"\\u00e9\\n"',
    '"\\ud800"',
    '"\u0001"',
    "nul",
  ],
  ...[
    "{}",
    "{ }",
    "[]",
    "[1]",
    '{"id":1}',
    '{"x":{"id":[{}]}}',
    '{"id":1}}',
    "{",
    '{"id"}',
    '{"\\u0069d":1}',
    '"open',
    "12345678901234567",
  ],
];
const usual: { readonly [key: string]: (random: Random) => string } = {
  id: (random) => String(random(100_000) - 50),
  name: (random) => `"${["", "n", "name", "né", "four \\\\ five", '\\"quoted\\" text of some length'][random(6)]}${random(99)}"`,
  f: (random) => String(random(1_000_000) / 128),
  ok: (random) => (random(2) === 0 ? "true" : "false"),
  at: (random) => `"2024-02-${10 + random(19)} 12:30:0${random(9)}"`,
  on: (random) => `"2024-0${1 + random(9)}-11"`,
  d: (random) => (random(99_999) / 100).toFixed(2),
  w: (random) => `${random(99_999)}1234567890123.5`,
  x: (random) => String(random(64) / 4),
  y: (random) => (random(2) === 0 ? "true" : "false"),
  other: (random) => `"${"o".repeat(random(5))}"`,
};

/** Keys of an object in their order, each with those of its object where it has one. */
type Shape = readonly (readonly [string, Shape | null])[];

function randomShape(random: Random, depth: number): Shape {
  const scalars = Object.keys(usual);
  const keys = depth === 0 ? ["id", "name", "other"] : scalars;
  const shape: [string, Shape | null][] = [];
  for (let i = random(5); i >= 0; i--) shape.push([keys[random(keys.length)] as string, null]);
  const objects = depth === 0 ? ["s", "t", "u"] : ["in"];
  for (const key of objects) {
    if (depth < 3 && random(depth + 1) === 0) shape.splice(random(shape.length + 1), 0, [key, randomShape(random, depth + 1)]);
  }
  // Of keys that are there twice the last one counts; mostly there are none.
  return random(6) === 0 ? shape : shape.filter(([key], i) => shape.findIndex(([other]) => other === key) === i);
}

/** An object of a shape; one in `odd` values, keys and gaps is another than its shape says. */
function objectText(shape: Shape, random: Random, odd: number): string {
  const members: string[] = [];
  const gap = (): string => (random(odd) === 0 ? ([" ", "\t", "\r", "  "][random(4)] as string) : "");
  for (const [key, own] of shape) {
    const value = own === null ? (usual[key] as (random: Random) => string)(random) : objectText(own, random, odd);
    const member = `${gap()}"${key}"${gap()}:${gap()}${random(odd) === 0 ? oddities[random(oddities.length)] : value}${gap()}`;
    if (random(odd) > 0) members.push(member);
    if (random(odd * 2) === 0) members.push(member);
    if (random(odd * 2) === 0) members.splice(random(members.length + 1), 0, `"more":${oddities[random(oddities.length)]}`);
  }
  if (random(odd * 2) === 0) members.reverse();
  return `{${members.join(",")}}`;
}

function randomLines(seed: number, count: number, odd: number): Buffer {
  const random = randomFrom(seed);
  const shapes = [randomShape(random, 0), randomShape(random, 0)] as const;
  const lines = Array.from({ length: count }, (_, i) => {
    const shape = shapes[i * 3 < count * 2 && random(odd) > 0 ? 0 : 1];
    const text = objectText(shape, random, odd);
    const at = random(text.length);
    return random(odd * 2) === 0 ? text.slice(0, at) + ['"', "{", "}", ",", "\\", "", "é"][random(7)] + text.slice(at + 1) : text;
  });
  const bytes = Buffer.from(lines.join("\n"));
  if (random(odd) === 0) bytes[random(bytes.length)] = 128 + random(128);
  return bytes;
}

describe("structs that are read field by field are what the exact reader reads", () => {
  test("of random objects, with damage", { timeout: 360_000 }, async () => {
    const sources = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 300 }), fc.constantFrom(4, 30, 300, 5000));
    const blocks = fc.constantFrom(300, 4096, 1 << 16);
    await fc.assert(
      fc.asyncProperty(
        sources,
        fc.constantFrom(...schemas),
        blocks,
        fc.constantFrom(3, 64, 5000),
        async (source, columns, block, rows) => {
          const bytes = randomLines(...source);
          const schema = schemaOf(columns);
          expect(await actual(bytes, schema, block, rows)).toEqual(expected(bytes, schema));
        },
      ),
      { numRuns: runs },
    );
  });

  // Each between lines of the shape that the reader has learnt, whose fields must not stay.
  test("of objects that are there twice, null, empty, or something else", async () => {
    const usr = '{"id":1,"name":"a","in":{"id":2}}';
    const cases: readonly (readonly [string, unknown])[] = [
      [`{"s":${usr},"v":1}`, { id: 1, name: "a", in: { id: 2 } }],
      ['{"s":null,"v":1}', null],
      ['{"v":1}', null],
      ['{"s":{},"v":1}', { id: null, name: null, in: null }],
      ['{"s":{"in":{}},"v":1}', { id: null, name: null, in: { id: null } }],
      ['{"s":{"in":null,"id":null},"v":1}', { id: null, name: null, in: null }],
      [`{"s":${usr},"s":{"name":"b"},"v":1}`, { id: null, name: "b", in: null }],
      [`{"s":${usr},"v":1,"s":null}`, null],
      [`{"s":null,"v":1,"s":${usr}}`, { id: 1, name: "a", in: { id: 2 } }],
      [`{"s":7,"s":${usr},"v":1}`, { id: 1, name: "a", in: { id: 2 } }],
      ['{"s":{"id":3,"id":null,"in":{"id":4},"in":{}},"v":1}', { id: null, name: null, in: { id: null } }],
      ['{"s":{"id":"no","id":5},"v":1}', { id: 5, name: null, in: null }],
      ['{"s":{"\\u0069d":6},"v":1}', { id: 6, name: null, in: null }],
      ['{"s":{"x":{"id":7,"name":"n"},"name":8.50},"v":1}', { id: null, name: "8.50", in: null }],
      ['{"id":9,"name":"x","in":{"id":9},"s":{"v":2,"s":{"id":9}},"v":1}', { id: null, name: null, in: null }],
    ];
    const rejected = ['{"s":[],"v":1}', '{"s":"x","v":1}', '{"s":1,"v":1}', '{"s":{"id":"x"},"v":1}', '{"s":{"in":[]},"v":1}'];
    const usualLine = `{"s":${usr},"v":1}`;
    const schema = schemaOf([["s", "struct(id: int32, name: utf8, in: struct(id: int64))"]]);
    const plain = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_, part) => (typeof part === "bigint" ? Number(part) : part)));
    for (const [line, value] of cases) {
      const bytes = Buffer.from([usualLine, line, usualLine, line].join("\n"));
      const outcome = await actual(bytes, schema, 4096, 100);
      expect(outcome.rejects).toEqual([]);
      expect(outcome.rows.map(([struct]) => plain(struct))).toEqual([cases[0]?.[1], value, cases[0]?.[1], value]);
      expect(outcome).toEqual(expected(bytes, schema));
      // And as what is learnt itself.
      const alike = await actual(Buffer.from([line, line, line, usualLine].join("\n")), schema, 4096, 100);
      expect(alike.rows.map(([struct]) => plain(struct))).toEqual([value, value, value, cases[0]?.[1]]);
    }
    for (const line of rejected) {
      const bytes = Buffer.from([usualLine, line, usualLine, line].join("\n"));
      const outcome = await actual(bytes, schema, 4096, 100);
      const reject = (number: number) => [number, expect.any(Number), line.length, "CAST_FAILED", expect.any(String), "s"];
      expect(outcome.rejects).toEqual([reject(2), reject(4)]);
      expect(outcome).toEqual(expected(bytes, schema));
    }
  });

  test("of objects deeper than the kernels go", async () => {
    const nest = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    const lines = [1, 2, 7, 8, 9, 10, 59, 60, 61, 62, 998, 999, 1000].flatMap((depth) => [
      nest(depth),
      `{"b":1,"a":${nest(depth)}}`,
    ]);
    const bytes = Buffer.from(lines.join("\n"));
    for (const levels of [1, 3, 12]) {
      const schema = schemaOf([
        ["a", `${"struct(a: ".repeat(levels)}utf8${")".repeat(levels)}`],
        ["b", "int8"],
      ]);
      for (const columns of [schema, schema.slice(1)]) {
        expect(await actual(bytes, columns, 1 << 16, 100)).toEqual(expected(bytes, columns));
      }
    }
  });
});
