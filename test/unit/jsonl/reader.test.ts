import { readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openJsonl, planJsonl, resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import { JsonGuess, sampledJson } from "../../../src/io/json/jsonlInfer.js";
import { exactText, parseExact } from "../../../src/io/json/jsonText.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import { parseType, type Schema, typeName } from "../../../src/schema/types.js";
import type { PartitionSpec, RejectRecord } from "../../../src/task/protocol.js";
import { batchRows, tempFolder, writeText } from "../csv/support.js";

const folder = tempFolder();
afterAll(folder.remove);

const schemaOf = (columns: { readonly [name: string]: string }): Schema =>
  Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type), nullable: true }));

function resolve(path: string, schema?: Schema): ResolvedSource {
  const stats = statSync(path);
  const file = { path, bytes: stats.size, modifiedMs: stats.mtimeMs, partitionValues: [] };
  const base = { format: "jsonl", paths: [path], onReject: "quarantine", rejectLimits: {} } as const;
  return resolveJsonl(schema === undefined ? base : { ...base, schema }, { files: [file], partitionSchema: [] });
}

async function read(
  source: ResolvedSource,
  parts: readonly PartitionSpec[] = planJsonl(source, 1 << 25),
  blockBytes = 64,
  rows = 3,
) {
  const out = {
    rows: [] as unknown[][],
    rejects: [] as (RejectRecord & { raw: string })[],
    starts: [] as unknown[],
    ends: [] as unknown[],
  };
  for (const part of parts) {
    const reader = openJsonl({ source, schema: source.schema }, part, {
      batchRows: rows,
      partition: 0,
      blockBytes,
      reject: (reject, raw) => out.rejects.push({ ...reject, raw: Buffer.from(raw ?? []).toString("latin1") }),
    });
    for (;;) {
      const batch = await reader.next();
      if (batch === null) break;
      out.rows.push(...batchRows(batch));
    }
    out.starts.push(reader.result().start);
    out.ends.push(reader.result().end);
    await reader.close();
  }
  return out;
}

describe("values", () => {
  test("numbers are exact, missing keys are null, nested values are kept", async () => {
    const schema = schemaOf({
      id: "int64",
      m: "decimal(20,2)",
      f: "float64",
      s: "utf8",
      l: "list(int64)",
      o: "struct(a: int32, b: utf8)",
      t: "timestamp",
    });
    const lines = [
      '{"id":9223372036854775807,"m":123456789012345678.25,"f":1e300,"s":"\\u00e9\\n","l":[1,null,9007199254740993],"o":{"a":1,"b":"x"},"t":"1970-01-01T00:00:01Z"}',
      '{"s":{"k":[1.50,true]},"id":1.0}',
      " ",
      '{"s":12.50,"toString":1}',
    ];
    const { rows, rejects } = await read(resolve(writeText(folder.path, `\ufeff${lines.join("\r\n")}`), schema));
    expect(rejects).toEqual([]);
    expect(rows).toEqual([
      [9223372036854775807n, 12345678901234567825n, 1e300, "é\n", [1n, null, 9007199254740993n], { a: 1, b: "x" }, 1_000_000n],
      [1n, null, null, '{"k":[1.50,true]}', null, null, null],
      [null, null, null, "12.50", null, null, null],
    ]);
  });

  test("what does not fit is rejected with its place", async () => {
    const schema = schemaOf({ a: "int8", toString: "utf8" });
    const text =
      '{"a":1}\n{"a":300}\n{"a":1.5}\n{"a":"x"}\n[1]\n{"a":1,}\n{\'a\':1}\n{"a":2} x\n{"a":01}\n{"a":true}\n\n{"a":"7"}';
    const path = writeText(folder.path, text);
    const { rows, rejects } = await read(resolve(path, schema));
    expect(rows).toEqual([
      [1, null],
      [7, null],
    ]);
    expect(rejects.map((r) => [r.line, r.code, r.column])).toEqual([
      [2, "CAST_FAILED", "a"],
      [3, "CAST_FAILED", "a"],
      [4, "CAST_FAILED", "a"],
      [5, "JSON_NOT_OBJECT", null],
      [6, "JSON_INVALID", null],
      [7, "JSON_INVALID", null],
      [8, "JSON_INVALID", null],
      [9, "JSON_INVALID", null],
      [10, "CAST_FAILED", "a"],
    ]);
    const bytes = readFileSync(path);
    for (const { byte, length, raw } of rejects) {
      expect(bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)).toString("latin1")).toBe(raw);
    }
  });

  test("bytes that are no UTF-8 are rejected", async () => {
    const text = Buffer.concat([Buffer.from('{"a":"x"}\n{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"a":"y"}\n')]);
    const { rows, rejects } = await read(resolve(writeText(folder.path, text), schemaOf({ a: "utf8" })));
    expect(rows).toEqual([["x"], ["y"]]);
    expect(rejects).toMatchObject([{ code: "INVALID_UTF8", line: 2 }]);
  });

  test("a value that is no text is its JSON text in a utf8 column: as it stands, without blanks between its parts", async () => {
    const written = [
      ['{ "b" : [ 1.50 , "x  \\" y" ] , "a":{} }', '{"b":[1.50,"x  \\" y"],"a":{}}'],
      ['{"2":1,"1":"\\u00e9\\/","2":null}', '{"2":1,"1":"\\u00e9\\/","2":null}'],
      ["[\t1e2,\t-0.0 ]", "[1e2,-0.0]"],
      ['"{ \\"a\\" : 1 }"', '{ "a" : 1 }'],
      ['"[ ]"', "[ ]"],
      ["[ ]", "[]"],
      ["12.50", "12.50"],
      ["true", "true"],
    ];
    // A line whose key has an escape is read by the definition.
    for (const key of ["v", "\\u0076"]) {
      const lines = written.map(([json]) => `{"${key}":${json},"l":[${json}]}\n`);
      const path = writeText(folder.path, lines.join("").repeat(40));
      const { rows } = await read(resolve(path, schemaOf({ v: "utf8", l: "list(utf8)" })));
      expect(rows.slice(0, written.length)).toEqual(written.map(([, text]) => [text, [text]]));
      expect(rows.slice(-written.length)).toEqual(rows.slice(0, written.length));
    }
  });

  test("gzip", async () => {
    const path = writeText(folder.path, gzipSync('{"a":1}\n'.repeat(3000)), "z.jsonl.gz");
    expect((await read(resolve(path))).rows.length).toBe(3000);
  });
});

test("types are inferred from a sample", () => {
  const text =
    '{"i":1,"f":1,"b":true,"s":"x","d":"2024-01-01","t":"2024-01-01T10:00:00","m":1,"l":[1],"o":{"x":1.5},"big":18446744073709551616}\n' +
    '{"i":2,"f":1.5,"d":"2024-01-02","m":"x","n":null}\n';
  const { schema } = resolve(writeText(folder.path, text));
  expect(Object.fromEntries(schema.map((f) => [f.name, typeName(f.type)]))).toEqual({
    i: "int64",
    f: "float64",
    b: "bool",
    s: "utf8",
    d: "date",
    t: "timestamp",
    m: "utf8",
    l: "list(int64)",
    o: "struct(x: float64)",
    big: "utf8",
    n: "utf8",
  });
});

test("types are those that the texts of all numbers would give", () => {
  const number = fc.constantFrom(
    "0",
    "-0",
    "1",
    "1.0",
    "2.50",
    "-0.0",
    "1e5",
    "1E-2",
    "12345678901234567",
    "9223372036854775808",
    "0.1234567890123456789",
    "1.00000000000001",
    "100.05",
  );
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      number,
      fc.constantFrom("null", "true", '"1.0"', '"x"', '"2024-01-01"'),
      fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join()}]`),
      fc
        .array(fc.tuple(fc.constantFrom("a", "b", "__proto__"), tie("value")), { maxLength: 3 })
        .map((members) => `{${members.map(([key, one]) => `"${key}":${one}`).join()}}`),
    ),
  }));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (lines) => {
      const [quick, exact] = [new JsonGuess(), new JsonGuess()];
      for (const line of lines) {
        quick.add(sampledJson(line));
        exact.add(parseExact(line));
      }
      expect(quick.type).toEqual(exact.type);
    }),
    { numRuns: 2000 },
  );
});

test("any split delivers every line once, as JSON.parse reads it", async () => {
  const value = fc.record({
    a: fc.integer(),
    b: fc.oneof(
      fc.string({ unit: "grapheme" }).filter((s) => s.isWellFormed()),
      fc.constant(null),
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(value, fc.constant(null)), { maxLength: 30 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
      fc.boolean(),
      async (table, at, ended) => {
        const text = table.map((row) => (row === null ? "" : JSON.stringify(row))).join("\n") + (ended ? "\n" : "");
        const path = writeText(folder.path, text, "split.jsonl");
        const size = Buffer.byteLength(text);
        const borders = [...new Set([0, ...at.map((part) => Math.floor(part * size)), size])].sort((x, y) => x - y);
        const parts = borders.slice(0, -1).map(
          (start, i): PartitionSpec => ({
            kind: "bytes",
            file: 0,
            start,
            end: borders[i + 1] as number,
            exactStart: start === 0,
          }),
        );
        const { rows, rejects, starts, ends } = await read(resolve(path, schemaOf({ a: "int32", b: "utf8" })), parts);
        expect(rejects).toEqual([]);
        expect(rows).toEqual(table.filter((row) => row !== null).map((row) => [row.a, row.b]));
        expect(starts.slice(1)).toEqual(ends.slice(0, -1));
      },
    ),
    { numRuns: Number(process.env.MILLRACE_RUNS ?? 200) },
  );
});

test("the exact parser accepts what JSON.parse accepts", () => {
  const texts = fc.oneof(
    fc.json(),
    fc
      .array(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          '"a"',
          "1",
          "-",
          "0",
          ".5",
          "e3",
          "true",
          "null",
          " ",
          '"\\u12"',
          '"\\n"',
          '"\\"',
          '"\u0001"',
          '"__proto__"',
          '"',
          "\\",
          "5",
          "E+",
          "\t",
        ),
        { maxLength: 9 },
      )
      .map((p) => p.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      let expected: unknown;
      let wrong = false;
      try {
        expected = JSON.parse(text);
      } catch {
        wrong = true;
      }
      if (wrong) expect(() => parseExact(text)).toThrow(SyntaxError);
      else expect(JSON.parse(exactText(parseExact(text)))).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

describe("binary", () => {
  test("is base64 with its padding; what is not is rejected", async () => {
    // As DuckDB's from_base64 decodes and refuses them.
    const values = ["QQ==", "AAEC/w==", "", "\\u0051Q==", "\\/\\/8=", "QQ", "Q===", "QQ=\u00e9", "QQ-_"];
    const bytes = Buffer.from(values.map((value, i) => `{"id":${i},"b":"${value}"}\n`).join(""));
    const { rows, rejects } = await read(resolve(writeText(folder.path, bytes), schemaOf({ id: "int64", b: "binary" })));
    expect(rows.map(([id, b]) => [Number(id), Buffer.from(b as Uint8Array).toString("hex")])).toEqual([
      [0, "41"],
      [1, "000102ff"],
      [2, ""],
      [3, "41"],
      [4, "ffff"],
    ]);
    expect(rejects.map(({ line, code, column }) => [line, code, column])).toEqual(
      [6, 7, 8, 9].map((line) => [line, "CAST_FAILED", "b"]),
    );
    expect(rejects.map(({ raw }) => raw)).toEqual(
      values.slice(5).map((value, i) => Buffer.from(`{"id":${i + 5},"b":"${value}"}`).toString("latin1")),
    );
  });
});
