import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from "parquet-wasm";
import { afterAll, describe, expect, it } from "vitest";
import type { Batch, Column } from "../../../src/batch/column.js";
import { sliceBatch } from "../../../src/batch/gather.js";
import { encodeIpcStream } from "../../../src/batch/ipc.js";
import { itemsOf, listColumn } from "../../../src/batch/lists.js";
import { fieldsOf, structColumn } from "../../../src/batch/structs.js";
import { ParquetFileWriter, type ParquetOptions, parquetDefaults } from "../../../src/io/parquet/parquetWrite.js";
import { OutputFile } from "../../../src/io/sink/sinkOutput.js";
import { type DataType, type Field, type Schema, types, type Value } from "../../../src/schema/types.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { columnOf } from "../../support/columns.js";
import { duckRows, hyparquetRows, wasmRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-structs-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

/** The same column with its fields as columns. */
function opened(column: Column): Column {
  if (column.type.kind === "list") {
    const own = itemsOf(column);
    return listColumn(column.type, { ...own, items: opened(own.items) }, column.valid, column.length);
  }
  if (column.type.kind !== "struct") return column;
  return structColumn(column.type, fieldsOf(column).map(opened), column.valid, column.length);
}

function batchOf(schema: Schema, rows: readonly (readonly Value[])[]): Batch {
  const columns = schema.map((field, c) =>
    columnOf(
      field.type,
      rows.map((row) => row[c] as Value),
    ),
  );
  return { schema, length: rows.length, columns, selection: null, origin: null };
}

const withColumns = (batch: Batch): Batch => ({ ...batch, columns: batch.columns.map(opened) });

function write(schema: Schema, batches: readonly Batch[], options: Partial<ParquetOptions> = {}): string {
  const file = join(folder, `${files++}.parquet`);
  const writer = new ParquetFileWriter(new OutputFile(file, { fsync: false }), schema, { ...parquetDefaults, ...options });
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return file;
}

const nullable = (name: string, type: DataType): Field => ({ name, type, nullable: true });
const required = (name: string, type: DataType): Field => ({ name, type, nullable: false });

const leaves: readonly { readonly type: DataType; readonly value: fc.Arbitrary<Value> }[] = [
  { type: types.int32, value: fc.integer() },
  { type: types.int64, value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: types.utf8, value: fc.oneof(fc.constantFrom("", "a", "bb", "é😀"), fc.string({ maxLength: 20 })) },
  { type: types.bool, value: fc.boolean() },
  { type: types.float64, value: fc.integer({ min: -1000, max: 1000 }).map((n) => n / 8) },
  { type: types.uint16, value: fc.integer({ min: 0, max: 65535 }) },
];

interface Shape {
  readonly type: DataType;
  readonly value: fc.Arbitrary<Value>;
}

/** Types of up to four levels of structs and lists, each with values of its own. */
const shape: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape; struct: Shape; list: Shape }>((tie) => ({
  shape: fc.oneof({ maxDepth: 4, depthSize: "large" }, fc.constantFrom(...leaves), tie("struct"), tie("list")),
  list: tie("shape").map(({ type, value }): Shape => {
    return { type: types.list(type), value: fc.array(fc.option(value, { nil: null, freq: 3 }), { maxLength: 4 }) };
  }),
  struct: fc.array(fc.tuple(fc.boolean(), tie("shape")), { minLength: 1, maxLength: 3 }).map((fields): Shape => {
    const named = fields.map(([isNullable, of], i) => ({ name: i === 1 ? `f.${i}` : `f${i}`, isNullable, of }));
    const type = types.struct(named.map(({ name, isNullable, of }) => ({ name, type: of.type, nullable: isNullable })));
    const values = named.map(({ name, isNullable, of }) => [name, orNull(isNullable, of.value)] as const);
    return { type, value: fc.record(Object.fromEntries(values)) as fc.Arbitrary<Value> };
  }),
})).shape;

const orNull = (isNullable: boolean, value: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  isNullable ? fc.option(value, { nil: null, freq: 3 }) : value;

const tables = fc.array(fc.tuple(fc.boolean(), shape), { minLength: 1, maxLength: 4 }).chain((columns) => {
  const schema: Schema = columns.map(([isNullable, { type }], i) => ({ name: `c${i}`, type, nullable: isNullable }));
  const row = fc.tuple(...columns.map(([isNullable, { value }]) => orNull(isNullable, value)));
  return fc.tuple(fc.constant(schema), fc.array(row as unknown as fc.Arbitrary<Value[]>, { minLength: 1, maxLength: 60 }));
});

/** Rows as they are decoded here, without parquet-wasm. */
function ownRows(schema: Schema, file: string): Value[][] {
  const groups = decoded(file);
  const columns = schema.map((_, i) => valuesOf(groups, i) as Value[]);
  return (columns[0] ?? []).map((_, row) => columns.map((column) => column[row] as Value));
}

/** Values as DuckDB's JSON form has them: 64-bit integers as texts. */
function asJson(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(asJson);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
}

const named = (schema: Schema, rows: readonly (readonly Value[])[]) =>
  rows.map((row) => Object.fromEntries(schema.map(({ name }, i) => [name, asJson(row[i])])));

describe("structs", () => {
  it("read back as they are in DuckDB, parquet-wasm and hyparquet, whatever they hold", async () => {
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.array(fc.nat({ max: 1 << 20 }), { maxLength: 300 }),
        fc.constantFrom<Partial<ParquetOptions>>(
          {},
          { compression: "uncompressed", dictionary: false },
          { rowGroupRows: 50 },
          { rowGroupBytes: 700 },
        ),
        async ([schema, rows], picks, options) => {
          const whole = withColumns(batchOf(schema, rows));
          const selection = Int32Array.from(new Set(picks.map((pick) => pick % rows.length))).sort();
          const file = write(schema, [whole, { ...whole, selection }], options);
          const all = [...rows, ...Array.from(selection, (row) => rows[row] as Value[])];
          const expected = named(schema, all);
          expect(await duckRows(`SELECT * FROM read_parquet('${file}')`)).toEqual(expected);
          expect(named(schema, await wasmRows(file))).toEqual(expected);
          expect((await hyparquetRows(file)).map(asJson)).toEqual(expected);
          expect(named(schema, ownRows(schema, file))).toEqual(expected);
          const bytes = readFileSync(file);
          const objects = batchOf(schema, rows);
          expect(readFileSync(write(schema, [objects, { ...objects, selection }], options)).equals(bytes)).toBe(true);
          const cut = picks.length % rows.length;
          const parts = [sliceBatch(whole, 0, cut), sliceBatch(objects, cut, rows.length), { ...whole, selection }];
          expect(readFileSync(write(schema, parts, options)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  const user = types.struct([
    nullable("id", types.int32),
    required("kind", types.utf8),
    nullable("home.place", types.struct([nullable("city", types.utf8), nullable("zip", types.decimal(20, 2))])),
    nullable("seen", types.timestamp),
  ]);
  const schema: Schema = [required("n", types.int32), nullable("user", user)];
  const userOf = (i: number): Value =>
    i % 5 === 0
      ? null
      : {
          id: i % 3 === 0 ? null : i % 100,
          kind: `kind ${i % 4}`,
          "home.place": i % 7 === 0 ? null : { city: i % 2 === 0 ? null : `city ${i}`, zip: BigInt(i) * 10n ** 15n },
          seen: i % 11 === 0 ? null : BigInt(i) * 1_000_000n,
        };
  const rows = Array.from({ length: 30_000 }, (_, i): Value[] => [i, userOf(i)]);

  it("have dictionaries, pages, bounds and null counts as flat columns have them", async () => {
    const file = write(schema, [withColumns(batchOf(schema, rows))], { rowGroupRows: 20_000 });
    expect(await wasmRows(file)).toEqual(rows);
    const meta = await duckRows(
      `SELECT path_in_schema AS c, num_values::INT AS n, stats_min_value AS min, stats_max_value AS max,
        stats_null_count::INT AS nulls, encodings LIKE '%DICTIONARY%' AS coded FROM parquet_metadata('${file}') WHERE row_group_id = 0`,
    );
    const first = rows.slice(0, 20_000).map((row) => row[1] as { readonly [name: string]: Value } | null);
    const nulls = (of: (one: { readonly [name: string]: Value }) => Value) =>
      first.filter((one) => one === null || of(one) === null).length;
    expect(meta).toEqual([
      { c: "n", n: 20_000, min: "0", max: "19999", nulls: 0, coded: false },
      { c: "user, id", n: 20_000, min: "1", max: "99", nulls: nulls((one) => one.id as Value), coded: true },
      { c: "user, kind", n: 20_000, min: "kind 0", max: "kind 3", nulls: nulls((one) => one.kind as Value), coded: true },
      {
        c: "user, home.place, city",
        n: 20_000,
        min: "city 1",
        max: "city 9999",
        nulls: nulls((one) => (one["home.place"] as { readonly city: Value } | null)?.city ?? null),
        coded: false,
      },
      {
        c: "user, home.place, zip",
        n: 20_000,
        min: "10000000000000.00",
        max: "199980000000000000.00",
        nulls: nulls((one) => one["home.place"] as Value),
        coded: false,
      },
      {
        c: "user, seen",
        n: 20_000,
        min: "1970-01-01 00:00:01",
        max: "1970-01-01 05:33:19",
        nulls: nulls((one) => one.seen as Value),
        coded: false,
      },
    ]);
    const kept = `SELECT count(*)::INT AS n FROM read_parquet('${file}') WHERE "user"."home.place".city = 'city 12347'`;
    expect(await duckRows(kept)).toEqual([{ n: 1 }]);
  });

  it("keep their types and which of them may be null", async () => {
    const file = write(schema, [batchOf(schema, rows.slice(0, 10))]);
    const [described] = await duckRows(`SELECT column_type AS t FROM (DESCRIBE SELECT "user" FROM read_parquet('${file}'))`);
    expect(described).toEqual({
      t: 'STRUCT(id INTEGER, kind VARCHAR, "home.place" STRUCT(city VARCHAR, zip DECIMAL(20,2)), seen TIMESTAMP)',
    });
    const repeats = await duckRows(`SELECT name, repetition_type AS r FROM parquet_schema('${file}')`);
    expect(repeats.map(({ name, r }) => `${String(name)} ${String(r)}`).slice(1)).toEqual([
      "n REQUIRED",
      "user OPTIONAL",
      "id OPTIONAL",
      "kind REQUIRED",
      "home.place OPTIONAL",
      "city OPTIONAL",
      "zip OPTIONAL",
      "seen OPTIONAL",
    ]);
  });

  it("write a valid file without rows, and one of nothing but nulls", async () => {
    expect(await wasmRows(write(schema, []))).toEqual([]);
    const none: Value[][] = Array.from({ length: 100 }, (_, i) => [i, null]);
    const file = write(schema, [batchOf(schema, none)]);
    expect(await wasmRows(file)).toEqual(none);
    expect(await duckRows(`SELECT count(*)::INT AS n FROM read_parquet('${file}') WHERE "user" IS NULL`)).toEqual([{ n: 100 }]);
  });

  it("may have their texts anywhere among other bytes", async () => {
    const type = types.struct([required("must", types.utf8), nullable("may", types.utf8)]);
    const one: Schema = [nullable("s", type)];
    const all = Array.from({ length: 3000 }, (_, i): Value[] => [
      i % 5 === 0 ? null : { must: `text ${i}`, may: i % 3 === 0 ? null : `other ${i}` },
    ]);
    const [column] = batchOf(one, all).columns;
    const apart = fieldsOf(column as Column).map((field): Column => {
      if (field.layout !== "bytes") throw new Error("not a text");
      const gap = 700;
      const bytes = new Uint8Array(field.length * gap);
      const starts = Int32Array.from({ length: field.length }, (_, i) => i * gap);
      const ends = starts.map((start, i) => {
        bytes.set(field.bytes.subarray(field.starts[i], field.ends[i]), start);
        return start + (field.ends[i] as number) - (field.starts[i] as number);
      });
      return { ...field, bytes, starts, ends };
    });
    const spread = structColumn(type, apart, column?.valid ?? null, all.length);
    const file = write(one, [{ schema: one, length: all.length, columns: [spread], selection: null, origin: null }]);
    expect(await wasmRows(file)).toEqual(all);
    expect(readFileSync(file).equals(readFileSync(write(one, [batchOf(one, all)])))).toBe(true);
  });

  it("refuse a null where a field is declared without, but not where its struct is null", async () => {
    const type = types.struct([required("a", types.int32), nullable("b", types.int32)]);
    const inner = types.struct([required("in", type), nullable("c", types.int32)]);
    const one: Schema = [nullable("s", type)];
    const two: Schema = [nullable("s", inner)];
    const good: Value[][] = [[{ a: 1, b: 2 }], [null]];
    expect(await wasmRows(write(one, [batchOf(one, good)]))).toEqual(good);
    expect(() => write(one, [batchOf(one, [[{ a: 1, b: 2 }], [{ a: null, b: 2 }]])])).toThrow(/"a" is declared without nulls/);
    expect(() => write(two, [batchOf(two, [[{ in: null, c: 1 }]])])).toThrow(/"in" is declared without nulls/);
    const outer: Schema = [required("s", type)];
    expect(() => write(outer, [batchOf(outer, good)])).toThrow(/"s" is declared without nulls/);
  });

  it("of many levels are told apart at each of them", async () => {
    const depth = 20;
    let type: DataType = types.int32;
    for (let i = 0; i < depth; i++) type = types.struct([nullable("x", type)]);
    const deep: Schema = [nullable("x", type)];
    const valueAt = (levels: number): Value => {
      let value: Value = levels > depth ? 7 : null;
      for (let i = Math.min(levels, depth); i > 0; i--) value = { x: value };
      return value;
    };
    const values = Array.from({ length: 3 * (depth + 2) }, (_, i): Value[] => [valueAt(i % (depth + 2))]);
    const file = write(deep, [batchOf(deep, values)]);
    expect(await wasmRows(file)).toEqual(values);
    expect(await duckRows(`SELECT * FROM read_parquet('${file}')`)).toEqual(values.map(([x]) => ({ x })));
  });

  it("without fields are refused by name", () => {
    const bare = [nullable("s", types.list(types.struct([nullable("in", types.struct([]))])))];
    expect(() => write(bare, [])).toThrow(/column "s" is, or holds, a struct without fields/);
  });
});

describe("lists", () => {
  const type = types.list(types.struct([nullable("n", types.int64), nullable("t", types.utf8)]));
  const schema: Schema = [nullable("l", type), nullable("id", types.int32)];
  const item = (i: number) =>
    i % 7 === 0 ? null : { n: i % 5 === 0 ? null : BigInt(i), t: i % 3 === 0 ? null : `t${i % 1000}` };
  const listOf = (row: number, length: number): Value => Array.from({ length }, (_, k) => item(row * 31 + k));

  const readBack = async (file: string, rows: readonly Value[][]) => {
    expect(await wasmRows(file)).toEqual(rows);
    expect(await duckRows(`SELECT * FROM read_parquet('${file}')`)).toEqual(named(schema, rows));
  };

  it("long and short, over pages, slices and row groups, are those that were written", async () => {
    const rows = Array.from({ length: 3000 }, (_, i): Value[] => [
      i % 11 === 0 ? null : listOf(i, i === 1500 ? 150_000 : i % 90),
      i,
    ]);
    const whole = batchOf(schema, rows);
    await readBack(write(schema, [withColumns(whole)]), rows);
    const small = { rowGroupBytes: 100_000, dictionary: false };
    const file = write(schema, [whole], small);
    await readBack(file, rows);
    const cut = [
      sliceBatch(whole, 0, 700),
      sliceBatch(withColumns(whole), 700, 1501),
      sliceBatch(withColumns(whole), 1501, 3000),
    ];
    expect(readFileSync(write(schema, cut, small)).equals(readFileSync(file))).toBe(true);
  });

  it("of few rows among many, and with few texts among many, are copied alone", async () => {
    const rows = Array.from({ length: 4000 }, (_, i): Value[] => [listOf(i, 60), i]);
    const whole = withColumns(batchOf(schema, rows));
    for (const every of [2, 900]) {
      const selection = Int32Array.from(rows.keys()).filter((row) => row % every === 0 || row === 1);
      const kept = Array.from(selection, (row) => rows[row] as Value[]);
      await readBack(write(schema, [{ ...whole, selection }]), kept);
    }
    // All rows, whose lists reach over items of which they take two of sixty.
    const own = itemsOf(whole.columns[0] as Column);
    const few = listColumn(type, { ...own, ends: own.starts.map((start) => start + 2) }, null, whole.length);
    const kept = rows.map(([list, id]) => [(list as Value[]).slice(0, 2), id as Value]);
    await readBack(write(schema, [{ ...whole, columns: [few, whole.columns[1] as Column] }]), kept);
  });
});

describe("structs of other writers", () => {
  const inner = "CASE WHEN i % 3 > 0 THEN {'t': CASE WHEN i % 5 > 0 THEN 'text ' || (i % 40) END, 'n': i * 7919} END";
  const select = `i AS id, CASE WHEN i % 7 > 0 THEN {'a': NULLIF(i % 11, 0)::INT, 'in.ner': ${inner}, 'd': DATE '2020-01-01' + i::INT,
    'm': (i * 1.25)::DECIMAL(20, 2), 'f': i / 3, 'b': i % 2 = 0} END AS s, {'full': {'k': 'x' || i}} AS whole`;

  for (const options of [
    "PARQUET_VERSION V1",
    "PARQUET_VERSION V2",
    "COMPRESSION gzip",
    "PARQUET_VERSION V2, COMPRESSION uncompressed",
  ])
    it(`of DuckDB, ${options}, are what DuckDB and parquet-wasm read`, async () => {
      const file = join(folder, `${files++}.parquet`);
      await duckRows(
        `COPY (SELECT ${select} FROM range(9000) r(i)) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 4000, ${options})`,
      );
      const groups = decoded(file);
      expect(groups.length).toBeGreaterThan(1);
      const other = await wasmRows(file);
      for (const i of [0, 1, 2]) expect(valuesOf(groups, i)).toEqual(other.map((row) => row[i]));
      const texts = await duckRows(`SELECT s."in.ner".t AS t, s.b AS b, whole."full".k AS k FROM read_parquet('${file}')`);
      type Shown = { readonly "in.ner": { readonly t: Value } | null; readonly b: Value } | null;
      const found = (valuesOf(groups, 1) as Shown[]).map((s) => ({ t: s?.["in.ner"]?.t ?? null, b: s?.b ?? null }));
      expect(found).toEqual(texts.map(({ t, b }) => ({ t, b })));
    });

  it("of parquet-wasm, with fields that may not be null, are what was given to it", () => {
    fc.assert(
      fc.property(tables, fc.constantFrom(WriterVersion.V1, WriterVersion.V2), fc.boolean(), ([schema, rows], version, coded) => {
        const properties = new WriterPropertiesBuilder()
          .setWriterVersion(version)
          .setDictionaryEnabled(coded)
          .setWriteBatchSize(16);
        const bytes = writeParquet(
          Table.fromIPCStream(encodeIpcStream(schema, [batchOf(schema, rows)])),
          properties.setDataPageSizeLimit(64).build(),
        );
        const file = join(folder, "wasm.parquet");
        writeFileSync(file, bytes);
        expect(named(schema, ownRows(schema, file))).toEqual(named(schema, rows));
      }),
      { numRuns: 100 },
    );
  });

  it("with fields that are not told apart by their names are left to the other decoder", () => {
    for (const names of [
      ["a", "a"],
      ["__proto__", "b"],
    ]) {
      const [one = "", two = ""] = names;
      const odd: Schema = [nullable("s", types.struct([nullable(one, types.int32), nullable(two, types.int32)]))];
      expect(decoded(write(odd, [batchOf(odd, [[null]])]))).toEqual([[null]]);
    }
  });

  it("whose leaves do not agree on where it is null are left to the other decoder", () => {
    const two: Schema = [nullable("s", types.struct([nullable("a", types.int32), nullable("b", types.int32)]))];
    const options = { compression: "uncompressed", dictionary: false, pageChecksum: false } as const;
    const file = write(two, [batchOf(two, [[{ a: null, b: null }], [null], [{ a: 1, b: 2 }]])], options);
    const bytes = readFileSync(file);
    const levels = Buffer.from([3, 0, 0, 0, 3, 0b10_00_01, 0]);
    const [first, second] = [bytes.indexOf(levels), bytes.lastIndexOf(levels)];
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(first);
    expect(decoded(file)[0]?.[0]).not.toBeNull();
    bytes[second + 5] = 0b10_01_01;
    writeFileSync(file, bytes);
    expect(decoded(file)).toEqual([[null]]);
  });
});
