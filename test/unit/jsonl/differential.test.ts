import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseType, type Schema } from "../../../src/schema/types.js";
import { actual, expected } from "./support.js";

const runs = Number(process.env.MILLRACE_RUNS ?? 400);
const columns: { readonly [name: string]: string } = {
  a: "int32",
  b: "int64",
  c: "float64",
  d: "utf8",
  e: "bool",
  f: "date",
  g: "timestamp",
  h: "decimal(9,2)",
  i: "decimal(30,3)",
  j: "list(int64)",
  k: "struct(x: utf8, y: decimal(18,2))",
  l: "binary",
  m: "uint8",
  n: "float32",
  ключ: "utf8",
  "long key with many letters, longer than one comparison takes": "int16",
  z: "null",
};
const schemaOf = (names: readonly string[]): Schema =>
  names.map((name) => ({ name, type: parseType(columns[name] as string), nullable: true }));

const digits = fc.stringMatching(/^[0-9]{1,22}$/);
const numbers = fc.oneof(
  fc.integer().map(String),
  fc.integer({ min: -3, max: 300 }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
  fc.integer({ min: -99999, max: 99999 }).map((x) => (x / 100).toFixed(2)),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc
    .tuple(fc.constantFrom("", "-"), digits, fc.option(digits), fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)))
    .map(([sign, whole, places, power]) => `${sign}${whole}${places === null ? "" : `.${places}`}${power ?? ""}`),
  fc.constantFrom("0", "-0", "-0.0", "1.0", "1e2", "01", "-", "1.", ".5", "+1", "1e400", "1e-400", "9007199254740993"),
);
const piece = fc.oneof(
  { weight: 5, arbitrary: fc.stringMatching(/^[ !#-[\]-~]{0,20}$/) },
  fc.constantFrom("é", "日本", "😀", "\u2028", "\u007f"),
  fc.constantFrom("\\n", '\\"', "\\\\", "\\/", "\\t", "\\b", "\\f", "\\r"),
  fc.constantFrom("\\u0041", "\\u00E9", "\\u20ac", "\\ud83d\\ude00", "\\u0000"),
  { weight: 1, arbitrary: fc.constantFrom("\\ud83d", "\\ude00", "\\ud83d\\ud83d\\ude00", "\\u12", "\\x", "\t", "\u0001", "\\") },
);
const strings = fc.oneof(
  fc.array(piece, { maxLength: 4 }).map((parts) => parts.join("")),
  fc.constantFrom("2024-02-29", "2024-02-29 12:30:00", "2024-02-29T12:30:00.125Z", "0000-00-00", "2023-02-29"),
  fc.constantFrom("true", "FALSE", "t", "1", " 7 ", "12.5", "-3", "1e3", "nan", "", "12345678901234567890.5"),
);
const scalar = fc.oneof(
  numbers,
  strings.map((text) => `"${text}"`),
  fc.constantFrom("true", "false", "null", "nul", "True", "NaN"),
);
const blank = fc.oneof({ weight: 8, arbitrary: fc.constant("") }, fc.stringMatching(/^[ \t\r]{1,3}$/));
const nested = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.tuple(fc.array(tie("value"), { maxLength: 3 }), blank).map(([items, gap]) => `[${items.join(`${gap},`)}${gap}]`),
    fc
      .array(fc.tuple(fc.constantFrom("x", "y", "w"), blank, tie("value")), { maxLength: 3 })
      .map((items) => `{${items.map(([key, gap, value]) => `"${key}"${gap}:${gap}${value}`).join(",")}}`),
  ),
})).value;
const names = Object.keys(columns);
const keys = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...names) },
  fc.constantFrom("other", "", "toString", "__proto__", "\\u0061", `${"x".repeat(70)}`, "a b"),
);
/** A value that a column of the key's type takes, most of the time. */
const fitting = new Map<string, fc.Arbitrary<string>>(
  Object.entries({
    a: fc.integer().map(String),
    b: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    c: fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
    d: strings.map((text) => `"${text}"`),
    e: fc.constantFrom("true", "false"),
    f: fc.constantFrom('"2024-02-29"', '"1969-12-31"'),
    g: fc.constantFrom('"2024-02-29 12:30:00"', '"1969-12-31T23:59:59.5"'),
    h: fc.integer({ min: -99999, max: 99999 }).map((x) => (x / 100).toFixed(2)),
    i: numbers,
    j: fc.array(fc.oneof(fc.integer().map(String), numbers), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    k: fc.tuple(scalar, numbers).map(([x, y]) => `{"x":${x},"y":${y}}`),
    l: fc.oneof(
      strings.map((text) => `"${text}"`),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => `"${Buffer.from(bytes).toString("base64")}"`),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => `"${Buffer.from(bytes).toString("base64").replaceAll("/", "\\/")}"`),
      fc.constantFrom('"QQ="', '"QQ"', '"Q==="', '"QQ= "', '"QQ-_"', '"===="', '"QUI=QUI="'),
    ),
    m: fc.integer({ min: 0, max: 255 }).map(String),
  }),
);
const valueFor = (key: string): fc.Arbitrary<string> => fitting.get(key) ?? scalar;
const pair = keys.chain((key) =>
  fc.oneof({ weight: 6, arbitrary: valueFor(key) }, { weight: 1, arbitrary: nested }).map((value) => [key, value] as const),
);
/** Lines of a few shapes, so that guesses about the next key mostly hold and now and then fail. */
const line = fc
  .tuple(fc.array(pair, { maxLength: 8 }), fc.tuple(blank, blank, blank, blank), fc.constantFrom("", "", "", " ", "\r", "x"))
  .map(([pairs, [a, b, c, d], tail]) => `${a}{${pairs.map(([key, value]) => `${b}"${key}"${c}:${d}${value}`).join(",")}}${tail}`);

const spoil = (text: string, at: number, how: number, mark: string): string => {
  const i = Math.floor(at * text.length);
  return how === 0 ? text.slice(0, i) + text.slice(i + 1) : text.slice(0, i) + mark + text.slice(how === 1 ? i : i + 1);
};
const marks = fc.constantFrom(
  ...["{", "}", "[", "]", ",", ":", '"', "\\", " ", "\n", "\r", "\t", "0", "e", ".", "-", "\u0000", "é"],
);
const lines = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: line },
    fc
      .tuple(line, fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 0, max: 2 }), marks)
      .map(([text, at, how, mark]) => spoil(text, at, how, mark)),
    fc.constantFrom("", " ", "\r", "\t \r", "[1]", "null", "{}", " { } ", "{", '"', "7", '{"a":1}{"a":2}'),
  ),
  { minLength: 1, maxLength: 12 },
);
const shapes = fc
  .tuple(fc.array(pair, { minLength: 1, maxLength: 6 }), fc.constantFrom(":", ": "), fc.constantFrom(",", ", "))
  .chain(([pairs, colon, comma]) =>
    fc.array(
      fc
        .tuple(...pairs.map(([key]) => fc.oneof({ weight: 8, arbitrary: valueFor(key) }, nested)))
        .map((values) => `{${values.map((value, i) => `"${pairs[i]?.[0]}"${colon}${value}`).join(comma)}}`),
      { minLength: 1, maxLength: 12 },
    ),
  );
const text = fc
  .tuple(fc.oneof(lines, shapes), fc.constantFrom("\n", "\n", "\r\n"), fc.boolean(), fc.boolean())
  .map(([all, end, last, mark]) => Buffer.from(`${mark ? "\ufeff" : ""}${all.join(end)}${last ? end : ""}`));
const chosen = fc.oneof(fc.subarray(names, { minLength: 1 }), fc.constant(names));
const blocks = fc.oneof(fc.integer({ min: 64, max: 400 }), fc.constant(1 << 16));

/** Each with another line of its shape before it, so that the guess about its keys holds. */
const traps: readonly (string | readonly number[])[] = [
  ...['"\u0000"', '"\u001f"', '"\u0020"', '"\u007f"', '"\\u001f"', '"\\"', '"\\\\"', '"\\\\\\"', '"a"b"', '"a', 'a"', '""'],
  ...["[1}", "[1]]", "[]", "[ ]", "[,]", "[1,]", "[1 2]", "[[[]]]", '["a":1]', '[{"x":1]}', "[1,2", "[01]", '["\u001f"]'],
  ...[
    '{"x":1]',
    '{"x"}',
    '{"x":}',
    "{x:1}",
    '{"x":1,}',
    '{"x":1 "y":2}',
    '{"x" : 1 , "y" : [ ] }',
    "{}",
    "{ }",
    "{,}",
    '{"x":1}}',
  ],
  ...[
    "1",
    "-1",
    "-",
    "--1",
    "01",
    "-01",
    "00",
    "0",
    "-0",
    "1.",
    "1.0",
    ".1",
    "1.e1",
    "1e",
    "1e+",
    "1E-2",
    "1e5",
    "0x1",
    "1_0",
    "+1",
  ],
  ...["123456789012", "1234567890123", "12345678901234", "123456789012345", "1234567890123456", "12345678901234567"],
  ...["1234567890.123", "1234567890.1234", "1234567890.12345", "-1234567890.1234", "0.1234567890123", "0.12345678901234"],
  ...[
    "12345678901234.",
    "-1234567890123.5",
    "1234567890123.x",
    "1 2",
    "1,",
    "1:",
    "true",
    "truex",
    "tru",
    "TRUE",
    "nul",
    "null",
    "nulll",
  ],
  ...[
    '"2024-02-30"',
    '"2024-02-29"',
    '"2024-2-9"',
    '"12"',
    '"1e3"',
    '" 12 "',
    '"-0"',
    '"\\u0031"',
    "{",
    "[",
    "}",
    ",",
    ":",
    "",
    " ",
  ],
  ...[
    '"x" ',
    ' "x"',
    '\t"x"\r',
    '"\\ud83d\\ude00"',
    '"\\ude00"',
    '"\\ud83dx"',
    '"\\ud83d\\u0041"',
    '"\\ud83d\\n"',
    '"\\uD83D\\uDE0"',
  ],
  ...[
    [34, 0xff, 34],
    [34, 0xc3, 0xa9, 34],
    [34, 0xc3, 34],
    [34, 0xed, 0xa0, 0x80, 34],
    [34, 0xef, 0xbb, 0xbf, 34],
    [0xef, 0xbb, 0xbf],
  ],
];

const bytesOf = (part: string | ArrayLike<number>): Uint8Array =>
  typeof part === "string" ? Buffer.from(part) : Uint8Array.from(part);
const longKey = (end: string): string => "key that is much longer than what is compared at once ".slice(0, 40) + end;

describe("the kernels read what the exact reader reads", () => {
  test.each(["d", "a", "b", "c", "e", "f", "h", "i", "j", "k", "l"])("of every trap, in a column like %s", async (name) => {
    const type = parseType(columns[name] as string);
    const lines = traps.flatMap((trap) => ['{"v":1,"w":"x"}\n{"v":', bytesOf(trap), ',"w":"y"}\n{"v":null,"w":"z"}\n']);
    const bytes = Buffer.concat(lines.map(bytesOf));
    for (const field of ["v", "w", "u"]) {
      const schema: Schema = [{ name: field, type, nullable: true }];
      for (const blockBytes of [64, 1 << 16]) {
        expect(await actual(bytes, schema, blockBytes, 10)).toEqual(expected(bytes, schema));
      }
    }
  });

  test("of keys that are nearly the same", async () => {
    const [one, two] = [longKey("1"), longKey("2")];
    const lines = [
      `{"${one}":1,"a":1}`,
      `{"${two}":2,"a":2}`,
      `{"${one}":3,"${one}":4,"${two}":5}`,
      `{"${one}":"no number","${one}":6}`,
      `{"${one}":7,"${one}":null}`,
      '{"\\u0061":8}',
      '{"\ufffd":9}',
      '{"a" : 10}',
      '{ "a":11, "a":12 }',
      '{"a":   13}',
      '{"aa":14}',
    ];
    const schema = [one, two, "a", "\ud800"].map((name) => ({ name, type: parseType("int32"), nullable: true }));
    const bytes = Buffer.from(lines.join("\n"));
    const outcome = await actual(bytes, schema, 4096, 100);
    expect(outcome).toEqual(expected(bytes, schema));
    expect(outcome.rows).toEqual([
      [1, null, 1, null],
      [null, 2, 2, null],
      [4, 5, null, null],
      [6, null, null, null],
      [null, null, null, null],
      [null, null, 8, null],
      [null, null, null, null],
      [null, null, 10, null],
      [null, null, 12, null],
      [null, null, 13, null],
      [null, null, null, null],
    ]);
  });

  test("of more keys than are kept", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `{"k${i % 150}":${i},"a":${i},"k${(i * 7) % 150}":"x"}`);
    const bytes = Buffer.from(lines.join("\n"));
    const schema: Schema = ["a", "k149"].map((name) => ({ name, type: parseType("utf8"), nullable: true }));
    expect(await actual(bytes, schema, 4096, 64)).toEqual(expected(bytes, schema));
  });

  test("of lines that change their shape now and then", async () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const id = (width: number) => String(random(1_000_000_000)).padStart(width, "0").slice(0, width);
    const shapes: readonly (() => string)[] = [
      () => `{"d":"T${id(6)}","a":${random(5000)},"other":"${id(4)}","l":"x${"y".repeat(random(9))}","e":true}`,
      () => `{"d":"T${id(6)}","a":${random(5)},"other":"${id(5)}","l":"x${"y".repeat(random(9))}","e":false}`,
      () => `{"d":"${"é".repeat(random(3))}","a":${random(2) === 0 ? "null" : random(99)},"d":"${id(3)}"}`,
      () => `{"d":"${id(250)}","a":"${random(99)}","k":{"x":"${id(3)}","y":${random(9)}.5},"d":null}`,
      () => `{ "a" : ${random(99)} , "d" : "${id(8)}" }\r`,
      () => `{"d":"T${id(6)}","other":"${["\\n", '\\"y', "y"][random(3)]}","a":${random(99)},"e":"${id(4)}"}`,
    ];
    const spoiled = ['"T12\u0001456"', '"T12\\n456"', '"T12"456"', '"T123456', "1.", "01", '"\\ud800"', "[1,]", '""', ""];
    const lines: string[] = [];
    for (let part = 0; part < 12; part++) {
      const shape = shapes[part % shapes.length] as () => string;
      const other = shapes[random(shapes.length)] as () => string;
      for (let i = 0; i < 250; i++) {
        const text = random(part + 2) === 0 ? other() : shape();
        const bad = spoiled[random(spoiled.length)] as string;
        lines.push(random(40) === 0 ? text.replace(/"T[0-9]*"|:[0-9]+/, (found) => (found[0] === ":" ? `:${bad}` : bad)) : text);
      }
    }
    const bytes = Buffer.from(lines.join("\n"));
    for (const fields of [["d"], ["a", "d", "e", "l"], ["z"], ["k", "l", "d"]]) {
      for (const [blockBytes, rows] of [
        [1 << 20, 5000],
        [4096, 1000],
        [300, 3],
      ] as const) {
        const schema = schemaOf(fields);
        expect(await actual(bytes, schema, blockBytes, rows)).toEqual(expected(bytes, schema));
      }
    }
  });

  test("of every byte in texts of one length, of other lengths and between them, while most lines are alike", async () => {
    const odd = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((c) => c !== "\n");
    const line = (steady: string, varied: string, behind: string, between: string) =>
      `{"d":"T12${steady}456","a":5${behind},"ключ":"${varied}"${between}"z":"T7"}`;
    const usual = Array.from({ length: 24 }, (_, i) => line(`${i % 10}`, "x".repeat(1 + (i % 3)), "", ","));
    const lines = odd.flatMap((c) => [
      ...[...usual, line(c, "x", "", ",")],
      ...[...usual, line("0", `x${c}y`, "", ",")],
      ...[...usual, line("0", "x", c, ",")],
      ...[...usual, line("0", "x", "", c)],
    ]);
    const bytes = Buffer.from(lines.join("\n"));
    for (const fields of [["a", "d", "ключ"], ["d"], ["a"]]) {
      const schema = schemaOf(fields);
      expect(await actual(bytes, schema, 1 << 20, 5000)).toEqual(expected(bytes, schema));
    }
  });

  test("of any lines, in any block size", { timeout: 360_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(text, chosen, blocks, fc.integer({ min: 1, max: 9 }), async (bytes, fields, blockBytes, rowsAtOnce) => {
        const schema = schemaOf(fields);
        expect(await actual(bytes, schema, blockBytes, rowsAtOnce)).toEqual(expected(bytes, schema));
      }),
      { numRuns: runs },
    );
  });

  test("of lines with spoiled bytes", { timeout: 360_000 }, async () => {
    const spoiled = fc.tuple(
      text,
      fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(spoiled, chosen, blocks, async ([bytes, changes], fields, blockBytes) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) changed[Math.floor(at * changed.length)] = byte;
        const schema = schemaOf(fields);
        expect(await actual(changed, schema, blockBytes, 5)).toEqual(expected(changed, schema));
      }),
      { numRuns: runs },
    );
  });
});
