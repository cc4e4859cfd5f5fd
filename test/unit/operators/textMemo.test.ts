import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { codedColumn } from "../../../src/batch/coded.js";
import type { Batch, BytesColumn, Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound } from "../../../src/expr/nodes.js";
import type { RowsKernel } from "../../../src/kernels/expressions/compileKernel.js";
import { rowsKernel, type RowsStep } from "../../../src/operators/codedRows.js";
import { shipFunction } from "../../../src/plan/capture.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";

/** Functions of texts that are called once for equal ones give what they give called for each row. */

type Text = string | null;

function textsOf(values: readonly Text[]): BytesColumn {
  const builder = builderFor(types.utf8, values.length);
  for (const value of values) builder.append(value);
  const column = builder.finish();
  if (column.layout !== "bytes") throw new Error("texts are bytes");
  return column;
}

const schema: Schema = [
  { name: "t", type: types.utf8, nullable: true },
  { name: "n", type: types.int32, nullable: false },
];
const text: Bound = { kind: "column", index: 0, name: "t", type: types.utf8, nullable: true };
const number: Bound = { kind: "column", index: 1, name: "n", type: types.int32, nullable: false };

let made = 0;
/** Filters n > 0, then computes the function of t and doubles n. Each time another name, so that no test meets what another has left. */
function stepOf(fn: (t: Text) => Text, filters: boolean): RowsStep {
  const source = String(fn).replace("__MARK__", `m${made++}`);
  const ref = shipFunction(new Function(`return ${source}`)(), "f", "udf", {});
  const call: Bound = { kind: "udf", fn: ref, args: [text], type: types.utf8, nullable: true };
  const zero: Bound = { kind: "literal", value: 0, type: types.int32, nullable: false };
  const two: Bound = { kind: "literal", value: 2, type: types.int32, nullable: false };
  const doubled: Bound = { kind: "call", fn: "mul", args: [number, two], options: {}, type: types.int32, nullable: false };
  const isPositive: Bound = { kind: "call", fn: "gt", args: [number, zero], options: {}, type: types.bool, nullable: false };
  const columns = [
    { name: "before", expr: number },
    { name: "f", expr: call },
    { name: "doubled", expr: doubled },
    { name: "again", expr: call },
  ];
  return {
    op: "rows",
    input: -1,
    name: "rows",
    ops: [...(filters ? [{ kind: "filter", predicate: isPositive } as const] : []), { kind: "project", columns }],
    schema: columns.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable })),
  };
}

interface Outcome {
  readonly rows: readonly (readonly Value[])[];
  readonly failed: readonly string[];
  readonly counts: readonly number[];
}

function outcome(kernel: RowsKernel, batch: Batch): Outcome {
  const failed: string[] = [];
  const { batch: out, filtered, rejected } = kernel.run(batch, (row, { code }) => failed.push(`${row} ${code}`));
  const readers = out.columns.map((column: Column) => columnReader(column));
  const rows = out.selection ?? Int32Array.from({ length: out.length }, (_, i) => i);
  return { rows: Array.from(rows, (row) => readers.map((read) => read(row))), failed, counts: [filtered, rejected] };
}

function batchOf(texts: readonly Text[], selection: Int32Array | null, coded: boolean): Batch {
  const length = texts.length;
  const values = Int32Array.from(texts, (_, i) => ((i * 7) % 11) - 2);
  const names = [...new Set(texts)];
  const codes = Uint8Array.from(texts, (one) => names.indexOf(one));
  const column = coded && names.length <= 256 ? codedColumn({ codes, texts: textsOf(names) }, length) : textsOf(texts);
  return {
    schema,
    length,
    columns: [column, { layout: "fixed", type: types.int32, length, values, valid: null }],
    selection,
    origin: null,
  };
}

const functions = {
  plain: (t: Text) => (t === null ? "none" : `${t.length}:${t.slice(0, 3)}:__MARK__`),
  nulls: (t: Text) => (t === null || t.length % 2 === 0 ? null : `__MARK__${t}`),
  throws: (t: Text) => {
    if (t === "ab" || t === null) throw new RangeError("__MARK__");
    return t.toUpperCase();
  },
};

describe("a function of a text", () => {
  const word = fc.oneof(fc.constantFrom<Text>("", "a", "ab", "é", null), fc.string({ unit: "grapheme", maxLength: 12 }));
  const batches = fc.array(fc.tuple(fc.array(word, { minLength: 1, maxLength: 60 }), fc.boolean(), fc.boolean()), {
    minLength: 1,
    maxLength: 6,
  });
  for (const [name, fn] of Object.entries(functions)) {
    it(`gives the same rows and failures: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(batches, fc.boolean(), async (list, filters) => {
          const step = stepOf(fn, filters);
          const [kernel, meaning] = [await rowsKernel(step, schema, false), await rowsKernel(step, schema, true)];
          for (const [texts, selected, coded] of list) {
            const selection = selected ? Int32Array.from(texts.flatMap((_, i) => (i % 3 === 1 ? [] : [i]))) : null;
            const batch = batchOf(texts, selection, coded);
            expect(outcome(kernel, batch)).toEqual(outcome(meaning, batch));
          }
        }),
        { numRuns: 40 },
      );
    });
  }

  for (const [what, distinct] of [
    ["few", 50],
    ["many", 60_000],
    ["more than are remembered", 400_000],
  ] as const) {
    it(`of ${what} texts, over several tasks`, async () => {
      const step = stepOf(functions.plain, true);
      const meaning = await rowsKernel(step, schema, true);
      for (let task = 0; task < 3; task++) {
        const kernel = await rowsKernel(step, schema, false);
        for (let k = 0; k < 3; k++) {
          const texts = Array.from({ length: 20_000 }, (_, i) => `text ${((i + k * 20_000 + task) * 7919) % distinct}`);
          const batch = batchOf(texts, null, false);
          expect(outcome(kernel, batch)).toEqual(outcome(meaning, batch));
        }
      }
    });
  }

  it("that is not pure is called for each row, also where its texts are codes", async () => {
    const step = stepOf(((t: Text) => `${t} ${Math.random()} __MARK__`) as (t: Text) => Text, false);
    const kernel = await rowsKernel(step, schema, false);
    const texts = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? "a" : "b"));
    for (const coded of [true, false]) {
      const { rows } = outcome(kernel, batchOf(texts, null, coded));
      expect(new Set(rows.map((row) => row[1])).size).toBe(100);
    }
  });
});
