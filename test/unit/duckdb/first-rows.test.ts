import { statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { openSession, scanOf, stageRows, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
let many: DuckDbSession;
beforeAll(async () => {
  session = await openSession(folder.path);
  many = await openSession(folder.path, 8);
});
afterAll(() => {
  session.close();
  many.close();
  folder.remove();
});

const schema: Schema = [
  { name: "x", type: types.float64, nullable: true },
  { name: "t", type: types.utf8, nullable: true },
  { name: "i", type: types.int64, nullable: false },
  { name: "a", type: types.int64, nullable: true },
];
type Row = readonly [number | null, string | null, bigint, bigint | null];
let files = 0;

/** A scan of files, one for each list of rows. */
async function filesOf(parts: readonly (readonly Row[])[]): Promise<BoundNode> {
  const paths: string[] = [];
  for (const rows of parts) {
    const path = join(folder.path, `${files++}.parquet`);
    const values = rows.map(([x, t, i, a]) => {
      const number = x === null ? "NULL::DOUBLE" : `'${Object.is(x, -0) ? "-0.0" : x}'::DOUBLE`;
      return `(${number}, ${t === null ? "NULL::VARCHAR" : `'${t}'`}, ${i}::BIGINT, ${a ?? "NULL"}::BIGINT)`;
    });
    await session.run(`COPY (SELECT * FROM (VALUES ${values.join(", ")}) v(x, t, i, a)) TO '${path}' (FORMAT parquet)`);
    paths.push(path);
  }
  const spec = { format: "parquet", paths, options: {}, onReject: "fail" } as const;
  const given = paths.map((path) => ({ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }));
  const source = { spec, files: given, partitionColumns: [], ...(await resolveParquet(spec, given)) };
  return { kind: "scan", source, schema };
}

/** Equal for equal keys: 0 is -0, NaN is NaN. */
const keyOf = (row: Row, columns: readonly number[]): string => JSON.stringify(columns.map((c) => String(row[c])));

function firstOf(rows: readonly Row[], columns: readonly number[]): Row[] {
  const seen = new Set<string>();
  return rows.filter((row) => !seen.has(keyOf(row, columns)) && seen.add(keyOf(row, columns)));
}

const cells = {
  x: fc.constantFrom(null, 0, -0, Number.NaN, 1.5, -2, Infinity),
  t: fc.constantFrom(null, "", "a", "b", "a long text that does not fit beside its length"),
  a: fc.option(fc.bigInt({ min: 0n, max: 3n }), { freq: 4 }),
};
const tables = fc
  .array(fc.array(fc.tuple(cells.x, cells.t, cells.a), { minLength: 1, maxLength: 15 }), { minLength: 1, maxLength: 3 })
  .map((parts) => {
    let next = 0n;
    return parts.map((rows) => rows.map(([x, t, a]): Row => [x, t, next++, a]));
  });

describe("first rows of each key", () => {
  test("are those of the input, for keys of any kind, several files, filters below and any number of threads", async () => {
    const keys = fc.subarray([0, 1, 3], { minLength: 0 });
    await fc.assert(
      fc.asyncProperty(tables, keys, fc.boolean(), fc.boolean(), async (parts, columns, filtered, last) => {
        const scan = await filesOf(parts);
        const three: Bound = { kind: "literal", value: 3, type: types.int64, nullable: false };
        const i: Bound = { kind: "column", index: 2, name: "i", type: types.int64, nullable: false };
        const predicate: Bound = { kind: "call", fn: "gt", args: [i, three], options: {}, type: types.bool, nullable: false };
        const input: BoundNode = filtered ? { kind: "filter", input: scan, predicate, schema } : scan;
        const keep = { which: last ? "last" : "first", order: [] } as const;
        const node: BoundNode = { kind: "distinct", input, columns, keep, schema };
        // As the files hold them: a dictionary of Parquet may have one entry for both zeros.
        const held = (await stageRows(session, scan)).rows as unknown as Row[];
        const rows = held.filter(([, , place]) => !filtered || place > 3n);
        const expected = last ? firstOf([...rows].reverse(), columns).reverse() : firstOf(rows, columns);
        for (const one of [session, many]) {
          const { rows: found, sql } = await stageRows(one, node);
          expect(found).toEqual(expected);
          expect(sql).toContain("SEMI JOIN");
        }
      }),
      { numRuns: 40 },
    );
  });

  test("are found by a filter on their number, too, where the key is the first column of a large file", async () => {
    const path = join(folder.path, "large.parquet");
    await session.run(
      `COPY (SELECT (hash(i) % 100000)::DOUBLE AS x, 't' || (i % 7) AS t, i::BIGINT AS i, (i % 100)::BIGINT AS a FROM range(200000) r(i))
       TO '${path}' (FORMAT parquet)`,
    );
    const input = await scanOf(path, schema);
    const numbered: BoundNode = {
      kind: "window",
      input,
      partition: [0],
      order: [],
      frame: null,
      calls: [{ name: "r", fn: "rowNumber", args: [], options: {}, type: types.int64, nullable: false }],
      schema: [...schema, { name: "r", type: types.int64, nullable: false }],
    };
    const r: Bound = { kind: "column", index: 4, name: "r", type: types.int64, nullable: false };
    const one: Bound = { kind: "literal", value: 1, type: types.int64, nullable: false };
    const predicate: Bound = { kind: "call", fn: "lte", args: [r, one], options: {}, type: types.bool, nullable: false };
    const kept = await stageRows(session, { kind: "distinct", input, columns: [0], schema });
    const filtered = await stageRows(session, { kind: "filter", input: numbered, predicate, schema: numbered.schema });
    expect(kept.rows.length).toBeGreaterThan(50000);
    expect(filtered.rows).toEqual(kept.rows.map((row) => [...row, 1n]));
  });
});
