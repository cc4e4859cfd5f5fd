import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { Engine, read } from "millrace";
import { afterAll, beforeAll, expect, test } from "vitest";

/** What write.csv and write.jsonl write, read.csv and read.jsonl read back, and DuckDB too. NUL and byte order marks are for no strict reader. */
const schema = {
  id: "int64",
  t: "utf8",
  u: "utf8",
  b: "bool",
  i8: "int8",
  u64: "uint64",
  f: "float64",
  g: "float32",
  p: "decimal(38,9)",
  d: "date",
  ts: "timestamp",
} as const;

let folder = "";
let engine: Engine;
let duckdb: DuckDBInstance;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-round-trip-"));
  engine = await Engine.create({ workers: 1 });
  duckdb = await DuckDBInstance.create(":memory:");
});
afterAll(async () => {
  await engine?.close();
  duckdb?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

const pieces = [
  "",
  "a",
  '"',
  '""',
  ",",
  "\n",
  "\r\n",
  "\r",
  " ",
  "\t",
  ";",
  "\\",
  "#",
  "'",
  "NA",
  "null",
  "é",
  "😀",
  "\u2028",
  "0",
];
const text = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((list) => list.join("")),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 4 });
const extremes = fc.constantFrom(
  5e-324,
  -0,
  1.7976931348623157e308,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0.1,
  1e21,
  1e-7,
);
const row = fc.record({
  t: orNull(text),
  u: orNull(text),
  b: orNull(fc.boolean()),
  i8: orNull(fc.integer({ min: -128, max: 127 })),
  u64: orNull(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  f: orNull(fc.oneof(fc.double({ noNaN: true }), extremes)),
  g: orNull(fc.float({ noNaN: true })),
  p: orNull(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }).map(decimalText)),
  d: orNull(fc.integer({ min: -719162, max: 2932896 }).map((days) => new Date(days * 86_400_000).toISOString().slice(0, 10))),
  ts: orNull(fc.integer({ min: -62135596800, max: 253402300799 }).map((s) => new Date(s * 1000).toISOString().slice(0, 19))),
});

function decimalText(unscaled: bigint): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(10, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

const rowsOf = async (dataset: Parameters<Engine["collect"]>[0]): Promise<unknown[]> => {
  const table = await engine.collect(dataset);
  return [...table].map((one) => JSON.stringify(one?.toArray(), plain)).sort();
};

/** Values that JSON leaves out or changes, as text. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)))
    return Object.is(value, -0) ? "-0" : String(value);
  return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex") : value;
}

let counter = 0;

test.each(["csv", "jsonl"] as const)("every value comes back from %s", { timeout: 360_000 }, async (format) => {
  const connection = await duckdb.connect();
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (given) => {
      const rows = given.map((one, id) => ({ id, ...one }));
      const source = read.rows(rows, { schema });
      const out = join(folder, `r${counter++}`);
      await engine.run(format === "csv" ? source.write.csv(out) : source.write.jsonl(out));
      const options = { schema, quotes: "strict" } as const;
      const back = format === "csv" ? read.csv(`${out}/*.csv`, options) : read.jsonl(`${out}/*.jsonl`, { schema });
      expect(await rowsOf(back)).toEqual(await rowsOf(read.rows(rows, { schema })));
      const scan =
        format === "csv"
          ? `read_csv('${out}/*.csv', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, auto_detect = false, columns = {${Object.keys(
              schema,
            )
              .map((name) => `'${name}': 'VARCHAR'`)
              .join(", ")}}, parallel = false)`
          : `read_json('${out}/*.jsonl', format = 'newline_delimited', columns = {id: 'BIGINT', t: 'VARCHAR', u: 'VARCHAR', b: 'VARCHAR'})`;
      const read1 = await connection.runAndReadAll(`select id::bigint, t, u, b from ${scan} order by 1`);
      expect(read1.getRows()).toEqual(rows.map(({ id, t, u, b }) => [BigInt(id), t, u, b === null ? null : String(b)]));
    }),
    { numRuns: 6, endOnFailure: true },
  );
  connection.closeSync();
});
