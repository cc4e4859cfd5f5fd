import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { createKernels } from "../../../src/kernels/wasm.js";
import { type CountedValues, entriesOf, unpacked } from "../../../src/kernels/groups/packedValues.js";
import { type TableOwner, ValueTable } from "../../../src/kernels/groups/valueTable.js";
import { rowHashes } from "../../../src/operators/valueHash.js";
import { hashOfText, mergeTallies, mostFrequent } from "../../../src/runtime/valueTally.js";
import { type DataType, types, type Value } from "../../../src/schema/types.js";

/** What the table counts against a Map over the values as they were put in. */
const kernels = createKernels("test");
// Memory that grows detaches the views of columns.
kernels.memory.free(kernels.memory.alloc(1 << 26));
const owned: number[] = [];
const alloc = (bytes: number): number => {
  const address = kernels.memory.alloc(bytes);
  owned.push(address);
  return address;
};
const clear = (): void => {
  for (const address of owned.splice(0)) kernels.memory.free(address);
};
afterAll(() => {
  clear();
  kernels.memory.release();
});

type Put = (at: number, row: number, value: Value) => void;
const view = (at: number, bytes: number): DataView => new DataView(kernels.memory.u8().buffer, at, bytes);
const put = {
  i8: (at, row, value) => view(at + row, 1).setInt8(0, Number(value)),
  i16: (at, row, value) => view(at + 2 * row, 2).setInt16(0, Number(value), true),
  i32: (at, row, value) => view(at + 4 * row, 4).setInt32(0, Number(value), true),
  i64: (at, row, value) => view(at + 8 * row, 8).setBigInt64(0, BigInt(value as bigint), true),
  f32: (at, row, value) => view(at + 4 * row, 4).setFloat32(0, Number(value), true),
  f64: (at, row, value) => view(at + 8 * row, 8).setFloat64(0, Number(value), true),
  wide: (at, row, value) => {
    view(at + 16 * row, 8).setBigInt64(0, BigInt.asIntN(64, value as bigint), true);
    view(at + 16 * row + 8, 8).setBigInt64(0, (value as bigint) >> 64n, true);
  },
} satisfies { readonly [name: string]: Put };

interface Kind {
  readonly type: DataType;
  readonly width: number;
  readonly put: Put;
  readonly view: (at: number, rows: number) => Exclude<Column, { layout: "bytes" | "object" }>["values"];
  readonly values: fc.Arbitrary<Value>;
}
const { memory } = kernels;
const few = fc.integer({ min: -3, max: 9 });
const fixed: readonly Kind[] = [
  { type: types.bool, width: 1, put: put.i8, view: (at, n) => memory.u8().subarray(at, at + n), values: fc.boolean() },
  { type: types.int8, width: 1, put: put.i8, view: (at, n) => memory.i8().subarray(at, at + n), values: few },
  { type: types.uint8, width: 1, put: put.i8, view: (at, n) => memory.u8().subarray(at, at + n), values: fc.nat(255) },
  { type: types.int16, width: 2, put: put.i16, view: (at, n) => memory.i16().subarray(at / 2, at / 2 + n), values: few },
  {
    type: types.uint16,
    width: 2,
    put: put.i16,
    view: (at, n) => memory.u16().subarray(at / 2, at / 2 + n),
    values: fc.nat(65_535),
  },
  { type: types.int32, width: 4, put: put.i32, view: (at, n) => memory.i32().subarray(at / 4, at / 4 + n), values: fc.integer() },
  {
    type: types.uint32,
    width: 4,
    put: put.i32,
    view: (at, n) => memory.u32().subarray(at / 4, at / 4 + n),
    values: fc.nat(2 ** 32 - 1),
  },
  { type: types.date, width: 4, put: put.i32, view: (at, n) => memory.i32().subarray(at / 4, at / 4 + n), values: few },
  {
    type: types.int64,
    width: 8,
    put: put.i64,
    view: (at, n) => memory.i64().subarray(at / 8, at / 8 + n),
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  },
  {
    type: types.uint64,
    width: 8,
    put: put.i64,
    view: (at, n) => memory.u64().subarray(at / 8, at / 8 + n),
    values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  },
  {
    type: types.float64,
    width: 8,
    put: put.f64,
    view: (at, n) => memory.f64().subarray(at / 8, at / 8 + n),
    values: fc.oneof(fc.constantFrom(0, -0, Number.NaN, 1.5), fc.double()),
  },
  {
    type: types.float32,
    width: 4,
    put: put.f32,
    view: (at, n) => memory.f32().subarray(at / 4, at / 4 + n),
    values: fc.oneof(fc.constantFrom(0, -0, Number.NaN, 1.5), fc.float()),
  },
  {
    type: types.decimal(30, 2),
    width: 16,
    put: put.wide,
    view: (at, n) => memory.i64().subarray(at / 8, at / 8 + 2 * n),
    values: fc.bigInt({ min: -(10n ** 29n), max: 10n ** 29n }),
  },
];

function validOf(values: readonly Value[]): Uint8Array | null {
  if (!values.includes(null)) return null;
  const at = alloc(values.length + 16);
  for (const [row, value] of values.entries()) memory.u8()[at + row] = value === null ? 0 : 1;
  return memory.u8().subarray(at, at + values.length);
}

function fixedColumn({ type, width, put, view }: Kind, values: readonly Value[]): Column {
  const at = alloc(width * values.length + 16);
  for (const [row, value] of values.entries()) put(at, row, value ?? (type.kind === "decimal" ? 7n : 1));
  const valid = validOf(values);
  const layout = width === 16 ? "wide" : "fixed";
  return { layout, type, length: values.length, values: view(at, values.length), valid } as Column;
}

function textColumn(values: readonly (string | null)[]): Column {
  const texts = values.map((value) => Buffer.from(value ?? ""));
  const bytes = alloc(texts.reduce((sum, { length }) => sum + length, 0) + 16);
  const [starts, ends] = [alloc(4 * values.length + 16), alloc(4 * values.length + 16)];
  let end = 0;
  for (const [row, text] of texts.entries()) {
    memory.i32()[starts / 4 + row] = end;
    memory.u8().set(text, bytes + end);
    end += text.length;
    memory.i32()[ends / 4 + row] = end;
  }
  const length = values.length;
  const words = (at: number) => memory.i32().subarray(at / 4, at / 4 + length);
  const valid = validOf(values);
  return {
    layout: "bytes",
    type: types.utf8,
    length,
    bytes: memory.u8().subarray(bytes, bytes + end),
    starts: words(starts),
    ends: words(ends),
    valid,
  };
}

function rowsAt(rows: readonly number[]): Uint32Array {
  const at = alloc(4 * rows.length + 16);
  memory.u32().set(rows, at / 4);
  return memory.u32().subarray(at / 4, at / 4 + rows.length);
}

/** Collects what a table gives, and what it leaves to its owner. */
class Owner implements TableOwner {
  readonly counts = new Map<string, number>();
  readonly hashes = new Map<string, number>();
  readonly open: (string | null)[] = [];
  complete = true;

  constructor(readonly types: readonly DataType[]) {}

  take({ hashes, counts, valueAt }: CountedValues, complete: boolean): void {
    for (const [i, hash] of hashes.entries()) {
      const text = told(valueAt(i));
      this.counts.set(text, (this.counts.get(text) ?? 0) + (counts[i] ?? 0));
      this.hashes.set(text, hash);
    }
    this.complete &&= complete;
  }

  takeRows(rows: Uint32Array, [column]: readonly Column[]): void {
    if (column === undefined) throw new Error("no column");
    const read = columnReader(column);
    for (const row of rows) this.open.push(read(row) as string | null);
  }
}

function drain(table: ValueTable, owner: Owner): void {
  const packed = table.take();
  if (packed !== null) owner.take(entriesOf(packed.entries, packed.types), packed.complete);
}

const one = (value: Value): string =>
  value === null
    ? "null"
    : typeof value === "bigint"
      ? `${value}n`
      : Object.is(value, -0)
        ? "-0"
        : `${typeof value} ${String(value)}`;
const told = (value: Value | readonly Value[]): string =>
  Array.isArray(value) ? value.map(one).join(" | ") : one(value as Value);

function tally(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));

describe("ValueTable", () => {
  const cases = fc.array(fc.constantFrom(...fixed), { minLength: 1, maxLength: 3 }).chain((kinds) =>
    fc.tuple(
      fc.constant(kinds),
      fc.array(fc.tuple(...kinds.map(({ values }) => fc.option(values, { nil: null, freq: 5 }))), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.func(fc.boolean()),
    ),
  );

  it("counts values of fixed width as they are, null and every NaN each as one, with the hashes of rowHashes", () => {
    fc.assert(
      fc.property(cases, ([kinds, values, chosen]) => {
        const columns = kinds.map((kind, i) =>
          fixedColumn(
            kind,
            values.map((row) => row[i] as Value),
          ),
        );
        const owner = new Owner(kinds.map(({ type }) => type));
        expect(ValueTable.takes(owner.types)).toBe(true);
        const table = new ValueTable(kernels, owner, alloc);
        const rows = [...values.keys()].filter((row) => chosen(row));
        expect(table.count(rowsAt(rows), columns)).toBe(true);
        drain(table, owner);
        const texts = rows.map((row) => told(kinds.length === 1 ? (values[row]?.[0] ?? null) : (values[row] ?? null)));
        expect(sorted(owner.counts)).toEqual(sorted(tally(texts)));
        const hashes = rowHashes(columns, rows);
        for (const [i, text] of texts.entries()) expect(owner.hashes.get(text)).toBe(hashes?.[i]);
        expect(owner.complete).toBe(true);
        clear();
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 300) },
    );
  });

  it("counts texts by their first characters, and leaves those beyond ASCII to its owner", () => {
    const texts = fc.oneof(
      fc.constantFrom("", "a", "S1", "x".repeat(300), `${"x".repeat(250)}é`, "é"),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(fc.option(texts, { nil: null }), { minLength: 1, maxLength: 60 }), (values) => {
        const owner = new Owner([types.utf8]);
        const table = new ValueTable(kernels, owner, alloc);
        expect(table.count(rowsAt([...values.keys()]), [textColumn(values)])).toBe(true);
        drain(table, owner);
        const isPlain = (text: string | null) =>
          text === null ||
          Buffer.from(text)
            .subarray(0, 200)
            .every((byte) => byte < 128);
        const plain = values.filter(isPlain).map((text) => text?.slice(0, 200) ?? null);
        expect(sorted(owner.counts)).toEqual(sorted(tally(plain.map(told))));
        for (const text of plain) expect(owner.hashes.get(told(text))).toBe(hashOfText(text));
        expect(owner.open.map(told)).toEqual(
          values.filter((text) => !isPlain(text)).map((text) => told(Buffer.from(text ?? "").toString())),
        );
        clear();
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 200) },
    );
  });

  it.each([
    ["numbers", types.int32, 40_000],
    ["texts", types.utf8, 3_000],
    ["long texts", types.utf8, 2_000],
  ] as const)("keeps the %s of least hash, with exact counts", (what, type, different) => {
    const values = Array.from({ length: 60_000 }, (_, row) => (row * 7_919) % different);
    const textOf = (value: number) => (what === "long texts" ? `${value}`.padStart(200, "0") : `v${value}`);
    const column = type.kind === "utf8" ? textColumn(values.map(textOf)) : fixedColumn(fixed[5] as Kind, values);
    const owner = new Owner([type]);
    const table = new ValueTable(kernels, owner, alloc);
    for (let from = 0; from < values.length; from += 17_000) {
      const rows = [...values.keys()].slice(from, from + 17_000);
      expect(table.count(rowsAt(rows), [column])).toBe(true);
    }
    drain(table, owner);
    const hashOf = (value: number) =>
      type.kind === "utf8" ? hashOfText(textOf(value)) : rowHashes([column], [values.indexOf(value)])?.[0];
    const least = [...new Set(values)]
      .map((value) => ({ value, hash: hashOf(value) ?? 0 }))
      .sort((a, b) => a.hash - b.hash)
      .slice(0, 256);
    const expected = least.map(({ value }) => [
      told(type.kind === "utf8" ? textOf(value) : value),
      values.filter((other) => other === value).length,
    ]);
    expect(sorted(owner.counts)).toEqual(sorted(new Map(expected as [string, number][])));
    expect(owner.complete).toBe(false);
    clear();
  });

  it("gives the texts of the values of least hash of several tables", () => {
    const values = Array.from({ length: 3_000 }, (_, i) => i * 3 - 500);
    const column = fixedColumn(fixed[5] as Kind, values);
    const packs = [0, 1, 2].flatMap((part) => {
      const table = new ValueTable(kernels, new Owner([types.int32]), alloc);
      table.count(rowsAt([...values.keys()].filter((row) => row % 3 === part || row % 7 === 0)), [column]);
      return table.take() ?? [];
    });
    const texts = mostFrequent(mergeTallies(unpacked(packs)), 1_000);
    const hashes = rowHashes([column], [...values.keys()]) ?? [];
    const least = [...values.keys()].sort((a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0)).slice(0, 256);
    const expected = least.map((row) => ({ value: String(values[row]), count: row % 7 === 0 ? 3 : 1 }));
    const order = (a: { value: string | null }, b: { value: string | null }) => Number(a.value) - Number(b.value);
    expect([...texts.values].sort(order)).toEqual(expected.sort(order));
    expect(texts.complete).toBe(false);
    clear();
  });

  it("reads entries that are a part of larger memory, as a journal gives them", () => {
    const journal = new Uint8Array(64).fill(0x78);
    const head = new DataView(journal.buffer, 24);
    head.setInt32(0, 7, true);
    head.setUint32(4, 3, true);
    head.setUint32(8, 2, true);
    journal.set(Buffer.from("ab"), 36);
    const pack = { types: [types.utf8], entries: journal.subarray(24, 40), complete: true };
    expect(unpacked([pack])).toEqual([{ values: [{ value: "ab", count: 3, hash: 7 }], complete: true }]);
  });

  it("leaves alone what lies elsewhere", () => {
    const owner = new Owner([types.int32]);
    const table = new ValueTable(kernels, owner, alloc);
    const elsewhere: Column = { layout: "fixed", type: types.int32, length: 2, values: Int32Array.of(1, 5), valid: null };
    expect(table.count(rowsAt([0]), [elsewhere])).toBe(false);
    expect(table.count(Uint32Array.of(0), [fixedColumn(fixed[5] as Kind, [1, 2])])).toBe(false);
    expect(ValueTable.takes([types.utf8, types.int32])).toBe(false);
    clear();
  });
});
