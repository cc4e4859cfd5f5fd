import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import { types } from "../../../src/schema/types.js";
import { openForTests, openSession, rowsOf, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
openForTests(folder, (opened) => {
  session = opened;
});

async function failure(work: () => Promise<unknown>): Promise<MillraceError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    return error as MillraceError;
  }
  throw new Error("expected a failure");
}

describe("decoding", () => {
  test("every type with a counterpart arrives in its value form, with nulls", async () => {
    const sql = `SELECT * FROM (VALUES
      (TRUE, (-128)::TINYINT, (-32768)::SMALLINT, (-2147483648)::INTEGER, '-9223372036854775808'::BIGINT, 255::UTINYINT, 65535::USMALLINT,
       4294967295::UINTEGER, 18446744073709551615::UBIGINT, 1.5::FLOAT, 'NaN'::DOUBLE, DATE '1969-12-31',
       TIMESTAMP '1970-01-01 00:00:00.000001', 'é', '\\x00\\xFF'::BLOB),
      (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) t`;
    expect(await rowsOf(session.query(sql))).toEqual([
      [
        true,
        -128,
        -32768,
        -2147483648,
        -9223372036854775808n,
        255,
        65535,
        4294967295,
        18446744073709551615n,
        1.5,
        Number.NaN,
        -1,
        1n,
        "é",
        Uint8Array.of(0, 255),
      ],
      Array(15).fill(null),
    ]);
  });

  test("decimals of every width, and 128-bit integers as decimal(38,0)", async () => {
    const sql = `SELECT -1.23::DECIMAL(4,2), 12345.6789::DECIMAL(9,4), 99999999999999.9999::DECIMAL(18,4),
      -1234567890123456789012345678.1234567890::DECIMAL(38,10), -170141183460469231731687303715884105::HUGEINT, NULL::DECIMAL(30,1)`;
    expect(await rowsOf(session.query(sql))).toEqual([
      [
        -123n,
        123456789n,
        999999999999999999n,
        -12345678901234567890123456781234567890n,
        -170141183460469231731687303715884105n,
        null,
      ],
    ]);
    expect((await session.describe(sql)).map((field) => field.type)).toEqual([
      types.decimal(4, 2),
      types.decimal(9, 4),
      types.decimal(18, 4),
      types.decimal(38, 10),
      types.decimal(38, 0),
      types.decimal(30, 1),
    ]);
  });

  test("other timestamps become microseconds, types without counterpart text, nested ones plain values", async () => {
    const sql = `SELECT '2020-01-01 00:00:01'::TIMESTAMP_S, '2020-01-01 00:00:00.001'::TIMESTAMP_MS,
      '1969-12-31 23:59:59.999999999'::TIMESTAMP_NS, '2020-01-01 01:00:00+01'::TIMESTAMPTZ, TIME '12:34:56',
      'happy'::ENUM('sad', 'happy'), [1::BIGINT, NULL], {'a': DATE '1970-01-02', 'b': ['x']}, MAP {'k': 1}`;
    const base = 1_577_836_800_000_000n;
    expect(await rowsOf(session.query(sql))).toEqual([
      [base + 1_000_000n, base + 1_000n, -1n, base, "12:34:56", "happy", [1n, null], { a: 1, b: ["x"] }, "{'k': 1}"],
    ]);
  });

  test("lists and structs of any depth, in rows of any order, are what DuckDB says as JSON", async () => {
    await session.run(`CREATE TEMP TABLE nested AS SELECT i,
      CASE WHEN i % 7 > 0 THEN list_transform(range(i % 4), x -> CASE WHEN (x + i) % 3 > 0 THEN (x * i)::INT END) END AS numbers,
      CASE WHEN i % 5 > 0 THEN {'t': CASE WHEN i % 2 = 0 THEN repeat('ü', i % 20) END, 'in': CASE WHEN i % 3 > 0 THEN {'d': i / 4, 'b': i % 4 = 0} END,
        'l': [i::SMALLINT, NULL]} END AS thing,
      [[], NULL, ['a' || i, 'a longer text that stands elsewhere ' || i], [NULL]] AS deep,
      list_transform(range(i % 3), x -> {'n': x::UTINYINT, 's': ['s' || x]}) AS things
      FROM range(5000) r(i)`);
    const plain = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? Number(inner) : (inner as unknown))));
    for (const rest of ["", "WHERE i % 3 = 1", "ORDER BY hash(i) LIMIT 3000 OFFSET 100", "JOIN range(50) o(k) ON i = k * k"]) {
      const query = `FROM nested ${rest}`;
      const rows = await rowsOf(session.query(`SELECT i, numbers, thing, deep, things, [7, 8], {'a': 1} ${query}`));
      const texts = await rowsOf(
        session.query(
          `SELECT i, ${["numbers", "thing", "deep", "things", "[7, 8]", "{'a': 1}"].map((one) => `to_json(${one})::VARCHAR`).join()} ${query}`,
        ),
      );
      expect(rows.length).toBeGreaterThan(49);
      const byRow = new Map(
        texts.map(([i, ...json]) => [i, json.map((text) => (text === null ? null : JSON.parse(text as string)))]),
      );
      for (const [i, ...values] of rows) expect(plain(values)).toEqual(byRow.get(i));
    }
  });

  test("short and long strings in any order, shared and null, over many chunks", async () => {
    await session.run(`CREATE TEMP TABLE strings AS SELECT i,
      CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'short' || i WHEN 3 THEN repeat('long ü ', 3 + i % 50) || i ELSE 'the same text for all of them' END s
      FROM range(10000) r(i)`);
    const expected = (i: number) =>
      [null, "", `short${i}`, `${"long ü ".repeat(3 + (i % 50))}${i}`, "the same text for all of them"][i % 5];
    for (const order of ["i", "i DESC", "hash(i)"]) {
      const rows = await rowsOf(session.query(`SELECT i, s FROM strings ORDER BY ${order}`));
      expect(rows.length).toBe(10000);
      for (const [i, text] of rows) expect(text).toBe(expected(Number(i)));
    }
  });
});

describe("errors", () => {
  test("a user's wrong SQL keeps DuckDB's text and suggestion", async () => {
    const column = await failure(() => session.describe("SELECT foo FROM (SELECT 1 AS fooo)"));
    expect([column.category, column.code]).toEqual(["Plan", "SQL_INVALID"]);
    expect(column.message).toContain('"fooo"');
    const syntax = await failure(() => session.describe("SELEC 1"));
    expect(syntax.code).toBe("SQL_INVALID");
    for (const text of ["SELECT 1; SELECT 2", "CREATE TABLE x (a INT)", "", "SELECT ?::INT"]) {
      expect((await failure(() => session.describe(text))).category).toBe("Plan");
    }
  });

  test("whose fault it is", async () => {
    const cast = await failure(() => session.run("SELECT CAST('a' AS INTEGER)"));
    expect([cast.category, cast.code]).toEqual(["Data", "CONVERSION_FAILED"]);
    const sum = await failure(() => session.run("SELECT CAST(sum(x) AS BIGINT) FROM (VALUES (9223372036854775807), (1)) t(x)"));
    expect([sum.category, sum.code]).toEqual(["Data", "SUM_OVERFLOW"]);
    const overflow = await failure(() => session.run("SELECT (2147483647 - i)::INTEGER + (i + 1)::INTEGER FROM range(3) r(i)"));
    expect([overflow.category, overflow.code]).toEqual(["Data", "INTEGER_OVERFLOW"]);
    const file = await failure(() => session.run("SELECT * FROM read_parquet('/does/not/exist.parquet')"));
    expect(file.category).toBe("External");
    const ours = await failure(() => session.run("SELECT nothing"));
    expect(ours.category).toBe("Internal");
  });

  test("too little memory names the option", async () => {
    const small = await openSession(folder.path, 2, 64 * 2 ** 20);
    const error = await failure(() => small.run("SELECT list(i::VARCHAR || repeat('x', 100)) FROM range(5000000) r(i)"));
    small.close();
    expect([error.category, error.code]).toEqual(["Resource", "OUT_OF_MEMORY"]);
    expect(error.hint).toContain("memory");
  });

  test("an interrupt ends the query as cancelled", async () => {
    const other = await openSession(folder.path);
    const running = failure(() => other.run("SELECT sum(a.i * b.i) FROM range(1000000) a(i), range(1000000) b(i)"));
    setImmediate(() => setTimeout(() => other.interrupt(), 50));
    expect((await running).category).toBe("Cancelled");
    other.close();
  });
});

test("a stream that is left early leaves the session usable", async () => {
  for await (const batch of session.query("SELECT * FROM range(1000000)")) {
    expect(batch.length).toBeGreaterThan(0);
    break;
  }
  expect(await rowsOf(session.query("SELECT 1"))).toEqual([[1]]);
});
