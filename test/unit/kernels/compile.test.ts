import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Batch, rowCount } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { compileText } from "../../../src/kernels/expressions/codegenScope.js";
import { compileRows } from "../../../src/kernels/expressions/compile.js";
import type { RowFailureData } from "../../../src/kernels/expressions/compileFailure.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import type { RowOp } from "../../../src/task/protocol.js";
import { scalarNames } from "../../../src/functions/registry.js";
import { Choices, type Direct, directCall, directCast } from "./directCalls.js";
import { anyBatch, batchOf, expression, predicate } from "./expressions.js";

interface Outcome {
  readonly rows: readonly (readonly Value[])[];
  readonly selection: readonly number[];
  readonly rejects: readonly (RowFailureData & { readonly row: number })[];
  readonly filtered: number;
  readonly rejected: number;
}

async function run(ops: readonly RowOp[], batches: readonly Batch[], output: Schema, interpreted: boolean): Promise<Outcome[]> {
  const input = batches[0]?.schema ?? [];
  const kernel = await compileRows(ops, input, output, { interpreted });
  return batches.map((source) => {
    const rejects: (RowFailureData & { readonly row: number })[] = [];
    const { batch, filtered, rejected } = kernel.run(source, (row, failure) => rejects.push({ row, ...failure }));
    const selection = batch.selection === null ? [...Array(batch.length).keys()] : [...batch.selection];
    const readers = batch.columns.map(columnReader);
    expect(rowCount(batch) + filtered + rejected).toBe(rowCount(source));
    return { rows: selection.map((row) => readers.map((read) => kept(read(row)))), selection, rejects, filtered, rejected };
  });
}

/** A value that outlives its batch: binary is a view of memory that the next batch uses again. */
const kept = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);

const outputOf = (ops: readonly RowOp[], input: Schema): Schema =>
  ops.reduce<Schema>(
    (schema, op) =>
      op.kind === "filter" ? schema : op.columns.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable })),
    input,
  );

const column = (schema: Schema, index: number): Bound => {
  const field = schema[index];
  if (field === undefined) throw new Error(`no column ${index}`);
  return { kind: "column", index, name: field.name, type: field.type, nullable: field.nullable };
};
const call = (fn: string, args: readonly Bound[], type = types.bool as Bound["type"]): Bound => {
  return { kind: "call", fn, args, options: {}, type, nullable: true };
};
const literal = (value: string | number | boolean | null, type: Bound["type"]): Bound => {
  return { kind: "literal", value, type, nullable: value === null };
};

describe("generated loops mean what the interpreter means", () => {
  it("for random chains of every function", async () => {
    const cases = fc.tuple(anyBatch, fc.gen());
    await fc.assert(
      fc.asyncProperty(cases, async ([batch, g]) => {
        const project = (from: Schema): RowOp => ({
          kind: "project",
          columns: Array.from({ length: g(fc.integer, { min: 1, max: 3 }) }, (_, i) => ({
            name: `o${i}`,
            expr: expression(g, from, 3),
          })),
        });
        const ops: RowOp[] = [];
        let schema = batch.schema;
        for (let i = g(fc.integer, { min: 1, max: 3 }); i > 0; i--) {
          ops.push(g(fc.boolean) ? { kind: "filter", predicate: predicate(g, schema) } : project(schema));
          schema = outputOf(ops, batch.schema);
        }
        const [compiled, reference] = await Promise.all([run(ops, [batch], schema, false), run(ops, [batch], schema, true)]);
        expect(compiled).toEqual(reference);
      }),
      {
        numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 600),
      },
    );
  });
});

describe("each scalar function, on columns and literals", () => {
  const same = async ({ expr, batches }: Direct): Promise<void> => {
    const ops: RowOp[] = [{ kind: "project", columns: [{ name: "o", expr }] }];
    const output: Schema = [{ name: "o", type: expr.type, nullable: true }];
    const input = batches[0]?.schema ?? [];
    const again: Bound = { kind: "column", index: 0, name: "o", type: expr.type, nullable: true };
    // Once as a column of its own, once as what the next projection reads.
    const twice: RowOp[] = [...ops, { kind: "project", columns: [0, 1].map((i) => ({ name: `o${i}`, expr: again })) }];
    const two: Schema = [0, 1].map((i) => ({ name: `o${i}`, type: expr.type, nullable: true }));
    expect(input.length).toBeGreaterThan(0);
    expect(await run(ops, batches, output, false)).toEqual(await run(ops, batches, output, true));
    expect(await run(twice, batches, two, false)).toEqual(await run(twice, batches, two, true));
  };
  const numRuns = Math.ceil(Number(process.env.MILLRACE_PROPERTY_RUNS ?? 600) / 8);

  it.each(scalarNames())("%s means the same generated and interpreted", async (name) => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        // Some functions take types that a random choice rarely finds: look for one a few times.
        for (let again = 0; again < 8; again++) {
          const direct = directCall(new Choices(seed + again), name);
          if (direct === null) continue;
          tried++;
          return same(direct);
        }
      }),
      { numRuns },
    );
    expect(tried).toBeGreaterThan(0);
  });

  it("casts mean the same generated and interpreted", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const direct = directCast(new Choices(seed));
        if (direct !== null) await same(direct);
      }),
      { numRuns: numRuns * 12 },
    );
  });
});

describe("casts of floats to integers", () => {
  const edges = [
    0, -0, 0.5, 1.5, 2.5, -0.5, -1.5, 127.5, 126.5, -128.5, 255.5, 254.5, 32767.5, 65535.5, 2147483646.5, 2147483647.5,
  ];
  const far = [-2147483648.5, -2147483649, 4294967295.5, 4294967294.5, 2 ** 51, -(2 ** 51), 2 ** 52 + 1, 2 ** 53, 1e300, -1e300];
  const near = [
    2 ** 51 - 0.5,
    2 ** 51 + 0.5,
    -(2 ** 51) - 0.5,
    2 ** 51 + 1.5,
    2 ** 53 + 2,
    2 ** 62,
    2 ** 63,
    -(2 ** 63),
    2 ** 63 - 1024,
    2 ** 64,
    2 ** 64 - 2048,
  ];
  const values = [...edges, ...far, ...near, Number.NaN, Infinity, -Infinity, null];

  it.each(["float64", "float32"] as const)("round half to even, and tell what does not fit, from %s", async (kind) => {
    const schema: Schema = [{ name: "a", type: types[kind], nullable: true }];
    const batch = batchOf(schema, [values.map((value) => (value === null || kind === "float64" ? value : Math.fround(value)))]);
    for (const type of [
      types.int8,
      types.uint8,
      types.int16,
      types.uint16,
      types.int32,
      types.uint32,
      types.int64,
      types.uint64,
    ]) {
      for (const safe of [false, true]) {
        const expr: Bound = { kind: "cast", input: column(schema, 0), safe, type, nullable: true };
        // As a column of its own, and as what a text is made of.
        const text: Bound = { kind: "cast", input: expr, safe, type: types.utf8, nullable: true };
        const columns = [
          { name: "x", expr },
          { name: "y", expr: text },
        ];
        const output: Schema = columns.map(({ name, expr: { type: given } }) => ({ name, type: given, nullable: true }));
        const ops: RowOp[] = [{ kind: "project", columns }];
        expect(await run(ops, [batch], output, false)).toEqual(await run(ops, [batch], output, true));
      }
    }
  });
});

describe("casts of floats to decimals", () => {
  const edges = [
    0, -0, 0.5, -0.5, 0.05, 0.15, -0.004, 0.005, 2.675, 999.5, 999.4999, 9999.995, -99.995, 1e12, 1e13, 999_999_999_999_999,
  ];
  const values = fc.array(
    fc.oneof(
      fc.constantFrom<number | null>(...edges, 1e15, -1e15, 2 ** 53, 1e300, Number.NaN, Infinity, -Infinity, null),
      fc.double(),
      fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 1000),
    ),
    { minLength: 1, maxLength: 60 },
  );
  const decimals = [
    types.decimal(1, 0),
    types.decimal(3, 1),
    types.decimal(12, 2),
    types.decimal(15, 15),
    types.decimal(15, 2),
    types.decimal(16, 2),
    types.decimal(18, 4),
    types.decimal(38, 10),
  ];

  it.each(["float64", "float32"] as const)("round half away from zero, and tell what does not fit, from %s", async (kind) => {
    const schema: Schema = [{ name: "a", type: types[kind], nullable: true }];
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(...decimals), fc.boolean(), async (list, type, safe) => {
        const batch = batchOf(schema, [list.map((value) => (value === null || kind === "float64" ? value : Math.fround(value)))]);
        const expr: Bound = { kind: "cast", input: column(schema, 0), safe, type, nullable: true };
        const back: Bound = { kind: "cast", input: expr, safe, type: types.float64, nullable: true };
        const output: Schema = [
          { name: "x", type, nullable: true },
          { name: "y", type: types.float64, nullable: true },
        ];
        const ops: RowOp[] = [
          {
            kind: "project",
            columns: [
              { name: "x", expr },
              { name: "y", expr: back },
            ],
          },
        ];
        expect(await run(ops, [batch], output, false)).toEqual(await run(ops, [batch], output, true));
      }),
      { numRuns: 150 },
    );
  });
});

describe("and, or and coalesce", () => {
  const three = [true, false, null];
  const pairs = three.flatMap((a) => three.map((b) => [a, b] as const));
  const schema: Schema = [
    { name: "a", type: types.bool, nullable: true },
    { name: "b", type: types.bool, nullable: true },
  ];
  const batch = batchOf(schema, [pairs.map(([a]) => a), pairs.map(([, b]) => b)]);
  const args = [column(schema, 0), column(schema, 1)];
  // Rows are (true, *), (false, *), (null, *), each with true, false, null.
  const table: { readonly [fn: string]: readonly Value[] } = {
    and: [true, false, null, false, false, false, null, false, null],
    or: [true, true, true, true, false, null, true, null, null],
    coalesce: [true, true, true, false, false, false, true, false, null],
  };

  it.each(Object.keys(table))("%s is three-valued", async (fn) => {
    const ops: RowOp[] = [{ kind: "project", columns: [{ name: "x", expr: call(fn, args) }] }];
    for (const interpreted of [false, true]) {
      const [outcome] = await run(ops, [batch], [{ name: "x", type: types.bool, nullable: true }], interpreted);
      expect(outcome?.rows.map(([value]) => value)).toEqual(table[fn]);
    }
  });

  it("does not compute what does not matter", async () => {
    const fn = {
      kind: "source",
      name: "boom",
      source: "() => { throw new Error('boom'); }",
      captured: {},
      hash: "boom",
    } as const;
    const boom: Bound = { kind: "udf", fn, args: [], type: types.bool, nullable: true };
    const ops: RowOp[] = [{ kind: "filter", predicate: call("and", [column(schema, 0), boom]) }];
    const [outcome] = await run(ops, [batch], schema, false);
    expect(outcome?.rejects.map(({ row }) => row)).toEqual([0, 1, 2, 6, 7, 8]);
    expect(outcome?.filtered).toBe(3);
  });
});

describe("generated loops", () => {
  const schema: Schema = [
    { name: "n", type: types.int32, nullable: true },
    { name: "s", type: types.utf8, nullable: true },
    { name: "t", type: types.timestamp, nullable: true },
  ];
  const day = 86_400_000_000n;
  const rows = batchOf(schema, [
    [1, 2, null, 4],
    ["a", "bb", "bb", null],
    [0n, day + 5n, -1n, null],
  ]);

  it("filter without moving data", async () => {
    const ops: RowOp[] = [{ kind: "filter", predicate: call("gt", [column(schema, 0), literal(1, types.int32)]) }];
    const kernel = await compileRows(ops, schema, schema);
    const { batch, filtered } = kernel.run(rows, () => undefined);
    expect(batch.columns[1]).toBe(rows.columns[1]);
    expect([...(batch.selection ?? [])]).toEqual([1, 3]);
    expect(filtered).toBe(2);
  });

  it("compare text with literals without decoding it", async () => {
    const texts: string[] = [];
    const ops: RowOp[] = [{ kind: "filter", predicate: call("eq", [column(schema, 1), literal("bb", types.utf8)]) }];
    const kernel = await compileRows(ops, schema, schema, {
      compiler: (names, body) => {
        texts.push(body);
        return compileText(names, body);
      },
    });
    expect([...(kernel.run(rows, () => undefined).batch.selection ?? [])]).toEqual([1, 2]);
    expect(texts.join()).not.toContain(".at(i)");
  });

  it("compare text in another case with literals without making it", async () => {
    const batch = batchOf(
      [{ name: "s", type: types.utf8, nullable: true }],
      [["alice", "ALICE", "Alicia", "alic", "alicef", null, "\u0130", "STRASSE", "stra\u00dfe", "\u212a"]],
    );
    const text = column(batch.schema, 0);
    const rowsWhere = async (fn: string, turn: string, wanted: string): Promise<readonly number[]> => {
      const predicate = call(fn, [call(turn, [text], types.utf8), literal(wanted, types.utf8)]);
      const bodies: string[] = [];
      const kernel = await compileRows([{ kind: "filter", predicate }], batch.schema, batch.schema, {
        compiler: (names, body) => {
          bodies.push(body);
          return compileText(names, body);
        },
      });
      const found = [...(kernel.run(batch, () => undefined).batch.selection ?? [])];
      expect(bodies.join()).not.toContain("writeText");
      return found;
    };
    expect(await rowsWhere("eq", "lower", "alice")).toEqual([0, 1]);
    expect(await rowsWhere("ne", "lower", "alice")).toEqual([2, 3, 4, 6, 7, 8, 9]);
    expect(await rowsWhere("eq", "upper", "ALICE")).toEqual([0, 1]);
    expect(await rowsWhere("eq", "lower", "k")).toEqual([9]);
    expect(await rowsWhere("eq", "lower", "ALICE")).toEqual([]);
  });

  it("keep the options of two calls of one function apart where strings decide", async () => {
    const batch = batchOf([{ name: "s", type: types.utf8, nullable: true }], [["é1a22", "1a22"]]);
    const text = column(batch.schema, 0);
    const replaced = (flags: string): Bound => ({
      kind: "call",
      fn: "regexpReplace",
      args: [text, literal("[0-9]+", types.utf8), literal("#", types.utf8)],
      options: flags === "" ? {} : { flags },
      type: types.utf8,
      nullable: true,
    });
    const ops: RowOp[] = [
      {
        kind: "project",
        columns: [
          { name: "one", expr: replaced("") },
          { name: "all", expr: replaced("g") },
        ],
      },
    ];
    const [outcome] = await run(ops, [batch], outputOf(ops, batch.schema), false);
    expect(outcome?.rows).toEqual([
      ["é#a22", "é#a#"],
      ["#a22", "#a#"],
    ]);
  });

  it("write far times by two formats", async () => {
    const batch = batchOf([{ name: "t", type: types.timestamp, nullable: true }], [[253_402_214_400_000_000n, 0n]]);
    const expr = (format: string): Bound => {
      const args = [column(batch.schema, 0)];
      return { kind: "call", fn: "formatDate", args, options: { format }, type: types.utf8, nullable: true };
    };
    const columns = ["%Y", "%d/%m/%Y"].map((format) => ({ name: format, expr: expr(format) }));
    const ops: RowOp[] = [{ kind: "project", columns }];
    const [outcome] = await run(ops, [batch], outputOf(ops, batch.schema), false);
    expect(outcome?.rows).toEqual([
      ["9999", "31/12/9999"],
      ["1970", "01/01/1970"],
    ]);
  });

  it("hold no name or literal of a user's", async () => {
    const evil = '"]; process.exit(1); //';
    const named: Schema = [{ name: evil, type: types.utf8, nullable: true }];
    const texts: string[] = [];
    const expr = call("concat", [column(named, 0), literal(evil, types.utf8)], types.utf8);
    const ops: RowOp[] = [{ kind: "project", columns: [{ name: evil, expr }] }];
    const kernel = await compileRows(ops, named, named, {
      compiler: (names, body) => {
        texts.push(...names, body);
        return compileText(names, body);
      },
    });
    const { batch } = kernel.run(batchOf(named, [["x"]]), () => undefined);
    expect(columnReader(batch.columns[0] ?? rows.columns[1] ?? never())(0)).toBe(`x${evil}`);
    expect(texts.join("\n")).not.toContain("process");
  });

  it("read near timestamps as numbers and far ones exactly", async () => {
    const expr = call("toDate", [column(schema, 2)], types.date);
    const ops: RowOp[] = [{ kind: "project", columns: [{ name: "d", expr }] }];
    const texts: string[] = [];
    const kernel = await compileRows(ops, schema, [{ name: "d", type: types.date, nullable: true }], {
      compiler: (names, body) => {
        texts.push(body);
        return compileText(names, body);
      },
    });
    const days = (batch: Batch): Value[] => {
      const { columns } = kernel.run(batch, () => undefined).batch;
      return [0, 1, 2, 3].map((row) => columnReader(columns[0] ?? never())(row));
    };
    expect(days(rows)).toEqual([0, 1, -1, null]);
    const far = 2n ** 60n;
    const wide = batchOf(schema, [
      [1, 1, 1, 1],
      ["", "", "", ""],
      [far, day, -1n, null],
    ]);
    expect(days(wide)).toEqual([Number(far / day), 1, -1, null]);
    expect(texts).toHaveLength(2);
    expect(texts[0]).toContain("4294967296");
  });

  it("make no -0 of whole numbers", async () => {
    const longs: Schema = [0, 1].map((i) => ({ name: `l${i}`, type: types.int64, nullable: false }));
    const args = [column(longs, 0), column(longs, 1)];
    const output: Schema = ["mul", "div", "mod"].map((name) => ({ name, type: types.float64, nullable: true }));
    const columns = output.map(({ name }) => {
      const input = call(name, args, types.int64);
      return { name, expr: { kind: "cast", input, safe: false, type: types.float64, nullable: true } as const };
    });
    const batch = batchOf(longs, [
      [0n, -3n],
      [-5n, 5n],
    ]);
    const [outcome] = await run([{ kind: "project", columns }], [batch], output, false);
    expect(outcome?.rows).toEqual([
      [0, 0, 0],
      [-15, 0, -3],
    ]);
  });

  it("make a decimal the double nearest to its digits", async () => {
    for (const [precision, scale] of [
      [18, 4],
      [18, 17],
      [38, 22],
      [38, 23],
      [38, 38],
    ] as const) {
      const type = types.decimal(precision, scale);
      const input: Schema = [{ name: "d", type, nullable: true }];
      const columns = [
        { name: "x", expr: { kind: "cast", input: column(input, 0), safe: false, type: types.float64, nullable: true } as const },
      ];
      const output: Schema = [{ name: "x", type: types.float64, nullable: true }];
      const numbers = [1n, -7n, 10n ** 15n + 1n, 4_503_599_627_370_495n, -123_456_789_012_345n];
      for (const far of [[], [2n ** 53n + 1n, 10n ** 17n + 3n]]) {
        const values = [...numbers, null, ...far];
        const [outcome] = await run([{ kind: "project", columns }], [batchOf(input, [values])], output, false);
        expect(outcome?.rows).toEqual(values.map((value) => [value === null ? null : Number(`${value}e-${scale}`)]));
      }
    }
  });

  it("are made once for each shape of batch", async () => {
    let compiled = 0;
    const ops: RowOp[] = [{ kind: "filter", predicate: call("gt", [column(schema, 0), literal(1, types.int32)]) }];
    const kernel = await compileRows(ops, schema, schema, {
      compiler: (names, body) => {
        compiled++;
        return compileText(names, body);
      },
    });
    const full = batchOf(schema, [
      [1, 2],
      ["a", "b"],
      [1n, 2n],
    ]);
    for (const batch of [rows, full, rows, full]) kernel.run(batch, () => undefined);
    expect(compiled).toBe(2);
  });
});

function never(): never {
  throw new Error("missing column");
}
