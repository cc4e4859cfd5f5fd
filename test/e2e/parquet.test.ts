import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { count, Engine, MillraceError, max, type Plan, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";
import { duckJson as duck } from "../support/duckJson.js";

let folder = "";
let engine: Engine;
let made = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-parquet-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state"), partitionBytes: 20_000 });
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const target = (): string => join(folder, `out-${made++}`);
const identity = udf((id: number) => id, { returns: "int64" });
const numberOf = (c: unknown) => (c as { id: never }).id;

/** The file through the engine's two ways: DuckDB alone, and workers because of a function. */
const ways = [
  ["DuckDB", (path: string, out: string): Plan => read.parquet(path).write.parquet(out)],
  [
    "workers",
    (path: string, out: string): Plan =>
      read
        .parquet(path)
        .withColumns((c) => ({ again: identity(numberOf(c)) }))
        .write.parquet(out),
  ],
] as const;

const everyType = `i::BIGINT AS id,
  CASE WHEN i % 7 = 3 THEN NULL ELSE i % 2 = 0 END AS bool,
  CASE WHEN i % 5 = 0 THEN NULL ELSE (i % 100)::TINYINT END AS i8, (i * 3)::SMALLINT AS i16, (i * -70000)::INTEGER AS i32,
  (i % 200)::UTINYINT AS u8, (i * 7)::USMALLINT AS u16, (i * 400000)::UINTEGER AS u32, (18446744073709551615 - i)::UBIGINT AS u64,
  (i / 3)::FLOAT AS f32, CASE WHEN i % 11 = 0 THEN 'NaN'::DOUBLE WHEN i % 13 = 0 THEN NULL ELSE i / 7 END AS f64,
  (i / 10)::DECIMAL(5,1) AS d4, (i * 1.01)::DECIMAL(18,3) AS d18, (i * 1000000007)::DECIMAL(38,6) AS d38,
  CASE WHEN i % 9 = 0 THEN NULL WHEN i % 9 = 1 THEN '' ELSE 'straße ' || i END AS text, 'few ' || (i % 4) AS few,
  CASE WHEN i % 6 = 0 THEN NULL ELSE encode('b' || i) END AS bytes,
  DATE '1999-12-25' + (i % 400)::INTEGER AS day, TIMESTAMP '1969-12-31 23:59:59.999999' + to_microseconds(i * 1000003) AS moment,
  CASE WHEN i % 8 = 0 THEN NULL ELSE range(i % 4)::INTEGER[] END AS list,
  CASE WHEN i % 10 = 0 THEN NULL ELSE {'a': i::INTEGER, 'b': CASE WHEN i % 3 = 0 THEN NULL ELSE 'x' || i END} END AS struct,
  [{'n': i::BIGINT, 'tags': [CASE WHEN i % 2 = 0 THEN NULL ELSE 't' || i END]}] AS structs, NULL::INTEGER AS nothing`;

describe.each(ways)("Parquet that DuckDB writes, read by %s, is what plain DuckDB reads", (way, plan) => {
  const options = [
    ...["uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"].map((codec) => `COMPRESSION ${codec}`),
    ...["snappy", "zstd", "uncompressed"].map((codec) => `PARQUET_VERSION V2, COMPRESSION ${codec}`),
    "PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1",
    "ROW_GROUP_SIZE 100, DICTIONARY_SIZE_LIMIT 3",
  ];

  it.each(options)("%s", async (option) => {
    const path = join(folder, `every-${made++}.parquet`);
    const out = target();
    // Row groups of a few sizes, and pages with nulls alone.
    await duck(`COPY (SELECT ${everyType} FROM range(2500) t(i)) TO '${path}' (FORMAT parquet, ${option})`);
    await engine.run(plan(path, out)).result;
    const shown = way === "workers" ? "* EXCLUDE again" : "*";
    const found = await duck(`SELECT ${shown} FROM read_parquet('${out}/**/*.parquet') ORDER BY id`);
    expect(found).toEqual(await duck(`SELECT * FROM read_parquet('${path}') ORDER BY id`));
  });

  it("files of other column orders, without rows, and with row groups that a filter empties", async () => {
    const files = join(folder, `files-${made++}`);
    mkdirSync(files, { recursive: true });
    await duck(
      `COPY (SELECT i::BIGINT AS id, 'a' || i AS text FROM range(500) t(i)) TO '${files}/a.parquet' (FORMAT parquet, ROW_GROUP_SIZE 100)`,
    );
    await duck(
      `COPY (SELECT 'b' || i AS text, i::BIGINT AS id FROM range(500, 900) t(i)) TO '${files}/b.parquet' (FORMAT parquet)`,
    );
    await duck(`COPY (SELECT 'x' AS text, 1::BIGINT AS id WHERE FALSE) TO '${files}/c.parquet' (FORMAT parquet)`);
    const out = target();
    await engine.run(plan(files, out)).result;
    const found = await duck(`SELECT id, text FROM read_parquet('${out}/**/*.parquet') ORDER BY id`);
    expect(found).toEqual(
      await duck(`SELECT id, text FROM read_parquet('${files}/*.parquet', union_by_name = true) ORDER BY id`),
    );
    expect(found).toHaveLength(900);
  });
});

describe("64-bit integers of Parquet that a function uses as Number(value) alone", () => {
  const half = udf((n: bigint | null) => (n === null ? null : Number(n) / 2), { returns: "float64" });
  const schema = { id: "int64", a: "float64", b: "float64" } as const;
  const input = { schema: { id: "int64", s: "int64", u: "uint64" } } as const;
  const functions: readonly (readonly [string, (path: string, out: string) => Plan])[] = [
    [
      "an expression",
      (path, out) =>
        read
          .parquet(path, input)
          .select((c) => ({ id: c.id, a: half(c.s), b: half(c.u) }))
          .write.parquet(out),
    ],
    [
      "a map",
      (path, out) =>
        read
          .parquet(path, input)
          .map((row) => ({ id: row.id, a: Number(row.s) / 2, b: row.u === null ? null : Number(row.u) / 2 }), { schema })
          .write.parquet(out),
    ],
    [
      "a map with a pattern",
      (path, out) =>
        read
          .parquet(path, input)
          .map(({ id, s, u }) => ({ id, a: Number(s) / 2, b: u === null ? null : Number(u) / 2 }), { schema })
          .write.parquet(out),
    ],
  ];

  it.each(functions)("are the nearest doubles in %s", async (_, plan) => {
    const path = join(folder, `integers-${made++}.parquet`);
    const signed =
      "CASE i % 3 WHEN 0 THEN i WHEN 1 THEN -9007199254740993 - i * 1025 ELSE hash(i)::HUGEINT - 2::HUGEINT ** 63 END";
    const unsigned = "CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 18446744073709551615 - i * 1024 ELSE hash(i) END";
    await duck(
      `COPY (SELECT i AS id, (${signed})::BIGINT AS s, (${unsigned})::UBIGINT AS u FROM range(3000) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 1000)`,
    );
    const out = target();
    await engine.run(plan(path, out)).result;
    const wrong = "a IS DISTINCT FROM s::DOUBLE / 2 OR b IS DISTINCT FROM u::DOUBLE / 2";
    const [[count, differ] = []] = await duck(
      `SELECT count(*), count(*) FILTER (${wrong}) FROM read_parquet('${out}/**/*.parquet') JOIN read_parquet('${path}') USING (id)`,
    );
    expect([Number(count), Number(differ)]).toEqual([3000, 0]);
  });
});

describe("a damaged Parquet file", () => {
  const select = "i::BIGINT AS id, 'text ' || (i % 50) AS few, 'longer text ' || hash(i) AS text, i / 3 AS x, [i, i + 1] AS list";
  const native = (path: string) =>
    read
      .parquet(path)
      .groupBy()
      .agg((c) => ({ n: count(), sum: sum(numberOf(c)), most: max((c as { text: never }).text), x: max((c as { x: never }).x) }));
  const worker = (path: string) =>
    read
      .parquet(path)
      .withColumns((c) => ({ again: identity(numberOf(c)) }))
      .groupBy()
      .agg((c) => ({ n: count(), sum: sum(c.again) }));

  /** Nothing, or an error of the data that names the file. */
  async function outcome(path: string, make: typeof native): Promise<MillraceError | null> {
    try {
      await engine.collect(make(path));
      return null;
    } catch (error) {
      expect(error).toBeInstanceOf(MillraceError);
      const ours = error as MillraceError;
      expect(ours.category, ours.message).toBe("Data");
      expect(ours.place.file, ours.message).toBe(path);
      return ours;
    }
  }

  async function whole(name: string, options: string): Promise<{ readonly bytes: Buffer; readonly path: string }> {
    const path = join(folder, `${name}.parquet`);
    await duck(`COPY (SELECT ${select} FROM range(6000) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048, ${options})`);
    return { bytes: readFileSync(path), path: join(folder, `${name}-broken.parquet`) };
  }

  it.each(["snappy", "zstd"])("%s: every page, flipped or zeroed, gives an error of its place or is read", async (codec) => {
    const { bytes, path } = await whole(`flip-${codec}`, `COMPRESSION ${codec}`);
    const source = path.replace("-broken", "");
    const pages = await duck(
      `SELECT row_group_id, path_in_schema, coalesce(dictionary_page_offset, data_page_offset)::BIGINT, total_compressed_size::BIGINT FROM parquet_metadata('${source}')`,
    );
    let refused = 0;
    for (const [i, [group, column, offset, size]] of pages.entries()) {
      const copy = Buffer.from(bytes);
      const [from, length] = [Number(offset), Number(size)];
      if (i % 2 === 0) copy.fill(0, from + 2, from + Math.min(length, 60));
      else copy[from + 1] = (copy[from + 1] as number) ^ 0x55;
      writeFileSync(path, copy);
      for (const make of [native, worker]) {
        const error = await outcome(path, make);
        if (error === null) continue;
        refused++;
        expect(error.code).toBe("PARQUET_CORRUPT");
        expect(error.place).toMatchObject({ rowGroup: Number(group), column: String(column).split(",")[0] });
      }
    }
    expect(refused).toBeGreaterThan(pages.length / 2);
  });

  it("cut at each fiftieth, or with a damaged footer, is refused", async () => {
    const { bytes, path } = await whole("cut", "COMPRESSION snappy");
    for (let part = 0; part < 50; part += 3) {
      writeFileSync(path, bytes.subarray(0, Math.floor((bytes.length * part) / 50)));
      const codes = [await outcome(path, native), await outcome(path, worker)].map((error) => error?.code);
      expect(codes[0], `${part}/50`).toMatch(/^PARQUET_(TRUNCATED|NOT_PARQUET|CORRUPT)$/);
      expect(codes[1]).toBe(codes[0]);
    }
    const footer = bytes.readUInt32LE(bytes.length - 8);
    for (let at = bytes.length - 8 - footer; at < bytes.length; at += Math.ceil(footer / 25)) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ 0x10;
      writeFileSync(path, copy);
      for (const make of [native, worker]) await outcome(path, make);
    }
  });

  it("that only DuckDB refuses names file and column", async () => {
    const { bytes, path } = await whole("utf8", "COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1");
    const copy = Buffer.from(bytes);
    copy[copy.indexOf("longer text") + 3] = 0xff;
    writeFileSync(path, copy);
    const error = await failureOf(() => engine.collect(native(path)));
    expect(error).toMatchObject({ category: "Data", code: "PARQUET_CORRUPT", place: { file: path, column: "text" } });
  });
});
