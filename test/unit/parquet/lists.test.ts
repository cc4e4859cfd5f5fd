import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { readParquet, Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from "parquet-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { decodeIpc, encodeIpcStream } from "../../../src/batch/ipc.js";
import { magic, readFooter } from "../../../src/io/parquet/parquetFooter.js";
import { fileColumns, footerOf, schemaOfColumns } from "../../../src/io/parquet/parquetReadSchema.js";
import { treeOf } from "../../../src/io/parquet/parquetTree.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { columnOf } from "../../support/columns.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { type Held, type NestedOptions, type Node, type Slot, writeNested } from "./nestedFile.js";
import { duckRows, hyparquetRows, wasmRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-lists-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "lists.parquet");

/** Rows as they are decoded here, without parquet-wasm. */
function ownRows(columns: number): Value[][] {
  const groups = decoded(file);
  const values = Array.from({ length: columns }, (_, i) => valuesOf(groups, i) as Value[]);
  return (values[0] ?? []).map((_, row) => values.map((column) => column[row] as Value));
}

/** Values as DuckDB's JSON form has them: 64-bit integers as texts. */
function asJson(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
}

const orNull = <T>(isNullable: boolean, value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  isNullable ? fc.option(value, { nil: null, freq: 3 }) : value;

/** The schema that parquet-wasm finds in the file, and the one that is found without it. */
function schemas(): readonly [theirs: Schema, ours: Schema] {
  const columns = fileColumns(readFooter(nodeFileSystem, file), file);
  expect(columns.map(({ elements }) => treeOf(elements))).not.toContain(null);
  const empty = Buffer.concat([magic, footerOf(columns, [])]);
  return [decodeIpc(readParquet(empty).intoIPCStream()).schema, schemaOfColumns(columns, file)];
}

/** A type with the values of it, as parquet-wasm writes it. */
interface Shape {
  readonly type: DataType;
  readonly value: fc.Arbitrary<Value>;
}

const leaves: readonly Shape[] = [
  { type: types.int32, value: fc.integer() },
  { type: types.int64, value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: types.utf8, value: fc.oneof(fc.constantFrom("", "a", "bb", "é😀"), fc.string({ maxLength: 20 })) },
  { type: types.bool, value: fc.boolean() },
  { type: types.decimal(25, 2), value: fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }) },
];

const shape = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 4, depthSize: "large" },
    fc.constantFrom(...leaves),
    tie("shape").map(
      (of): Shape => ({
        type: types.list(of.type),
        value: fc.array(orNull(true, of.value), { maxLength: 4 }) as fc.Arbitrary<Value>,
      }),
    ),
    fc.array(fc.tuple(fc.boolean(), tie("shape")), { minLength: 1, maxLength: 3 }).map((fields): Shape => {
      const type = types.struct(fields.map(([nullable, of], i) => ({ name: `f${i}`, type: of.type, nullable })));
      const values = fields.map(([nullable, of], i) => [`f${i}`, orNull(nullable, of.value)] as const);
      return { type, value: fc.record(Object.fromEntries(values)) as fc.Arbitrary<Value> };
    }),
  ),
})).shape;

const tables = fc.array(fc.tuple(fc.boolean(), shape), { minLength: 1, maxLength: 3 }).chain((columns) => {
  const schema: Schema = columns.map(([nullable, { type }], i) => ({ name: `c${i}`, type, nullable }));
  const row = fc.tuple(...columns.map(([nullable, { value }]) => orNull(nullable, value)));
  return fc.tuple(fc.constant(schema), fc.array(row as unknown as fc.Arbitrary<Value[]>, { minLength: 1, maxLength: 60 }));
});

/** A type in one of the layouts that the format knows, and what a file holds for a value of it. */
interface Layout {
  readonly node: (name: string, isOptional: boolean) => Node;
  readonly held: (value: Value, name: string) => Held;
  readonly value: fc.Arbitrary<Value>;
}

type Fields = { readonly [name: string]: Value };
const repeats = (isOptional: boolean): Node["repeats"] => (isOptional ? "optional" : "required");
const marks = fc.constantFrom<NonNullable<Node["list"]>>("both", "converted", "logical");

const leafLayouts: readonly Layout[] = (["int32", "text"] as const).map((leaf) => ({
  node: (name, isOptional) => ({ name, repeats: repeats(isOptional), leaf }),
  held: (value) => value as Held,
  value: leaf === "int32" ? fc.integer() : fc.constantFrom("", "a", "bb", "é😀"),
}));

const structLayout = (fields: readonly (readonly [isOptional: boolean, of: Layout])[]): Layout => ({
  node: (name, isOptional) => ({
    name,
    repeats: repeats(isOptional),
    children: fields.map(([inner, of], i) => of.node(`f${i}`, inner)),
  }),
  held: (value) =>
    value === null
      ? null
      : Object.fromEntries(fields.map(([, of], i) => [`f${i}`, of.held((value as Fields)[`f${i}`] as Value, `f${i}`)])),
  value: fc.record(
    Object.fromEntries(fields.map(([isOptional, of], i) => [`f${i}`, orNull(isOptional, of.value)])),
  ) as fc.Arbitrary<Value>,
});

/** `optional group list (LIST) { repeated group a { optional T b } }`, whatever its groups are called. */
const threeLevels = (of: Layout, list: Node["list"], isOptional: boolean, names: readonly [string, string]): Layout => ({
  node: (name, outer) => ({
    name,
    repeats: repeats(outer),
    ...(list === undefined ? {} : { list }),
    children: [{ name: names[0], repeats: "repeated", children: [of.node(names[1], isOptional)] }],
  }),
  held: (value) =>
    value === null ? null : { [names[0]]: (value as readonly Value[]).map((item) => ({ [names[1]]: of.held(item, names[1]) })) },
  value: fc.array(orNull(isOptional, of.value), { maxLength: 4 }) as fc.Arbitrary<Value>,
});

/** `optional group list (LIST) { repeated T element }`; `named`: what the repeated field is called in a list of that name. */
const twoLevels = (of: Layout, list: Node["list"], named: (list: string) => string): Layout => ({
  node: (name, outer) => ({
    name,
    repeats: repeats(outer),
    ...(list === undefined ? {} : { list }),
    children: [{ ...of.node(named(name), false), repeats: "repeated" }],
  }),
  held: (value, name) =>
    value === null ? null : { [named(name)]: (value as readonly Value[]).map((item) => of.held(item, named(name))) },
  value: fc.array(of.value, { maxLength: 4 }) as fc.Arbitrary<Value>,
});

const layout = fc.letrec<{ layout: Layout; field: readonly [boolean, Layout] }>((tie) => ({
  field: fc.tuple(fc.boolean(), tie("layout")),
  layout: fc.oneof(
    { maxDepth: 4, depthSize: "large" },
    fc.constantFrom(...leafLayouts),
    fc.array(tie("field"), { minLength: 1, maxLength: 3 }).map(structLayout),
    fc
      .tuple(tie("layout"), marks, fc.boolean(), fc.constantFrom(["list", "element"] as const, ["bag", "array"] as const))
      .map((parts) => threeLevels(...parts)),
    fc.tuple(fc.constantFrom(...leafLayouts), marks).map(([of, list]) => twoLevels(of, list, () => "element")),
    fc
      .tuple(fc.array(tie("field"), { minLength: 2, maxLength: 3 }), marks)
      .map(([fields, list]) => twoLevels(structLayout(fields), list, () => "element")),
    fc
      .tuple(
        tie("field"),
        marks,
        fc.constantFrom<(list: string) => string>(
          () => "array",
          (list) => `${list}_tuple`,
        ),
      )
      .map(([field, list, named]) => twoLevels(structLayout([field]), list, named)),
  ),
})).layout;

const laidOut = fc.tuple(fc.boolean(), layout).chain(([isOptional, of]) =>
  fc.tuple(
    fc.constant(of.node("c", isOptional)),
    fc.array(orNull(isOptional, of.value), { minLength: 1, maxLength: 40 }).map((values) => ({
      values,
      held: values.map((value) => [of.held(value, "c")]),
    })),
  ),
);

describe("lists", () => {
  it("of parquet-wasm are what was written, and have the types that it finds, whatever they hold", () => {
    fc.assert(
      fc.property(tables, fc.constantFrom(WriterVersion.V1, WriterVersion.V2), fc.boolean(), ([schema, rows], version, coded) => {
        const columns = schema.map((field, c) =>
          columnOf(
            field.type,
            rows.map((row) => row[c] as Value),
          ),
        );
        const batch = { schema, length: rows.length, columns, selection: null, origin: null };
        const properties = new WriterPropertiesBuilder()
          .setWriterVersion(version)
          .setDictionaryEnabled(coded)
          .setWriteBatchSize(8)
          .setMaxRowGroupSize(25);
        const table = Table.fromIPCStream(encodeIpcStream(schema, [batch]));
        writeFileSync(file, writeParquet(table, properties.setDataPageSizeLimit(64).build()));
        const [theirs, ours] = schemas();
        expect(ours).toEqual(theirs);
        expect(ours).toEqual(schema);
        expect(ownRows(schema.length)).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });

  it("in every layout of the format, old ones as well, and cut into pages anywhere are what parquet-wasm reads", async () => {
    await fc.assert(
      fc.asyncProperty(
        laidOut,
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
        fc.boolean(),
        async ([node, rows], pages, coded) => {
          writeNested(file, [node], rows.held, { pages, coded });
          const [theirs, ours] = schemas();
          expect(ours).toEqual(theirs);
          const values = rows.values.map((value) => [value]);
          expect(ownRows(1)).toEqual(values);
          expect(await wasmRows(file)).toEqual(values);
        },
      ),
      { numRuns: 300 },
    );
  });

  const inner = "CASE WHEN i % 5 > 0 THEN {'t': CASE WHEN x % 3 > 0 THEN 'text ' || ((i + x) % 40) END, 'l': range(x % 3)} END";
  const select = `i AS id, CASE WHEN i % 7 > 0 THEN list_transform(range(i % 6), lambda x: CASE WHEN x % 4 > 0 THEN (i + x)::INT END) END AS ints,
    list_transform(range(i % 4), lambda x: ${inner}) AS structs, {'l': CASE WHEN i % 3 > 0 THEN ['k' || i, NULL] END, 'n': i} AS s,
    list_transform(range(i % 3), lambda x: CASE WHEN x > 0 THEN list_transform(range(i % 5), lambda y: 'a text that is ' || (i * y)) END) AS nested,
    CASE WHEN i > 3000 AND i < 6000 THEN [i / 4] END AS few`;

  for (const options of ["", ", PARQUET_VERSION V2", ", COMPRESSION gzip", ", PARQUET_VERSION V2, COMPRESSION uncompressed"])
    it(`of DuckDB${options} are what DuckDB, parquet-wasm and hyparquet read`, async () => {
      await duckRows(
        `COPY (SELECT ${select} FROM range(9000) r(i)) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 4000${options})`,
      );
      const [theirs, ours] = schemas();
      expect(ours).toEqual(theirs);
      const own = ownRows(ours.length);
      expect(own).toEqual(await wasmRows(file));
      const named = own.map((row) => Object.fromEntries(ours.map(({ name }, i) => [name, asJson(row[i])])));
      expect(named).toEqual(await duckRows(`SELECT * FROM read_parquet('${file}')`));
      if (!options.includes("gzip")) expect(named).toEqual((await hyparquetRows(file)).map(asJson));
    });

  it("of keys and values are what a map is", async () => {
    const maps = `CASE WHEN i % 7 > 0 THEN map_from_entries(list_transform(range(i % 4), lambda x: {'k': 'key ' || x, 'v': CASE WHEN x > 1 THEN [i, x] END})) END`;
    await duckRows(`COPY (SELECT ${maps} AS m FROM range(3000) r(i)) TO '${file}' (FORMAT parquet)`);
    const [theirs, ours] = schemas();
    expect(ours).toEqual(theirs);
    const rows = await duckRows(`SELECT map_entries(m) AS m FROM read_parquet('${file}')`);
    expect(ownRows(1).map(([m]) => ({ m: asJson(m) }))).toEqual(rows);
  });

  const deep = (depth: number): Node => ({
    name: "l",
    repeats: "optional",
    list: "both",
    children: [
      {
        name: "list",
        repeats: "repeated",
        children: [depth === 1 ? { name: "e", repeats: "optional", leaf: "int32" } : { ...deep(depth - 1), name: "e" }],
      },
    ],
  });

  it("of many levels are told apart at each of them", async () => {
    const depth = 12;
    /** Lists in lists, down to one that is null, empty or holds a 7. */
    const valueAt = (levels: number): Value => (levels === 0 ? null : levels === 1 ? [] : [valueAt(levels - 1)]);
    const full = (levels: number): Value => (levels === 0 ? 7 : [full(levels - 1), null]);
    const heldOf = (value: Value): Held =>
      Array.isArray(value) ? { list: value.map((item: Value) => ({ e: heldOf(item) })) } : (value as Held);
    const values = [...Array.from({ length: depth + 1 }, (_, levels) => valueAt(levels)), full(depth)];
    const rows = [...values, ...values.toReversed()];
    writeNested(
      file,
      [deep(depth)],
      rows.map((value) => [heldOf(value)]),
    );
    expect(ownRows(1)).toEqual(rows.map((value) => [value]));
    expect(await wasmRows(file)).toEqual(rows.map((value) => [value]));
  });
});

describe("lists that are left to the other decoder", () => {
  const int = (name: string, of: Node["repeats"] = "optional"): Node => ({ name, repeats: of, leaf: "int32" });
  const listOf = (children: readonly Node[], more: Partial<Node> = {}): Node => ({
    name: "c",
    repeats: "optional",
    list: "both",
    children,
    ...more,
  });
  const repeated = (children: readonly Node[], more: Partial<Node> = {}): Node => ({
    name: "list",
    repeats: "repeated",
    children,
    ...more,
  });

  it("are those whose meaning is not plain", () => {
    const unclear: readonly Node[] = [
      int("c", "repeated"),
      { name: "c", repeats: "optional", children: [int("x", "repeated")] },
      { name: "c", repeats: "optional", children: [repeated([int("x")])] },
      listOf([repeated([int("x")])], { repeats: "repeated" }),
      listOf([repeated([int("x")]), int("y")]),
      listOf([int("x")]),
      listOf([repeated([int("x", "repeated")])]),
      listOf([repeated([int("x", "repeated")], { name: "array" })]),
      listOf([repeated([int("x", "repeated")], { list: "both" })]),
      listOf([repeated([int("x"), int("x")])]),
    ];
    for (const node of unclear) {
      writeNested(file, [node], []);
      const [column] = fileColumns(readFooter(nodeFileSystem, file), file);
      expect(treeOf(column?.elements ?? []), JSON.stringify(node)).toBeNull();
    }
  });

  const plain = listOf([repeated([int("x"), int("y")])]);
  const full = [
    [
      {
        list: [
          { x: 1, y: 2 },
          { x: 3, y: 4 },
        ],
      },
    ],
    [{ list: [{ x: 5, y: 6 }] }],
  ];
  const rows = [
    [
      {
        list: [
          { x: 1, y: 2 },
          { x: null, y: 3 },
        ],
      },
    ],
    [null],
    [{ list: [] }],
    [{ list: [{ x: 4, y: 5 }] }],
  ];
  const outcome = (options: NestedOptions, held: readonly (readonly Held[])[] = rows) => {
    writeNested(file, [plain], held, options);
    return decoded(file)[0]?.[0] ?? null;
  };
  /** Other slots at some places, of one leaf or of all. */
  const changed = (slots: { readonly [at: number]: Partial<Slot> }, leaf: number | null = null): NestedOptions => ({
    change: (all, i) => (leaf === null || i === leaf ? all.map((one, at) => ({ ...one, ...slots[at] })) : all),
  });

  it("are those whose levels contradict each other, or the number of rows", () => {
    expect(outcome({})).not.toBeNull();
    expect(outcome({}, full)).not.toBeNull();
    expect(outcome(changed({ 3: { level: 0 } }))).not.toBeNull();
    // The fields of a struct in a list differ in where a list begins, or has nothing.
    expect(outcome(changed({ 1: { repeat: 0 } }, 1))).toBeNull();
    for (const leaf of [0, 1]) {
      expect(outcome(changed({ 3: { level: 0 } }, leaf))).toBeNull();
      expect(outcome(changed({ 4: { level: 1 } }, leaf))).toBeNull();
      expect(outcome(changed({ 1: { level: 1 } }, leaf), full)).toBeNull();
    }
    // As many rows as there are, but a list goes on that is null or empty, or before one began.
    expect(outcome(changed({ 1: { repeat: 0 }, 3: { repeat: 1 } }))).toBeNull();
    expect(outcome(changed({ 1: { repeat: 0 }, 4: { repeat: 1 } }))).toBeNull();
    expect(outcome(changed({ 0: { repeat: 1 }, 1: { repeat: 0 } }))).toBeNull();
    expect(outcome(changed({ 0: { repeat: 1 }, 1: { repeat: 0 } }), full)).toBeNull();
    // More rows, or fewer.
    expect(outcome(changed({ 1: { repeat: 0 } }))).toBeNull();
    expect(outcome({ change: (slots) => slots.slice(0, -1) })).toBeNull();
    expect(outcome({ change: (slots) => slots.slice(2) })).toBeNull();
    // Levels that the schema does not have.
    expect(outcome(changed({ 1: { repeat: 2 } }))).toBeNull();
    expect(outcome(changed({ 3: { level: 4 } }))).toBeNull();
    // An encoding of repetition levels that nobody writes any more.
    expect(outcome({})).not.toBeNull();
    const bytes = readFileSync(file);
    const head = bytes.indexOf(Buffer.of(0x15, 6, 0x15, 6, 0, 0));
    bytes[head + 3] = 8;
    writeFileSync(file, bytes);
    expect(decoded(file)).toEqual([[null]]);
    // Pages with other numbers of values than the chunk.
    expect(outcome({ more: 1 })).toBeNull();
    expect(outcome({ more: -1 })).toBeNull();
    expect(outcome({ more: 2 ** 32 })).toBeNull();
  });

  it("are those of which a struct's other fields have more rows, or fewer", () => {
    const node: Node = { name: "c", repeats: "required", children: [int("n", "required"), { ...plain, name: "l" }] };
    const held = rows.map(([l], n) => [{ l: l as Held, n }]);
    writeNested(file, [node], held);
    expect(decoded(file)[0]?.[0]?.length).toBe(4);
    writeNested(file, [node], held, { change: (slots, leaf) => (leaf > 0 ? slots.slice(2) : slots) });
    expect(decoded(file)).toEqual([[null]]);
  });
});
