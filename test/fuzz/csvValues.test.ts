import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, expect, test } from "vitest";
import type { Column } from "../../src/batch/column.js";
import { parseText } from "../../src/functions/cast.js";
import { RowFailure } from "../../src/functions/definition.js";
import { openCsv, planCsv } from "../../src/io/csv/csvSource.js";
import type { CsvKernels } from "../../src/kernels/csvKernels.js";
import { createKernels } from "../../src/kernels/wasm.js";
import type { CsvOptions } from "../../src/plan/csvSpec.js";
import { type DataType, parseType, type Schema } from "../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, valueAt, writeText } from "../unit/csv/support.js";
import { fuzzSeed, type Random, randomFrom } from "./random.js";

const folder = tempFolder();
afterAll(folder.remove);

const scale = Number(process.env.MILLRACE_FUZZ_SCALE ?? 1);

/** Reads a file of one column; the values by row, and which rows were rejected. */
function readColumn(
  path: string,
  type: DataType,
  each: (column: Column, row: number, record: number) => void,
): ReadonlySet<number> {
  const schema: Schema = [{ name: "x", type, nullable: true }];
  const source = resolveOne(path, { header: false }, schema);
  const rejected = new Set<number>();
  let record = 0;
  for (const part of planCsv(source, 1 << 30)) {
    const reader = openCsv({ source, schema }, part, {
      batchRows: 8192,
      partition: 0,
      reject: ({ line }) => rejected.add((line ?? 0) - 1),
    });
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      if (batch instanceof Promise) throw new Error("a plain file is read synchronously");
      const [column] = batch.columns;
      if (column === undefined) throw new Error("a column was asked for");
      for (let row = 0; row < batch.length; row++) {
        while (rejected.has(record)) record++;
        each(column, row, record++);
      }
    }
    void reader.close();
  }
  return rejected;
}

const digits = (random: Random, count: number): string => {
  let out = "";
  while (out.length < count) out += String(random.bits()).padStart(10, "0");
  return out.slice(0, count);
};

const view = new DataView(new ArrayBuffer(8));

function anyDouble(random: Random, exponents: number, from: number): number {
  view.setUint32(0, ((from + random.below(exponents)) << 20) | (random.bits() & 0x800fffff));
  view.setUint32(4, random.bits());
  return view.getFloat64(0);
}

/** The exact decimal text halfway between a double and the next one, or its first digits: the hardest to round. */
function halfway(random: Random, value: number): string {
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const mantissa = (bits & ((1n << 52n) - 1n)) | (exponent === 0 ? 0n : 1n << 52n);
  const power = Math.max(exponent, 1) - 1076;
  const whole = mantissa * 2n + 1n;
  if (power >= 0) return String(whole << BigInt(power));
  const text = String(whole * 5n ** BigInt(-power));
  const kept = random.chance(0.3) ? text.length : 16 + random.below(9);
  return `${text.slice(0, kept)}e${power + Math.max(0, text.length - kept)}`;
}

const numberTexts: readonly [(random: Random) => string, ...((random: Random) => string)[]] = [
  (random) => String(anyDouble(random, 2046, 1)),
  (random) => String(random.bits() / 4294967296),
  (random) => anyDouble(random, 80, 983).toExponential(random.below(21)),
  (random) => `${digits(random, 1 + random.below(19))}.${digits(random, 1 + random.below(19))}`,
  (random) => `${random.chance(0.5) ? "-" : "+"}${digits(random, 1 + random.below(19))}e${random.below(700) - 350}`,
  (random) => `.${"0".repeat(random.below(12))}${digits(random, 1 + random.below(20))}`,
  (random) => `${digits(random, 19)}e${random.below(60) - 30}`,
  (random) => `${digits(random, 1 + random.below(30))}.${digits(random, random.below(30))}E${random.below(660) - 330}`,
  // Subnormals, and the border to zero.
  (random) => anyDouble(random, 2, 0).toExponential(14 + random.below(7)),
  (random) => `${digits(random, 1 + random.below(18))}e${-310 - random.below(35)}`,
  (random) => halfway(random, anyDouble(random, 60, 1000)),
  (random) => halfway(random, anyDouble(random, 120, 960)),
  // Halfway between whole numbers past 2^53, where few bits decide.
  (random) => {
    const shift = BigInt(1 + random.below(11));
    const mantissa = (1n << 52n) | (BigInt(random.bits()) << 20n) | BigInt(random.below(1 << 20));
    return String((mantissa << shift) + (1n << (shift - 1n)) + BigInt(random.below(3) - 1));
  },
  (random) => `${digits(random, 1 + random.below(8))}${random.chance(0.5) ? "." : ""}${digits(random, random.below(5))}`,
];

test("doubles are those of Number(text), bit for bit", { timeout: 900_000 }, () => {
  for (const kind of ["float64", "float32"]) {
    const random = randomFrom(fuzzSeed, kind.length);
    const texts = Array.from({ length: 700_000 * scale }, () => random.pick(numberTexts)(random));
    const path = writeText(folder.path, `${texts.join("\n")}\n`, "doubles.csv");
    let wrong = 0;
    const rejected = readColumn(path, parseType(kind), (column, row, record) => {
      const text = texts[record] ?? "";
      const wanted = kind === "float32" ? Math.fround(Number(text)) : Number(text);
      if (!Object.is(valueAt(column, row), wanted) && wrong++ === 0) expect([text, valueAt(column, row)]).toEqual([text, wanted]);
    });
    expect(rejected.size).toBe(0);
    expect(wrong).toBe(0);
  }
});

test("the powers of five behind them are exact", () => {
  const kernels = createKernels();
  const at = kernels.functions<CsvKernels>().powersOfFive() >>> 3;
  const table = kernels.memory.u64();
  for (let power = -342; power <= 308; power++) {
    let exact: bigint;
    if (power >= 0) exact = (5n ** BigInt(power)) << 1000n;
    else
      exact =
        (1n << 2000n) / 5n ** BigInt(-power) + (power >= -27 ? 1n << BigInt(2000 - 128 - Math.floor(-power * Math.log2(5))) : 0n);
    const top = exact >> BigInt(exact.toString(2).length - 128);
    const place = at + (power + 342) * 2;
    expect([power, ((table[place] ?? 0n) << 64n) | (table[place + 1] ?? 0n)]).toEqual([power, top]);
  }
});

const words =
  "true False tRUE t f 1 0 2 -0 +1 - . -. 00 007 -128 -129 127 128 255 256 32767 32768 -32768 -32769 65535 65536 2147483647 2147483648 -2147483648 -2147483649 4294967295 4294967296 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616 1e3 1e 2024-02-29 2023-02-29 2000-02-29 1900-02-29 2024-2-9 0000-01-01 0001-01-01 9999-12-31 10000-01-01 2024-13-01 2024-00-10 2024-04-31 nan inf -Infinity".split(
    " ",
  ) as [string, ...string[]];
const pairOf = (random: Random, most: number): string => String(random.below(most)).padStart(2, "0");
const dayOf = (random: Random): string =>
  `${String(random.below(10000)).padStart(4, "0")}-${pairOf(random, 14)}-${pairOf(random, 33)}`;

const valueTexts: readonly [(random: Random) => string, ...((random: Random) => string)[]] = [
  (random) => random.pick(words),
  (random) => `${random.pick(["", "-", "+"])}${digits(random, 1 + random.below(22))}`,
  (random) => `${random.pick(["", "-"])}${digits(random, 1 + random.below(4))}`,
  (random) => `${random.pick(["", "-"])}${digits(random, 1 + random.below(20))}.${digits(random, random.below(20))}`,
  (random) => `${digits(random, 1 + random.below(6))}.${digits(random, random.below(4))}`,
  dayOf,
  (random) => `${dayOf(random)}${random.pick([" ", "T", "t"])}${pairOf(random, 26)}:${pairOf(random, 63)}:${pairOf(random, 63)}`,
  (random) =>
    `2024-05-06 07:08:${pairOf(random, 60)}.${digits(random, 1 + random.below(10))}${random.pick(["", "", "Z", "+02:00"])}`,
  (random) =>
    Array.from({ length: 1 + random.below(12) }, () => random.pick([..."0123456789-+.:eET /"] as [string, ...string[]])).join(""),
];

function expectAsDefined(
  texts: readonly string[],
  type: DataType,
  found: readonly unknown[],
  rejected: ReadonlySet<number>,
): void {
  texts.forEach((text, i) => {
    let wanted: unknown;
    try {
      const value = parseText(text, type);
      wanted = typeof value === "boolean" ? Number(value) : value;
    } catch (error) {
      if (!(error instanceof RowFailure)) throw error;
      if (!rejected.has(i)) expect([text, found[i]]).toEqual([text, "a reject"]);
      return;
    }
    if (rejected.has(i) || !Object.is(found[i], wanted))
      expect([text, rejected.has(i) ? "a reject" : found[i]]).toEqual([text, wanted]);
  });
}

const valueTypes =
  "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 date timestamp decimal(5,2) decimal(18,0) decimal(18,18) decimal(38,4)";

test.each(valueTypes.split(" "))("%s is read as its definition reads it", { timeout: 360_000 }, (name) => {
  const type = parseType(name);
  const random = randomFrom(fuzzSeed, name.length * 31 + name.charCodeAt(3));
  const texts = Array.from({ length: 25_000 * scale }, () => {
    const text = random.pick(valueTexts)(random);
    return random.chance(0.2) ? random.pick([` ${text}`, `${text} `, text.slice(0, -1) || "x", `${text}0`]) : text;
  });
  const lines = texts.map((text) => (random.chance(0.2) ? `"${text}"` : text));
  const found: unknown[] = Array.from({ length: texts.length });
  const rejected = readColumn(writeText(folder.path, `${lines.join("\r\n")}\r\n`, "values.csv"), type, (column, row, record) => {
    found[record] = valueAt(column, row);
  });
  expectAsDefined(texts, type, found, rejected);
});

/** Numbers as a file mostly has them: below one another, of one shape; now and then one is not. */
function numbersOfOneShape(random: Random, count: number): string[] {
  const behind = random.below(8);
  const most = 1 + random.below(9);
  const signs = random.below(3) / 2;
  return Array.from({ length: count }, () => {
    const sign = random.chance(signs) ? "-" : "";
    const text = `${sign}${digits(random, 1 + random.below(most))}${behind === 0 ? "" : `.${digits(random, behind)}`}`;
    if (random.chance(0.92)) return text;
    const place = random.below(text.length);
    const put = random.pick(["", "-", ".", "+", "e", "/", ":", " ", "0", "\u0010", "\u00fd"]);
    return text.slice(0, place) + put + text.slice(place + random.below(2)) || "-";
  });
}

test.each(["int16", "int32", "uint32", "int64", "uint64", "float32", "float64"])(
  "%s of one shape are read as the definition reads them",
  { timeout: 360_000 },
  (name) => {
    const type = parseType(name);
    const random = randomFrom(fuzzSeed, name.length * 37 + name.charCodeAt(0));
    const texts = Array.from({ length: 400 * scale }, () => numbersOfOneShape(random, 1 + random.below(60))).flat();
    const found: unknown[] = Array.from({ length: texts.length });
    const path = writeText(folder.path, `${texts.join("\n")}\n`, "shapes.csv");
    const rejected = readColumn(path, type, (column, row, record) => {
      found[record] = valueAt(column, row);
    });
    expectAsDefined(texts, type, found, rejected);
  },
);

test("clean files of many dialects are those of plain DuckDB", { timeout: 360_000 }, async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const random = randomFrom(fuzzSeed, 11);
  for (let file = 0; file < 16; file++) {
    const quote = random.pick(['"', "'", "`"]);
    const options: Partial<CsvOptions> = { delimiter: random.pick([",", ";", "\t", "|"]), quote, header: random.chance(0.5) };
    const lineEnd = random.pick(["\n", "\r\n"]);
    const columns = 2 + random.below(5);
    const cell = (): string => {
      const parts = ["a", "bc", "é", "漢", " ", "1", ",", ";", "\t", "|", '"', "'", "`", "\n", "\r\n", "x".repeat(40)] as const;
      const text = Array.from({ length: random.below(4) }, () => random.pick(parts)).join("");
      const plain = !/[,;\t|"'`\r\n]/.test(text) && text !== "" && random.chance(0.8);
      return plain ? text : `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
    };
    const names = Array.from({ length: columns }, (_, i) => `c${i}`);
    const rows = Array.from(
      { length: 2_000 * scale },
      () => Array.from({ length: columns }, cell).join(options.delimiter) + lineEnd,
    );
    const text = (options.header ? names.join(options.delimiter) + lineEnd : "") + rows.join("");
    const path = writeText(folder.path, text, "duck.csv");
    const schema: Schema = names.map((name) => ({ name, type: { kind: "utf8" }, nullable: true }));
    const parts = planCsv(resolveOne(path, options, schema), random.pick([1 << 30, 20_000, 3_000]));
    const got = await readAll(resolveOne(path, options, schema), { parts, blockBytes: random.pick([64, 300, 1 << 20]) });
    const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;
    const duck = await connection.runAndReadAll(
      `select * from read_csv(${literal(path)}, auto_detect=false, parallel=false, delim=${literal(options.delimiter ?? "")}, quote=${literal(quote)},
        escape=${literal(quote)}, header=${options.header}, new_line='${lineEnd === "\n" ? "\\n" : "\\r\\n"}', nullstr=${literal("\u0001")},
        columns={${names.map((name) => `'${name}':'varchar'`).join(",")}})`,
    );
    expect(got.rejects).toEqual([]);
    expect(got.rows).toEqual(duck.getRows());
  }
  connection.closeSync();
  instance.closeSync();
});
