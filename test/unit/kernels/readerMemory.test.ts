import { afterEach, describe, expect, it } from "vitest";
import type { Batch, BytesColumn, Column, FixedColumn } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound, BoundAggregate } from "../../../src/expr/nodes.js";
import { aggregateFunction } from "../../../src/functions/registry.js";
import { compilePartialAggregate } from "../../../src/kernels/groups/aggregate.js";
import { WordGroupTable } from "../../../src/kernels/groups/groupTable.js";
import { KernelViews } from "../../../src/kernels/kernelViews.js";
import { giveReaderKernels, takeReaderKernels } from "../../../src/kernels/taskKernels.js";
import { createKernels, type Kernels, kernelsOf } from "../../../src/kernels/wasm.js";
import { type Schema, types } from "../../../src/schema/types.js";

/** A reader that puts its columns into kernel memory, as the readers of text do. */
class Reader {
  readonly kernels: Kernels = takeReaderKernels();
  readonly #owned: number[] = [];

  texts(values: readonly (string | null)[]): BytesColumn {
    const all = values.map((value) => Buffer.from(value ?? ""));
    const size = all.reduce((sum, bytes) => sum + bytes.length, 0);
    const [at, starts, ends, valid] = [size + 64, values.length * 4, values.length * 4, values.length].map((n) => this.#alloc(n));
    const { memory } = this.kernels;
    let used = 0;
    for (const [i, bytes] of all.entries()) {
      memory.u8().set(bytes, (at ?? 0) + used);
      memory.u32()[((starts ?? 0) >>> 2) + i] = used;
      used += bytes.length;
      memory.u32()[((ends ?? 0) >>> 2) + i] = used;
      memory.u8()[(valid ?? 0) + i] = values[i] === null ? 0 : 1;
    }
    const view = (address = 0) => memory.i32().subarray(address >>> 2, (address >>> 2) + values.length);
    return {
      layout: "bytes",
      type: types.utf8,
      length: values.length,
      bytes: memory.u8().subarray(at, (at ?? 0) + size + 64),
      starts: view(starts),
      ends: view(ends),
      valid: values.includes(null) ? memory.u8().subarray(valid, (valid ?? 0) + values.length) : null,
    };
  }

  doubles(values: readonly number[]): FixedColumn {
    const at = this.#alloc(values.length * 8);
    const view = this.kernels.memory.f64().subarray(at >>> 3, (at >>> 3) + values.length);
    view.set(values);
    return { layout: "fixed", type: types.float64, length: values.length, values: view, valid: null };
  }

  /** Views made after the last piece of memory was asked for. */
  batch(schema: Schema, make: () => Column[]): Batch {
    let columns = make();
    for (let size = 0; size !== this.kernels.memory.byteLength; ) {
      size = this.kernels.memory.byteLength;
      columns = make();
    }
    return { schema, length: columns[0]?.length ?? 0, columns, selection: null, origin: null };
  }

  close(): void {
    for (const address of this.#owned) this.kernels.memory.free(address);
    giveReaderKernels(this.kernels);
  }

  #alloc(bytes: number): number {
    const address = this.kernels.memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }
}

const schema: Schema = [
  { name: "k", type: types.utf8, nullable: true },
  { name: "v", type: types.float64, nullable: true },
];
const key: Bound = { kind: "column", index: 0, name: "k", type: types.utf8, nullable: true };
const value: Bound = { kind: "column", index: 1, name: "v", type: types.float64, nullable: true };

function aggregate(fn: string, args: readonly Bound[]): BoundAggregate {
  const resolved = aggregateFunction(fn).resolve(
    args.map((arg) => arg.type),
    {},
  );
  if (typeof resolved === "string") throw new Error(resolved);
  return { name: fn, fn, args, options: {}, type: resolved.returns, nullable: resolved.nullable };
}

const aggregates = [
  aggregate("count", []),
  aggregate("sum", [value]),
  aggregate("min", [value]),
  aggregate("max", [value]),
  aggregate("first", [value]),
];

const step = {
  op: "partialAggregate",
  input: -1,
  name: "a",
  keys: [{ name: "k", expr: key }],
  aggregates,
  schema: [...schema, ...schema, ...schema].map((field, i) => ({ ...field, name: `c${i}` })),
} as const;

describe("grouping in the reader's memory", () => {
  let reader: Reader | null = null;
  afterEach(() => reader?.close());

  it("goes on while new groups make that memory grow, and gives all of it back", async () => {
    const run = await compilePartialAggregate(step, schema, { sharesReader: true });
    reader = new Reader();
    const before = reader.kernels.memory.byteLength;
    const expected = new Map<string | null, number[]>();
    // Few keys first, then each row with its own.
    for (const distinct of [7, 60_000, 90_000]) {
      const keys = Array.from({ length: 90_000 }, (_, i) => (i % 1000 === 999 ? null : `${distinct} key ${i % distinct}`));
      const values = keys.map((_, i) => (i % 17) - 8);
      const batch = reader.batch(schema, () => [(reader as Reader).texts(keys), (reader as Reader).doubles(values)]);
      expect(run.update(batch, () => undefined)).toBe(0);
      for (const [i, k] of keys.entries()) {
        const v = values[i] as number;
        const old = expected.get(k);
        if (old === undefined) expected.set(k, [1, v, v, v, v]);
        else {
          const [n = 0, sum = 0, low = 0, high = 0, first = 0] = old;
          expected.set(k, [n + 1, sum + v, Math.min(low, v), Math.max(high, v), first]);
        }
      }
    }
    expect(reader.kernels.memory.byteLength).toBeGreaterThan(before);
    const out = run.finish();
    const readers = out.columns.map(columnReader);
    const rows = Array.from({ length: out.length }, (_, row) => readers.map((read) => read(row)));
    expect(rows.length).toBe(expected.size);
    const wanted = [...expected].map(([k, [n, ...rest]]) => [k, BigInt(n ?? 0), ...rest]);
    // Behind a first value stands its place.
    expect(wanted.findIndex((row, i) => row.some((part, c) => part !== rows[i]?.[c]))).toBe(-1);
  });

  it("knows texts of every length apart, whether short, long, padded or null", () => {
    reader = new Reader();
    const texts: (string | null)[] = [null, ""];
    for (let n = 1; n <= 80; n++) texts.push("x".repeat(n), `${"x".repeat(n - 1)}y`, `${"x".repeat(n - 1)}\0`);
    const groups = new Map<string | null, number>();
    const table = new WordGroupTable([{ type: types.utf8, nullable: true }], true);
    for (let round = 1; round <= 4; round++) {
      const keys = Array.from({ length: 5000 }, (_, i) => texts[(i * i * round) % texts.length] ?? null);
      const expected = keys.map((k) => groups.get(k) ?? groups.set(k, groups.size).size - 1);
      expect([...table.assign([reader.texts(keys)], null, keys.length)]).toEqual(expected);
      const odd = Int32Array.from({ length: 2500 }, (_, i) => i * 2 + 1);
      expect([...table.assign([reader.texts(keys)], odd, keys.length)]).toEqual(expected.filter((_, i) => i % 2 === 1));
    }
    expect(columnReader(table.keyColumns(null)[0] as Column)(0)).toBe(null);
    table.free();
  });

  it("makes views anew when the memory has grown", () => {
    reader = new Reader();
    const [texts] = reader.batch(schema, () => [(reader as Reader).texts(["a", null, "bc"])]).columns;
    const views = new KernelViews([texts as Column], new Int32Array([3, 1]));
    reader.kernels.memory.memory.grow(1);
    expect((texts as BytesColumn).bytes.length).toBe(0);
    const read = columnReader(views.columns(0, 1)[0] as Column);
    expect([read(0), read(1), read(2)]).toEqual(["a", null, "bc"]);
    expect([...views.groups()]).toEqual([3, 1]);
  });

  it("is left to one reader; another one gets kernels of its own", () => {
    reader = new Reader();
    const other = takeReaderKernels();
    expect(other).not.toBe(reader.kernels);
    giveReaderKernels(other);
    expect(kernelsOf(createKernels().memory.u8())).not.toBeNull();
    expect(kernelsOf(new Uint8Array(4))).toBeNull();
  });
});
