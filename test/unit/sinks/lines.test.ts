import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Batch, type Column, type FixedValues, rowCount } from "../../../src/batch/column.js";
import { opened } from "../../../src/batch/opened.js";
import { CsvFileWriter } from "../../../src/io/sink/sinkCsv.js";
import { JsonlFileWriter, jsonText } from "../../../src/io/sink/sinkJsonl.js";
import type { LineFileWriter } from "../../../src/io/sink/sinkLines.js";
import type { OutputTarget } from "../../../src/io/sink/sinkOutput.js";
import { giveReaderKernels, takeReaderKernels } from "../../../src/kernels/taskKernels.js";
import type { KernelMemory } from "../../../src/kernels/wasm.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { columnOf } from "../../support/columns.js";
import { arbitraryOf } from "../batch/values.js";

type Open = (output: OutputTarget, schema: Schema, sharing?: boolean) => LineFileWriter;
const jsonl: Open = (output, schema, sharing) => new JsonlFileWriter(output, schema, sharing);
const csvOptions = { delimiter: ";", quote: "'", header: true, nullValue: "" };
const csv: Open = (output, schema, sharing) => new CsvFileWriter(output, schema, csvOptions, sharing);

/** What a writer makes of batches. `sharing`: they lie in the memory of a task's reader, as far as they can. */
function written(open: Open, schema: Schema, batches: readonly Batch[], sharing = false): Buffer {
  const chunks: Buffer[] = [];
  const output: OutputTarget = {
    writeHead: (bytes) => void chunks.push(Buffer.from(bytes)),
    write: (given) => void chunks.push(...given.map((chunk) => Buffer.from(chunk))),
    finish: () => ({ bytes: 0, checksum: "" }),
    abort: () => undefined,
  };
  const writer = open(output, schema, sharing);
  const reader = sharing ? takeReaderKernels() : null;
  const owned: number[] = [];
  for (const batch of batches) writer.write(reader === null ? batch : inMemory(batch, reader.memory, owned));
  for (const address of owned) reader?.memory.free(address);
  if (reader !== null) giveReaderKernels(reader);
  writer.finish();
  expect(writer.rows).toBe(batches.reduce((sum, batch) => sum + rowCount(batch), 0));
  return Buffer.concat(chunks);
}

/** The batch with its arrays in a kernel's memory. */
function inMemory(batch: Batch, memory: KernelMemory, owned: number[]): Batch {
  const copies = new Map<FixedValues, number>();
  const put = (values: FixedValues | null): void => {
    if (values === null || copies.has(values)) return;
    const address = memory.alloc(values.byteLength + 64);
    owned.push(address);
    memory.u8().set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
    copies.set(values, address);
  };
  for (const column of batch.columns) {
    put(column.valid);
    if (column.layout === "bytes") for (const part of [column.bytes, column.starts, column.ends]) put(part);
    else if (column.layout !== "object") put(column.values);
  }
  // Memory that grew has moved: views come last.
  const view = <T extends FixedValues>(values: T): T => {
    const make = values.constructor as new (buffer: ArrayBuffer, at: number, length: number) => T;
    return new make(memory.memory.buffer, copies.get(values) as number, values.length);
  };
  const columns = batch.columns.map((column): Column => {
    const valid = column.valid === null ? null : view(column.valid);
    if (column.layout === "bytes")
      return { ...column, bytes: view(column.bytes), starts: view(column.starts), ends: view(column.ends), valid };
    if (column.layout === "wide") return { ...column, values: view(column.values), valid };
    return column.layout === "fixed" ? { ...column, values: view(column.values), valid } : column;
  });
  return { ...batch, columns };
}

const batchOf = (schema: Schema, columns: readonly Column[], selection: Int32Array | null = null): Batch => ({
  schema,
  length: columns[0]?.length ?? 0,
  columns,
  selection,
  origin: null,
});

/** The same rows, few at a time, which are written without the kernel. */
function fewAtATime(batch: Batch): Batch[] {
  const rows = batch.selection ?? Int32Array.from({ length: batch.length }, (_, i) => i);
  const parts: Batch[] = [];
  for (let from = 0; from < rows.length; from += 50) parts.push({ ...batch, selection: rows.slice(from, from + 50) });
  return parts;
}

const one = (type: DataType): Schema => [{ name: "v", type, nullable: true }];

/** The texts of values in the lines that the kernel writes. */
function texts(type: DataType, values: readonly Value[]): string[] {
  const schema = one(type);
  const lines = written(jsonl, schema, [batchOf(schema, [columnOf(type, values)])])
    .toString()
    .split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => line.slice('{"v":'.length, -1));
}

/** At least as many values as the kernel is asked for. */
const filled = <T>(values: readonly T[]): T[] =>
  Array.from({ length: Math.max(values.length, 64) }, (_, i) => values[i % values.length] as T);

const whole = (bits: number, signed: boolean) =>
  fc.oneof(
    fc.bigInt(
      signed ? { min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n } : { min: 0n, max: 2n ** BigInt(bits) - 1n },
    ),
    fc.integer({ min: 0, max: bits - 1 }).chain((short) => fc.bigInt({ min: 0n, max: 2n ** BigInt(short) - 1n })),
  );
const small = (bits: number, signed: boolean) => whole(bits, signed).map(Number);
const digits = (count: number) =>
  fc
    .oneof(fc.integer({ min: 1, max: count }), fc.constant(count))
    .chain((n) => fc.bigInt({ min: 1n - 10n ** BigInt(n), max: 10n ** BigInt(n) - 1n }));
const doubles = fc.oneof(
  fc.double(),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 25 })).map(([n, places]) => n / 10 ** places),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 25 })).map(([n, places]) => n * 10 ** places),
  fc.integer({ min: -1074, max: 1023 }).map((power) => 2 ** power),
  fc.constantFrom(0, -0, 1e21, 1e-7, 9.5e-7, 1e16, 1e-5, 2 ** 53 + 2, 5e-324, Number.MAX_VALUE, Number.NaN, -Infinity),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\r", ";", "'", "\u007f", "é", "\u2028", "😀"), maxLength: 40 }),
);

const kinds: readonly (readonly [DataType, fc.Arbitrary<Value>])[] = [
  [types.bool, fc.boolean()],
  [types.int8, small(8, true)],
  [types.uint8, small(8, false)],
  [types.int16, small(16, true)],
  [types.uint16, small(16, false)],
  [types.int32, small(32, true)],
  [types.uint32, small(32, false)],
  [types.int64, whole(64, true)],
  [types.uint64, whole(64, false)],
  [
    types.float32,
    fc.oneof(
      fc.float(),
      fc.integer({ min: -1_100_000, max: 1_100_000 }).map((n) => Math.fround(n / 100)),
    ),
  ],
  [types.float64, doubles],
  [types.date, fc.oneof(fc.integer({ min: -719_200, max: 2_933_000 }), fc.integer({ min: 0, max: 20_000 }))],
  [
    types.timestamp,
    fc.oneof(
      fc.bigInt({ min: -(2n ** 58n), max: 2n ** 58n }),
      fc.integer({ min: 0, max: 2_000_000 }).map((s) => BigInt(s) * 1_000_000n),
    ),
  ],
  [types.decimal(6, 2), digits(6)],
  [types.decimal(18, 0), digits(18)],
  [types.decimal(18, 18), digits(18)],
  [types.decimal(38, 10), digits(38)],
  [types.decimal(30, 30), digits(30)],
  [types.utf8, text],
  [types.binary, fc.uint8Array({ maxLength: 20 })],
  [types.list(types.utf8), fc.array(fc.option(text), { maxLength: 3 })],
];

describe("lines", () => {
  it("of any values are the same with the kernel and without", () => {
    const columns = fc.array(fc.integer({ min: 0, max: kinds.length - 1 }), { minLength: 1, maxLength: 8 });
    const rows = fc.tuple(fc.integer({ min: 64, max: 150 }), fc.constantFrom(0, 1, 2, 7), fc.nat());
    const cases = fc.tuple(columns, rows).chain(([chosen, [length, keep, nulls]]) =>
      fc.tuple(
        fc.constant(chosen),
        fc.constant(keep),
        fc.tuple(
          ...chosen.map((k, c) => {
            const values = (kinds[k] as (typeof kinds)[number])[1];
            return fc.array((nulls >> c) % 2 === 0 ? values : fc.option(values), { minLength: length, maxLength: length });
          }),
        ),
      ),
    );
    fc.assert(
      fc.property(cases, ([chosen, keep, values]) => {
        const schema = chosen.map((k, c) => ({
          name: `"${c}" é`,
          type: (kinds[k] as (typeof kinds)[number])[0],
          nullable: true,
        }));
        const length = (values[0] as readonly Value[]).length;
        // The kernel wants 64 rows, of which a sparse selection may be one in many.
        const repeated = values.map((column) =>
          Array.from({ length: length * Math.max(keep, 1) }, (_, i) => column[i % length] as Value),
        );
        const selection = keep === 0 ? null : Int32Array.from({ length }, (_, i) => i * keep);
        const batch = batchOf(
          schema,
          schema.map(({ type }, c) => columnOf(type, repeated[c] as Value[])),
          selection,
        );
        const lines = written(jsonl, schema, [batch]).toString();
        const expected = Array.from(selection ?? repeated[0]?.keys() ?? [], (row) => {
          const fields = schema.map(
            ({ name, type }, c) => `${JSON.stringify(name)}:${jsonText(repeated[c]?.[row] ?? null, type)}`,
          );
          return `{${fields.join(",")}}\n`;
        });
        expect(lines).toBe(expected.join(""));
        expect(written(jsonl, schema, [batch], true).toString()).toBe(lines);
        expect(written(csv, schema, [batch], true)).toEqual(written(csv, schema, [batch]));
        expect(written(csv, schema, [batch])).toEqual(written(csv, schema, fewAtATime(batch)));
      }),
      { numRuns: 100 },
    );
  });

  it("hold doubles as JavaScript writes them", () => {
    fc.assert(
      fc.property(fc.array(doubles, { minLength: 64, maxLength: 512, size: "max" }), (values) => {
        const expected = values.map((v) => (Number.isFinite(v) ? (Object.is(v, -0) ? "-0" : String(v)) : `"${v}"`));
        expect(texts(types.float64, values)).toEqual(expected);
      }),
    );
    // The ends of every power of two and of ten, where the distance to the next number changes.
    const powers = Array.from({ length: 2098 }, (_, i) => 2 ** (i - 1074));
    const tens = Array.from({ length: 632 }, (_, i) => Number(`1e${i - 323}`));
    const near = [...powers, ...tens]
      .flatMap((v) => [v, v * (1 + Number.EPSILON), v * (1 - Number.EPSILON / 2)])
      .filter(Number.isFinite);
    expect(texts(types.float64, near)).toEqual(near.map(String));
  });

  it("hold 32-bit floats with as few digits as tell them from their neighbours", () => {
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    const ofBits = (value: number): number => {
      bits[0] = value;
      return float[0] ?? 0;
    };
    // The first and last of every power of two, those between, and those whose neighbours are a few whole numbers away, where texts lie between two.
    const ends = Array.from({ length: 255 }, (_, e) => [0, 1, 2, 0x7ffffe, 0x7fffff].map((m) => ofBits((e << 23) | m))).flat();
    const spread = Array.from({ length: 20_000 }, (_, i) => ofBits(Math.imul(i, 0x9e3779b1) >>> 0)).filter(Number.isFinite);
    const apart = Array.from({ length: 20_000 }, (_, i) => [2e5 + i / 64, 1e8 + i * 8, 9e9 + i * 1024].map(Math.fround)).flat();
    const values = [...ends, ...spread, ...apart];
    const read = texts(types.float32, values).map(Number);
    expect(read.map(Math.fround)).toEqual(values);
    const length = (value: number) => value.toExponential().replace(/^-|\.|e.*$/g, "").length;
    // The shortest by trying; none lies halfway to the next float, and where two are as near there is one digit more.
    const isHalfway = (near: number, value: number) =>
      near !== value && Math.fround(value + 2 * (near - value)) === value + 2 * (near - value);
    const tells = (near: number, value: number) => Math.fround(near) === value && !isHalfway(near, value);
    const fewest = (value: number) => [1, 2, 3, 4, 5, 6, 7, 8, 9].find((n) => tells(Number(value.toPrecision(n)), value)) ?? 0;
    const longer = values.filter((value, i) => value !== 0 && length(read[i] ?? 0) > fewest(value) + 1);
    expect(longer).toEqual([]);
    const schema = one(types.float32);
    const batch = batchOf(schema, [columnOf(types.float32, values)]);
    expect(written(csv, schema, [batch]).equals(written(csv, schema, fewAtATime(batch)))).toBe(true);
  });

  it("hold lists and structs that are columns of their items and fields as they hold arrays and objects", () => {
    const field = (name: string, type: DataType) => ({ name, type, nullable: true });
    const plain = [
      types.int64,
      types.uint64,
      types.float64,
      types.float32,
      types.bool,
      types.date,
      types.timestamp,
      types.binary,
    ];
    const inner = types.struct([...plain, types.decimal(9, 2), types.list(types.utf8)].map((type, i) => field(`"${i}`, type)));
    const type = types.struct([field("list", types.list(inner)), field("none", types.struct([])), field("text", types.utf8)]);
    fc.assert(
      fc.property(fc.array(fc.option(arbitraryOf(type)), { minLength: 64, maxLength: 80 }), (values) => {
        const column = columnOf(type, values);
        const expected = values.map((value) => jsonText(value, type));
        const schema = one(type);
        const lines = written(jsonl, schema, [batchOf(schema, [opened(column)])]).toString();
        expect(lines).toBe(expected.map((value) => `{"v":${value}}\n`).join(""));
        const cells = written(csv, schema, [batchOf(schema, [opened(column)])]);
        expect(cells.equals(written(csv, schema, [batchOf(schema, [column])]))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("hold days as dates of the calendar", () => {
    const days = Array.from({ length: 800_000 }, (_, i) => i - 400_000);
    const expected = days.map((day) => `"${new Date(day * 86_400_000).toISOString().slice(0, 10)}"`);
    expect(texts(types.date, days)).toEqual(expected);
    const micros = days.filter((day) => day % 1000 === 0).map((day) => BigInt(day) * 86_400_000_000n + 86_399_100_000n);
    expect(texts(types.timestamp, micros)).toEqual(
      micros.map((m) => `"${new Date(Number(m / 1000n)).toISOString().replace(/0*Z$/, "")}"`),
    );
  });

  it("take the ends of their types", () => {
    const ends = [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 99_999_999n, 100_000_000n, 10n ** 16n - 1n, 10n ** 16n];
    expect(texts(types.int64, filled(ends)).slice(0, 8)).toEqual(ends.map(String));
    expect(texts(types.uint64, filled([2n ** 64n - 1n])).at(-1)).toBe("18446744073709551615");
    expect(texts(types.decimal(18, 18), filled([1n - 10n ** 18n, 5n])).slice(0, 2)).toEqual([
      "-0.999999999999999999",
      "0.000000000000000005",
    ]);
    expect(texts(types.decimal(38, 1), filled([10n ** 38n - 1n, -5n])).slice(0, 2)).toEqual([`${"9".repeat(37)}.9`, "-0.5"]);
    expect(texts(types.date, filled([-719_162, -719_163, 2_932_896, 2_932_897])).slice(0, 4)).toEqual([
      '"0001-01-01"',
      '"0001-12-31 (BC)"',
      '"9999-12-31"',
      '"10000-01-01"',
    ]);
  });

  it("escape what JSON does not take as it is, wherever it stands", () => {
    const values = Array.from({ length: 130 }, (_, byte) =>
      [0, 1, 14, 15, 16, 17, 31, 32, 40].map(
        (before) => `${"é".repeat(before % 3)}${"a".repeat(before)}${String.fromCharCode(byte)}z`,
      ),
    ).flat();
    expect(texts(types.utf8, values)).toEqual(values.map((value) => JSON.stringify(value)));
  });

  it("say what bytes that are no text read as", () => {
    const schema = one(types.utf8);
    const bytes = Buffer.from([0x61, 0xff, 0x22, 0xc3, 0x62]);
    const column: Column = {
      layout: "bytes",
      type: types.utf8,
      length: 64,
      bytes,
      starts: new Int32Array(64),
      ends: new Int32Array(64).fill(5),
      valid: null,
    };
    const line = `{"v":${JSON.stringify(bytes.toString())}}\n`;
    expect(written(jsonl, schema, [batchOf(schema, [column])]).toString()).toBe(line.repeat(64));
  });

  it("may be longer than all room for them", () => {
    const schema: Schema = [
      ...one(types.utf8),
      { name: "l", type: types.list(types.utf8), nullable: true },
      { name: "n", type: types.int32, nullable: true },
    ];
    const long = ["x".repeat(500_000), "\u0001".repeat(200_000), "", "y".repeat(1_500_000), "'".repeat(600_000), '"'];
    const values = Array.from({ length: 70 }, (_, i) => long[(i * i) % 7] ?? "short");
    const lists = values.map((_, i) => [long[(i * 3) % 11] ?? "z"]);
    const numbers = values.map((_, i) => i);
    const batch = batchOf(schema, [
      columnOf(types.utf8, values),
      columnOf(types.list(types.utf8), lists),
      columnOf(types.int32, numbers),
    ]);
    const expected = values.map((v, i) => `${JSON.stringify({ v, l: lists[i], n: i })}\n`);
    const found = written(jsonl, schema, [batch]);
    expect(found.equals(Buffer.from(expected.join("")))).toBe(true);
    expect(written(jsonl, schema, [batch], true).equals(found)).toBe(true);
    expect(written(csv, schema, [batch]).equals(written(csv, schema, fewAtATime(batch)))).toBe(true);
  });

  it("are given on as whole lines, many at a time", () => {
    const schema: Schema = [...one(types.int64), { name: "t", type: types.utf8, nullable: true }];
    const values = Array.from({ length: 100_000 }, (_, i) => BigInt(i) ** 3n);
    const names = values.map((v) => `name ${v}`);
    const sizes: number[] = [];
    const output: OutputTarget = {
      write: (chunks) => {
        const chunk = Buffer.concat(chunks);
        sizes.push(chunk.length);
        if (chunk.length > 0) expect(chunk.at(-1)).toBe(10);
      },
      finish: () => ({ bytes: 0, checksum: "" }),
      abort: () => undefined,
    };
    const writer = new JsonlFileWriter(output, schema);
    writer.write(batchOf(schema, [columnOf(types.int64, values), columnOf(types.utf8, names)]));
    writer.finish();
    const all = sizes.reduce((sum, size) => sum + size, 0);
    expect(all).toBe(values.reduce((sum, v) => sum + JSON.stringify({ v: Number(v), t: "" }).length + `name ${v}`.length + 1, 0));
    expect(sizes.length).toBeLessThan(all / 500_000);
  });
});
