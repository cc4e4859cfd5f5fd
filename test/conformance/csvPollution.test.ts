import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fuzzSeed, randomFrom } from "../fuzz/random.js";
import { tempFolder, writeText } from "../unit/csv/support.js";
import { readText } from "./csvText.js";
import { asciiWords, type CleanFile, cleanFile, type PollutedFile, pollute } from "../fuzz/pollution.js";
import { pythonRows } from "./pythonCsv.js";

const folder = tempFolder();
const runs = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 150);
let duckdb: DuckDBInstance;

beforeAll(async () => {
  duckdb = await DuckDBInstance.create(":memory:");
});
afterAll(() => {
  duckdb.closeSync();
  folder.remove();
});

function caseOf(run: number, quoting: 0 | 1 | 2) {
  const random = randomFrom(fuzzSeed, run);
  const columns = 2 + random.below(5);
  const clean = cleanFile(random, columns, 1 + random.below(14), { quoting, words: [...asciiWords, "é"], prose: false });
  return { columns, clean, dirty: pollute(random, clean) };
}

const strictly = async (text: string) => {
  const bytes = Buffer.from(text, "utf8");
  const path = writeText(folder.path, bytes, "polluted.csv");
  return { path, bytes, ...(await readText(path, bytes, { quotes: "strict" })) };
};

/** Rows that the damage did not touch, and the one or two records that it did. */
function untouched(clean: CleanFile, dirty: PollutedFile): { readonly kept: Set<string>; readonly touched: number } {
  const left = new Map<number, number>();
  dirty.from.forEach((place, i) => {
    if (place >= 0) left.set(place, i);
  });
  const kept = new Set<string>();
  let touched = 0;
  for (const { start, end, values } of clean.records) {
    const places = Array.from({ length: end - start + 1 }, (_, i) => left.get(start + i));
    const isWhole = places.every((place, i) => place !== undefined && (i === 0 || place === (places[i - 1] ?? -2) + 1));
    const before = start === 0 ? 0 : left.get(start - 1);
    if (isWhole && before !== undefined && before + 1 === places[0]) kept.add(JSON.stringify(values));
    else touched++;
  }
  return { kept, touched };
}

describe("damaged files, read strictly", () => {
  test.each([0, 1] as const)("no row is wrong and none is lost that the damage did not touch (quoting %i)", async (quoting) => {
    for (let run = 0; run < runs; run++) {
      const { clean, dirty, columns } = caseOf(run, quoting);
      const { rows, rejects } = await strictly(dirty.text);
      const { kept, touched } = untouched(clean, dirty);
      const label = `run ${run}, ${dirty.damage}: ${JSON.stringify(dirty.text)}`;
      const strange = rows.filter((row) => !kept.has(JSON.stringify(row)));
      // What is left of a touched record may still be one, with another value.
      expect(strange.length, label).toBeLessThanOrEqual(touched);
      for (const row of strange) expect(row.length, label).toBe(columns);
      const delivered = new Set(rows.map((row) => JSON.stringify(row)));
      const missing = [...kept].filter((row) => !delivered.has(row));
      // Damaged quotes put what stands around them in doubt: eight tidy records and one certain one on each side, and their own.
      expect(missing.length, label).toBeLessThanOrEqual(rejects.length);
      expect(missing.length, label).toBeLessThanOrEqual(20);
    }
  });

  test("records and rejects account for every line, and rejects are the file's own bytes", async () => {
    for (let run = 0; run < runs; run++) {
      const { dirty } = caseOf(run, (run % 3) as 0 | 1 | 2);
      const { bytes, rejects } = await strictly(dirty.text);
      for (const { byte, length, raw, line } of rejects) {
        expect(raw).toBe(bytes.subarray(byte, byte + length).toString("latin1"));
        expect(line).toBe(bytes.subarray(0, byte).toString("latin1").split("\n").length);
      }
    }
  });

  test("up to the first damage it reads what Python's csv rules read", async () => {
    for (let run = 0; run < runs; run++) {
      const { dirty, columns } = caseOf(run, (run % 3) as 0 | 1 | 2);
      const { rows, rejects } = await strictly(dirty.text);
      const first = rejects[0]?.byte ?? Number.POSITIVE_INFINITY;
      const python = pythonRows(dirty.text)
        .slice(1)
        .filter(({ start }) => Buffer.byteLength(dirty.text.slice(0, start)) < first);
      const wanted = python.map(({ fields }) => fields).filter((fields) => fields.length === columns);
      expect(rows.slice(0, wanted.length), `run ${run}: ${JSON.stringify(dirty.text)}`).toEqual(wanted);
    }
  });

  test("a file that DuckDB reads strictly without an error gives the same rows", async () => {
    const connection = await duckdb.connect();
    let compared = 0;
    for (let run = 0; run < runs; run++) {
      const { dirty, columns } = caseOf(run, (run % 3) as 0 | 1 | 2);
      const { path, rows, rejects } = await strictly(dirty.text);
      if (rejects.length > 0) continue;
      const names = Array.from({ length: columns }, (_, i) => `'c${i}': 'VARCHAR'`).join(", ");
      const sql = `select * from read_csv('${path}', columns = {${names}}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', strict_mode = true, parallel = false)`;
      const result = await connection.runAndReadAll(sql).catch(() => null);
      if (result === null) continue;
      compared++;
      const wanted = result.getRows().map((row) => row.map((value) => String(value ?? "")));
      expect(rows, `run ${run}: ${JSON.stringify(dirty.text)}`).toEqual(wanted);
    }
    connection.closeSync();
    expect(compared).toBeGreaterThan(runs / 10);
  });
});
