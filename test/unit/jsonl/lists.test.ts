import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listItems } from "../../../src/batch/lists.js";
import { jsonPlaces } from "../../../src/io/json/jsonlPlaces.js";
import { parseType, type Schema } from "../../../src/schema/types.js";
import { actual, expected, readerOf } from "./support.js";

const runs = Number(process.env.MILLRACE_RUNS ?? 400);

const schemaOf = (columns: readonly (readonly [string, string])[]): Schema =>
  columns.map(([name, type]) => ({ name, type: parseType(type), nullable: true }));

const scalars = [
  ...["int8", "int32", "int64", "uint16", "uint64", "float32", "float64", "bool", "utf8", "date", "timestamp"],
  ...["decimal(9,2)", "decimal(30,3)", "null", "binary"],
];
const object = "struct(id: int32, name: utf8, in: struct(x: float64, t: list(utf8)), ok: bool)";
const items = [
  ...scalars,
  object,
  "struct(id: int64)",
  "struct(name: utf8, t: list(int32))",
  "struct(name: binary, id: int8)",
  "struct(id: int32, id: utf8)",
  ...["list(int32)", "list(utf8)", "list(list(int64))", `list(${object})`],
];
const types = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...items).map((item) => `list(${item})`) },
  fc.constantFrom(...items).map((item) => `struct(t: list(${item}), id: int32, name: utf8)`),
);

const blank = fc.oneof({ weight: 9, arbitrary: fc.constant("") }, fc.constantFrom(" ", "\t", "\r", "  "));
const strings = fc.oneof(
  fc.stringMatching(/^[ !#-[\]-~é]{0,40}$/).map((text) => `"${text}"`),
  fc.constantFrom(
    '"\\u00e9\\n"',
    '"a\\"b"',
    '"\\ud83d\\ude00 \\\\"',
    '"]"',
    '"},{"',
    '"2024-02-29"',
    '"1969-12-31T23:59:59.5"',
    '""',
    '"7"',
  ),
);
const numbers = fc.oneof(
  fc.nat(99).map(String),
  fc.integer().map(String),
  fc.integer({ min: -99999, max: 99999 }).map((x) => (x / 100).toFixed(2)),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
);
const odd = fc.constantFrom(
  ...["01", "1.", "-", "nul", "[", "]", "{", "}", "[,]", "[1,]", '"open', '"\\ud800"', '"\\x"', '"\u0001"', "1e400", "-0", "1e2"],
);
/** Values of one kind, mostly: a list has items that its type takes, or not one. */
const scalar = fc.oneof(
  { weight: 6, arbitrary: numbers },
  { weight: 4, arbitrary: strings },
  { weight: 2, arbitrary: fc.constantFrom("true", "false") },
  { weight: 2, arbitrary: fc.constant("null") },
);
const listOf = (item: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.tuple(fc.array(item, { maxLength }), blank, blank).map(([all, a, b]) => `[${a}${all.join(`${b},${a}`)}${b}]`);
const kinds = [numbers, strings, fc.constantFrom("true", "false", "null"), scalar];
const flat = fc.constantFrom(...kinds).chain((kind) => listOf(fc.oneof({ weight: 12, arbitrary: kind }, fc.constant("null")), 6));
const keyed = (value: fc.Arbitrary<string>, ...keys: string[]) =>
  fc.tuple(fc.constantFrom(...keys), blank, blank, value).map(([key, a, b, text]) => `${a}"${key}"${b}:${a}${text}${b}`);
const member = fc.oneof(
  { weight: 4, arbitrary: keyed(fc.nat(200).map(String), "id") },
  { weight: 4, arbitrary: keyed(strings, "name") },
  { weight: 2, arbitrary: keyed(fc.constantFrom("true", "null"), "ok") },
  { weight: 2, arbitrary: keyed(flat, "t", "other") },
  {
    weight: 2,
    arbitrary: keyed(
      fc.array(fc.oneof(keyed(numbers, "x"), keyed(flat, "t")), { maxLength: 2 }).map((all) => `{${all.join(",")}}`),
      "in",
      "other",
    ),
  },
  keyed(scalar, "id", "name", "in", "t", "\\u0069d", "__proto__", "", "much longer than any key that there is a column for"),
);
const objects = fc
  .oneof(
    { weight: 5, arbitrary: fc.uniqueArray(member, { maxLength: 5, selector: (text) => text.split(":")[0] }) },
    fc.array(member, { maxLength: 4 }),
  )
  .map((all) => `{${all.join(",")}}`);
const value = fc.oneof(
  { weight: 8, arbitrary: flat },
  { weight: 5, arbitrary: listOf(fc.oneof({ weight: 9, arbitrary: objects }, fc.constantFrom("null", "1", "{ }", "[]")), 4) },
  { weight: 4, arbitrary: listOf(fc.oneof({ weight: 9, arbitrary: flat }, fc.constantFrom("null", "1", "{}")), 4) },
  { weight: 1, arbitrary: listOf(listOf(fc.oneof(flat, objects), 3), 3) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("null", "[]", "[ ]", "{}", "1", '"x"', '"[1]"', "[[]]", "[[],null,[[]]]", '{"t":[1]}'),
  },
  { weight: 1, arbitrary: listOf(fc.oneof(scalar, odd), 3) },
  { weight: 1, arbitrary: odd },
);
const row = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(value, value).map(([l, m]) => `{"l":${l},"id":1,"m":${m}}`) },
  { weight: 3, arbitrary: fc.tuple(objects, objects).map(([l, m]) => `{"l":${l},"id":1,"m":${m}}`) },
  fc.tuple(value, value, blank).map(([l, m, gap]) => `${gap}{${gap}"m":${m},"l":${l},"m"${gap}:${m}${gap}}`),
  fc.constantFrom("", "{}", '{"l":null}', '{"l":[1,2],"l":[3]}', '{"id":7,"l":[1,2],"m":["a"]', "[1]", '{"id":"x","l":["a\\n"]}'),
);
const text = fc
  .tuple(fc.array(row, { minLength: 1, maxLength: 25 }), fc.constantFrom("\n", "\n", "\r\n"), fc.boolean())
  .map(([lines, end, last]) => Buffer.from(lines.join(end) + (last ? end : "")));
const spoiled = fc
  .tuple(text, fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), { maxLength: 2 }))
  .map(([bytes, changes]) => {
    for (const [at, byte] of changes) bytes[Math.floor(at * bytes.length)] = byte;
    return bytes;
  });
const columns = fc
  .tuple(types, types, fc.constantFrom<readonly string[]>(["l"], ["l", "m"], ["m", "id", "l"]))
  .map(([l, m, names]) => schemaOf(names.map((name) => [name, name === "l" ? l : name === "m" ? m : "int32"] as const)));
const blocks = fc.oneof(fc.integer({ min: 16, max: 400 }), fc.constant(1 << 16));

describe("lists that are read item by item are what the exact reader reads", () => {
  test("of any values, in any block size", { timeout: 360_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 4, arbitrary: text }, spoiled),
        columns,
        blocks,
        fc.constantFrom(1, 3, 64),
        async (bytes, schema, blockBytes, rowsAtOnce) => {
          expect(await actual(bytes, schema, blockBytes, rowsAtOnce)).toEqual(expected(bytes, schema));
        },
      ),
      { numRuns: runs },
    );
  });

  test.each(items)("of %s, where every seventh line is for the exact reader", async (item) => {
    const one: { readonly [start: string]: (i: number) => string } = {
      utf8: (i) => `"${"word ".repeat(i % 5)}${i % 11 === 0 ? "\\t\\u00e9" : ""}"`,
      date: (i) => `"2024-02-${10 + (i % 20)}"`,
      timestamp: (i) => `"2024-02-${10 + (i % 19)} 10:00:0${i % 10}"`,
      binary: (i) => ['"QQ=="', '"AAEC/w=="', '"\\/\\/8="'][i % 3] as string,
      bool: (i) => String(i % 3 === 0),
      null: () => "null",
      list: (i) => `[${Array.from({ length: i % 4 }, (_, k) => k).join(", ")}]`,
      struct: (i) => `{"id":${i % 100},"name":"n${i % 9}","in":{"x":${i / 4},"t":["a","\\\\b"]},"t":[${i},null]}`,
    };
    const make = one[item.split("(")[0] as string] ?? ((i: number) => String(i % 120));
    const odd = [
      "[7,true]",
      '["\\ud800"]',
      "[{}]",
      "{}",
      '["x","y\\ny"]',
      "[[[1]]]",
      "null",
      "[null]",
      '"[]"',
      '[{"id":1,"\\u0069d":2}]',
    ];
    const lines = Array.from({ length: 3000 }, (_, i) => {
      const list = `[${Array.from({ length: i % 6 }, (_, k) => ((i + k) % 13 === 0 ? "null" : make(i * 6 + k))).join(",")}]`;
      return `{"before":"${i}","l":${i % 7 === 3 ? odd[i % odd.length] : list},"id":${i % 31 === 0 ? '"1e2"' : i}}`;
    });
    const bytes = Buffer.from(lines.join("\n"));
    const schema = schemaOf([
      ["l", `list(${item})`],
      ["id", "int32"],
    ]);
    for (const blockBytes of [1 << 20, 5000]) {
      expect(await actual(bytes, schema, blockBytes, 1500)).toEqual(expected(bytes, schema));
    }
  });

  // Escaped texts are copied behind the block, in room for as many bytes as it has.
  test("of texts that are escapes alone, in several columns, beside lines for the exact reader", async () => {
    const texts = (i: number): string =>
      `["${"\\n".repeat(i % 40)}","${"x".repeat(i % 9)}\\t",["\\\\"]]`.replace(/,\[.*\]\]/, "]");
    const lines = Array.from({ length: 400 }, (_, i) => {
      const plain = `{"l":${texts(i)},"m":[${texts(i + 7)},${texts(i)}],"s":{"t":${texts(i + 3)},"name":"\\"${"\\r".repeat(i % 30)}"}}`;
      return i % 3 === 1 ? plain.replace('"name"', '"\\u006eame"') : i % 50 === 0 ? plain.replace('{"t":[', '{"t":[{},') : plain;
    });
    const bytes = Buffer.from(lines.join("\n"));
    const schema = schemaOf([
      ["m", "list(list(utf8))"],
      ["l", "list(utf8)"],
      ["s", "struct(t: list(utf8), name: utf8)"],
    ]);
    for (const blockBytes of [300, 4096, 1 << 16]) {
      expect(await actual(bytes, schema, blockBytes, 100)).toEqual(expected(bytes, schema));
    }
  });

  test("of more items than there is room for at first, and at all", { timeout: 60_000 }, async () => {
    const digits = (count: number, from: number) => Array.from({ length: count }, (_, i) => (from + i) % 10).join(",");
    const lines = [
      '{"l":[1,2,3],"m":[{"a":1}]}',
      `{"l":[${digits(5000, 1)}],"m":[${"{},".repeat(3000)}null]}`,
      '{"l":[4],"m":[]}',
      `{"l":[${digits(900_000, 2)}],"m":[${'{"a":2},'.repeat(140_000)}{"h":7}]}`,
      '{"l":[5,6],"m":[{"b":3}]}',
    ];
    const bytes = Buffer.from(lines.join("\n"));
    const fields = [..."abcdefgh"].map((name) => `${name}: int32`).join(", ");
    const schema = schemaOf([
      ["l", "list(int8)"],
      ["m", `list(struct(${fields}))`],
    ]);
    expect(await actual(bytes, schema, 1 << 22, 100)).toEqual(expected(bytes, schema));
  });

  test("of so many items that a batch has fewer rows, with blank lines and lines for the exact reader between", {
    timeout: 60_000,
  }, async () => {
    const digits = (count: number, from: number) => Array.from({ length: count }, (_, i) => (from + i) % 10).join(",");
    const lines = Array.from({ length: 600 }, (_, i) => {
      const count = i > 200 && i < 260 ? 3000 : i === 300 ? 150_000 : 300 + (i % 300);
      const flat = `[${digits(count, i)}${i % 40 === 3 ? ",1.0,1e1" : ""}]`;
      const deep = `[[],[${digits(count % 700, i)}${i % 50 === 7 ? ",null" : ""}],[${i % 90 === 11 ? '"x"' : "7"}]]`;
      const blank = i % 17 === 5 ? "\n \n" : "";
      return `${blank}{"id":${i},"l":${flat},"s":{"t":"\\t${i}","d":${deep}},"w":["a${i}","\\u00e9"]}`;
    });
    const bytes = Buffer.from(lines.join("\n"));
    const deep = schemaOf([
      ["s", "struct(t: utf8, d: list(list(int8)))"],
      ["id", "int32"],
      ["l", "list(int64)"],
      ["w", "list(utf8)"],
    ]);
    for (const schema of [deep, deep.slice(0, 2), deep.slice(1)]) {
      const outcome = await actual(bytes, schema, 1 << 21, 5000);
      expect(outcome.rows).toHaveLength(schema.length === 3 ? 600 : 593);
      expect(outcome).toEqual(expected(bytes, schema));
    }
  });

  test("of lists in lists deeper than the kernels go", async () => {
    const nest = (depth: number): string => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
    const lines = [1, 2, 7, 8, 9, 10, 58, 59, 60, 61, 62, 998, 999, 1000].flatMap((depth) => [
      `{"l":${nest(depth)}}`,
      `{"id":1,"l":[${nest(depth)},null]}`,
    ]);
    const bytes = Buffer.from(lines.join("\n"));
    for (const levels of [1, 2, 8, 9, 10, 60]) {
      const schema = schemaOf([
        ["l", `${"list(".repeat(levels)}utf8${")".repeat(levels)}`],
        ["id", "int8"],
      ]);
      expect(await actual(bytes, schema, 1 << 16, 100)).toEqual(expected(bytes, schema));
    }
  });
});

test("keys that stand with escapes alone are no others'", async () => {
  const names = ['a":1,"b', "a", "b", "c\\\\", "\n", "", "x".repeat(300), `${"x".repeat(299)}y`];
  const objects = [
    '{"a":1,"b":2}',
    '{"b":1,"a":2}',
    '{"a\\":1,\\"b":3}',
    '{"c\\\\\\\\":4,"c\\\\":5}',
    '{"c\\\\":6,"\\n":7,"":8}',
    `{"${"x".repeat(299)}":9,"${"x".repeat(300)}":10,"${"x".repeat(299)}y":11,"${"x".repeat(301)}":12}`,
    ...[
      '{"a":1,"a":2}',
      '{"a" :1,"b"\t: 2,"":3}',
      '{"a"1}',
      '{"a",1}',
      '{"a":,"b":1}',
      '{"ax:1}',
      '{"axy":1}',
      '{"":0,"a":1,"b":2}',
    ],
  ];
  const bytes = Buffer.from(
    objects.flatMap((text) => [`{"l":[${text}],"s":{"a":"1"}}`, `{"s":${text}}`, `{"s":{},"l":[{},${text}]}`]).join("\n"),
  );
  for (const turned of [0, 1, names.length - 1]) {
    // The name that stands next is tried first.
    const order = [...names.slice(turned), ...names.slice(0, turned)];
    const type = { kind: "struct", fields: order.map((name) => ({ name, type: parseType("utf8"), nullable: true })) } as const;
    const schema: Schema = [
      { name: "l", type: { kind: "list", item: type }, nullable: true },
      { name: "s", type, nullable: true },
    ];
    const outcome = await actual(bytes, schema, 4096, 100);
    expect(outcome).toEqual(expected(bytes, schema));
    expect(outcome.rows[0]).toMatchObject([[{ a: "1", b: "2", 'a":1,"b': null }], { a: "1" }]);
    expect(outcome.rows[6]).toMatchObject([[{ a: null, b: null, 'a":1,"b': "3" }], { a: "1" }]);
  }
});

describe("which lists are columns of items", () => {
  const isOpen = (type: string): boolean => jsonPlaces(schemaOf([["l", type]]))[0]?.item !== null;

  test("all but those with bytes, with two fields of one name, and the very deep", () => {
    const open = items.filter((item) => isOpen(`list(${item})`));
    expect(items.filter((item) => !open.includes(item))).toEqual([
      "binary",
      "struct(name: binary, id: int8)",
      "struct(id: int32, id: utf8)",
    ]);
    expect(isOpen(`${"list(".repeat(8)}utf8${")".repeat(8)}`)).toBe(true);
    expect(isOpen(`${"list(".repeat(9)}utf8${")".repeat(9)}`)).toBe(false);
  });

  test("also where the exact reader has read some of them, which stand behind the others", async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ({ a: `x${i}`, b: i % 2 === 0 ? null : [i] }));
    const lines = [
      '{"l":[1,2],"s":[{"a":"x"}]}',
      '{"l":[1.0,null],"\\u0073":[{"a":"y","b":[7]},null]}',
      `{"l":[],"s":${JSON.stringify(many)}}`,
      '{"l":[3],"s":null}',
      '{"l":[4,5],"s":[{"b":[8],"c":{"a":"no"}}, {"a":"z"} , {}]}',
    ];
    const schema = schemaOf([
      ["l", "list(int64)"],
      ["s", "list(struct(a: utf8, b: list(int32)))"],
    ]);
    const reader = readerOf(Buffer.from(`${lines.join("\n")}\n`), schema, 1 << 18, 10, () => {});
    const batch = await reader.next();
    const bounds = batch?.columns.map((column) => {
      const own = listItems(column);
      return [...(own?.starts ?? [])].map((start, i) => [start, own?.ends[i]]);
    });
    expect(bounds).toEqual([
      [
        [0, 2],
        [5, 7],
        [2, 2],
        [2, 3],
        [3, 5],
      ],
      [
        [0, 1],
        [3004, 3006],
        [1, 3001],
        [3001, 3001],
        [3001, 3004],
      ],
    ]);
    expect(batch?.columns.map((column) => column.layout === "object" && column.values)).toEqual([
      [[1n, 2n], [1n, null], [], [3n], [4n, 5n]],
      [
        [{ a: "x", b: null }],
        [{ a: "y", b: [7] }, null],
        many,
        null,
        [
          { a: null, b: [8] },
          { a: "z", b: null },
          { a: null, b: null },
        ],
      ],
    ]);
    await reader.close();
  });
});
