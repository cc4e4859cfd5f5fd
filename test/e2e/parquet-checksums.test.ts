import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { count, Engine, max, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureOf } from "../support/failure.js";
import { duckJson as duck } from "../support/duckJson.js";

let folder = "";
let engine: Engine;
let made = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-pages-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", stateDir: join(folder, "state") });
});

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Chunk {
  readonly group: number;
  readonly column: string;
  readonly from: number;
  readonly to: number;
}

/** An uncompressed file with checksums of three row groups, and where its column chunks are as DuckDB tells. */
async function written(): Promise<{ readonly path: string; readonly bytes: Buffer; readonly chunks: readonly Chunk[] }> {
  const source = join(folder, `plain-${made++}.parquet`);
  const out = join(folder, `out-${made++}`);
  const columns = "i::BIGINT AS id, 'few ' || (i % 5) AS few, 'text ' || hash(i) AS text, i / 7 AS x";
  await duck(`COPY (SELECT ${columns} FROM range(6000) t(i)) TO '${source}' (FORMAT parquet)`);
  await engine.run(read.parquet(source).write.parquet(out, { compression: "uncompressed", rowGroupRows: 2000 })).result;
  const name = readdirSync(out).find((file) => file.endsWith(".parquet"));
  const path = join(out, name ?? "");
  const rows = await duck(
    `SELECT row_group_id, path_in_schema, coalesce(dictionary_page_offset, data_page_offset)::BIGINT, total_compressed_size::BIGINT FROM parquet_metadata('${path}')`,
  );
  const chunks = rows.map(([group, column, from, size]): Chunk => {
    return { group: Number(group), column: String(column), from: Number(from), to: Number(from) + Number(size) };
  });
  expect(chunks).toHaveLength(12);
  return { path, bytes: readFileSync(path), chunks };
}

type Row = Record<"id" | "few" | "text" | "x", never>;

const totals = (path: string) =>
  read
    .parquet(path)
    .groupBy()
    .agg((c) => {
      const { id, few, text, x } = c as unknown as Row;
      return { n: count(), sum: sum(id), few: max(few), text: max(text), x: max(x) };
    });

describe("a changed bit in a page with a checksum, where DuckDB reads the file", () => {
  it("is an error that names file, row group and column, in every column chunk", async () => {
    const { path, bytes, chunks } = await written();
    let silent = 0;
    for (const { group, column, from, to } of chunks) {
      const copy = Buffer.from(bytes);
      // Behind the heads of its pages: the last value of the chunk.
      copy[to - 2] = (copy[to - 2] as number) ^ 4;
      writeFileSync(path, copy);
      const shown = await duck(`SELECT count(*), sum(id), max(few), max(text), max(x) FROM '${path}'`).catch(() => null);
      if (shown !== null) silent++;
      const error = await failureOf(() => engine.collect(totals(path)));
      expect(error, `${from}..${to}`).toMatchObject({
        category: "Data",
        code: "PARQUET_CORRUPT",
        place: { file: path, rowGroup: group, column },
      });
      expect(error.message).toContain("checksum");
    }
    // What is tested here: plain DuckDB takes most of them.
    expect(silent).toBeGreaterThan(6);
    writeFileSync(path, bytes);
    expect((await engine.collect(totals(path))).toArray()).toHaveLength(1);
  });

  it("publishes nothing", async () => {
    const { path, bytes, chunks } = await written();
    const chunk = chunks.find(({ group, column }) => group === 1 && column === "x");
    bytes[(chunk?.to ?? 0) - 20] = (bytes[(chunk?.to ?? 0) - 20] as number) ^ 1;
    writeFileSync(path, bytes);
    const out = join(folder, `target-${made++}`);
    const error = await failureOf(() => engine.run(totals(path).write.csv(out)).result);
    expect(error).toMatchObject({ code: "PARQUET_CORRUPT", place: { file: path, rowGroup: 1, column: "x" } });
    expect(existsSync(out) ? readdirSync(out).filter((name) => name.endsWith(".csv")) : []).toEqual([]);
  });

  it("in a column or a row group that is not read does not matter", async () => {
    const { path, bytes, chunks } = await written();
    const chunk = chunks.find(({ group, column }) => group === 2 && column === "id");
    bytes[(chunk?.to ?? 0) - 2] = (bytes[(chunk?.to ?? 0) - 2] as number) ^ 4;
    writeFileSync(path, bytes);
    const other = read
      .parquet(path)
      .groupBy()
      .agg((c) => ({ text: max((c as unknown as Row).text) }));
    expect((await engine.collect(other)).toArray()).toHaveLength(1);
    expect((await engine.collect(read.parquet(path).limit(2000))).numRows).toBe(2000);
    const behind = await failureOf(() => engine.collect(read.parquet(path).limit(10, { offset: 4000 })));
    expect(behind).toMatchObject({ code: "PARQUET_CORRUPT", place: { rowGroup: 2, column: "id" } });
  });
});

describe("pages without checksums, where DuckDB reads the file", () => {
  it("are not compared", async () => {
    const path = join(folder, "without.parquet");
    const columns = "i::BIGINT AS id, 'few' AS few, 'text ' || i AS text, i / 7 AS x, [i, i] AS list";
    await duck(`COPY (SELECT ${columns} FROM range(6000) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    expect((await engine.collect(totals(path))).toArray()).toHaveLength(1);
    expect((await engine.collect(read.parquet(path))).numRows).toBe(6000);
  });
});
