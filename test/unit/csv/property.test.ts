import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import { types } from "../../../src/schema/types.js";
import type { PartitionSpec } from "../../../src/task/protocol.js";
import { oracleRead } from "./oracle.js";
import { csvDefaults, readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const numRuns = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300);

const dialects: fc.Arbitrary<Partial<CsvOptions>> = fc.record({
  delimiter: fc.constantFrom(",", ";", "\t", "|"),
  quote: fc.constantFrom('"', '"', '"', "'", null),
  escape: fc.constantFrom(null, null, null, "\\"),
  comment: fc.constantFrom(null, null, null, "#"),
  quotes: fc.constantFrom("lenient" as const, "strict" as const),
});

/** Text that is mostly structure, so that every rule is met often. */
const wild = fc
  .array(
    fc.constantFrom(
      ",",
      ";",
      "\t",
      "|",
      '"',
      '"',
      "'",
      "\n",
      "\n",
      "\r\n",
      "\r",
      "\\",
      "#",
      "a",
      "bc",
      "\0",
      " ",
      '""',
      '","',
      '"\n"',
    ),
    {
      maxLength: 120,
    },
  )
  .map((parts) => parts.join(""));

const cuts = (size: number, at: readonly number[]): PartitionSpec[] => {
  const borders = [...new Set([0, ...at.map((part) => Math.floor(part * size)), size])].sort((a, b) => a - b);
  const parts = borders
    .slice(0, -1)
    .map(
      (start, i): PartitionSpec => ({ kind: "bytes", file: 0, start, end: borders[i + 1] as number, exactStart: start === 0 }),
    );
  return parts.length === 0 ? [{ kind: "bytes", file: 0, start: 0, end: 0, exactStart: true }] : parts;
};

test("any text, dialect, block size, batch size and split reads as the slow reader reads it", async () => {
  await fc.assert(
    fc.asyncProperty(
      wild,
      dialects,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 64, max: 200 }),
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
      async (text, dialect, columns, blockBytes, batchRows, at) => {
        const options = { ...csvDefaults, ...dialect, header: false };
        if (options.quote === null) options.escape = null;
        // Lone CR line ends are a dialect of their own, chosen by a file without LF.
        const body = text.includes("\n") ? text : `${text}\n`;
        const names = Array.from({ length: columns }, (_, i) => `c${i}`);
        const schema = names.map((name) => ({ name, type: types.utf8, nullable: true }));
        const path = writeText(folder.path, body, "wild.csv");
        const expected = oracleRead(body, options, columns);
        const source = resolveOne(path, options, schema);
        const got = await readAll(source, { blockBytes, batchRows, parts: cuts(Buffer.byteLength(body), at) });
        expect(got.rows).toEqual(expected.filter((r) => r.reject === null).map((r) => r.fields));
        expect(got.rejects.map((r) => r.code)).toEqual(expected.filter((r) => r.reject !== null).map((r) => r.reject));
        const bytes = readFileSync(path);
        for (const { byte, length, raw } of got.rejects) {
          expect(bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)).toString("latin1")).toBe(raw);
        }
        let before = 0;
        const lines = got.results.map((result) => {
          const first = before;
          before += result.lines;
          return first;
        });
        expect(before).toBe(body.split("\n").length - 1);
        expect(got.results.reduce((sum, r) => sum + r.rows, 0)).toBe(expected.length);
        expect(got.results.reduce((sum, r) => sum + r.rejected, 0)).toBe(got.rejects.length);
        if (lines.length === 1) {
          expect(got.rejects.map((r) => r.line)).toEqual(expected.filter((r) => r.reject !== null).map((r) => r.line));
        }
      },
    ),
    { numRuns },
  );
});

test("numbers are those of Number(text), bit for bit", async () => {
  const digits = fc.stringMatching(/^[0-9]{1,22}$/);
  const plain = fc
    .tuple(fc.constantFrom("", "-"), digits, fc.option(digits))
    .map(([s, a, b]) => s + a + (b === null ? "" : `.${b}`));
  const short = fc
    .tuple(fc.constantFrom("", "-"), fc.stringMatching(/^[0-9]{1,8}$/), fc.nat(7))
    .map(([s, a, at]) => (at === 0 || at >= a.length ? s + a : `${s}${a.slice(0, at)}.${a.slice(at)}`));
  const any = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
  const withExponent = fc.tuple(short, fc.integer({ min: -40, max: 40 })).map(([m, e]) => `${m}e${e}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(plain, short, any, withExponent), { minLength: 1, maxLength: 200 }), async (texts) => {
      const path = writeText(folder.path, `x\n${texts.join("\n")}\n`, "numbers.csv");
      const { rows, rejects } = await readAll(resolveOne(path, {}, [{ name: "x", type: types.float64, nullable: true }]));
      expect(rejects).toEqual([]);
      rows.forEach(([value], i) => {
        expect(Object.is(value, Number(texts[i])), `${texts[i]} was read as ${String(value)}`).toBe(true);
      });
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  );
});

test("integers, decimals, dates and timestamps are those of plain DuckDB", async () => {
  const int = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const time = fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });
  const row = fc.record({
    i: fc.oneof(int, fc.bigInt({ min: -99999n, max: 99999n })),
    cents: fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
    t: time,
    micros: fc.nat(999_999),
    s: fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), async (table) => {
      const lines = table.map(({ i, cents, t, micros, s }) => {
        const size = cents < 0n ? -cents : cents;
        const decimal = `${cents < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
        const iso = t.toISOString();
        const stamp = `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${String(micros).padStart(6, "0")}`;
        return `${i},${decimal},${iso.slice(0, 10)},${stamp},"${s.replaceAll('"', '""')}"`;
      });
      const path = writeText(folder.path, `i,m,d,t,s\n${lines.join("\n")}\n`, "duck.csv");
      const schema = [
        { name: "i", type: types.int64, nullable: true },
        { name: "m", type: types.decimal(18, 2), nullable: true },
        { name: "d", type: types.date, nullable: true },
        { name: "t", type: types.timestamp, nullable: true },
        { name: "s", type: types.utf8, nullable: true },
      ];
      const { rows, rejects } = await readAll(resolveOne(path, {}, schema), { blockBytes: 256 });
      expect(rejects).toEqual([]);
      const duck = await connection.runAndReadAll(
        `select i, (m::decimal(30,2) * 100)::decimal(30,0)::varchar, (d - date '1970-01-01')::int, epoch_us(t), s from read_csv('${path}', parallel=false, columns={'i':'bigint','m':'decimal(18,2)','d':'date','t':'timestamp','s':'varchar'}, header=true, quote='"', escape='"', nullstr='\u0001')`,
      );
      const expected = duck.getRows().map(([i, m, d, t, s]) => [i, BigInt(String(m)), d, t, s ?? ""]);
      expect(rows).toEqual(expected);
    }),
    { numRuns: Math.ceil(numRuns / 6) },
  );
  connection.closeSync();
  instance.closeSync();
});
