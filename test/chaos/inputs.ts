import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "./database.ts";

const days = Array.from({ length: 12 }, (_, i) => `2026-01-${String(i + 1).padStart(2, "0")}`);
const stores = 800;
const filesOfSales = 3;

const write = (path: string, lines: readonly string[]): void => {
  writeFileSync(path, `${lines.join("\n")}\n`);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
};

/**
 * Three files of sales, in one of which quoted fields hold line feeds and what looks like records; some records do not fit. Records of JSON
 * with broken ones among them. The sales that fit, as Parquet in several row groups.
 */
export async function writeInputs(folder: string, rows: number, database: Database): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const each = Math.ceil(rows / filesOfSales);
  for (let file = 0; file < filesOfSales; file++) {
    const lines = ["id,store,n,day,note"];
    for (let i = file * each; i < (file + 1) * each; i++) {
      const n = i % 997 === 5 ? "bad" : String((i * 7) % 100);
      const note = file === 1 && i % 50 === 0 ? `"note\n${i},s1,1,2026-01-01,x\n"` : `note ${i % 17}`;
      lines.push(`${i},s${(i * 31) % stores},${n},${days[(i * 13 + file) % days.length]},${note}`);
    }
    write(join(folder, `sales-${file}.csv`), lines);
  }
  write(join(folder, "stores.csv"), [
    "store,city",
    ...Array.from({ length: stores - 20 }, (_, i) => `s${i},${i % 9 === 0 ? '"c, 0"' : `c${i % 40}`}`),
  ]);
  const events = Array.from({ length: rows }, (_, i) =>
    i % 499 === 3 ? `{"id":${i},"n":` : `{"id":${i},"n":${i % 211 === 9 ? '"x"' : i % 100},"day":"${days[i % days.length]}"}`,
  );
  write(join(folder, "events.jsonl"), events);
  const parquet = join(folder, "sales.parquet");
  await database.run(`COPY (SELECT id::BIGINT AS id, store, n::INTEGER AS n, day FROM ${salesOf(folder)} WHERE n IS NOT NULL ORDER BY id)
    TO '${parquet}' (FORMAT parquet, ROW_GROUP_SIZE 10000)`);
  utimesSync(parquet, 1_700_000_000, 1_700_000_000);
}

/** The sales as plain DuckDB reads them; `n` is null where it is none. */
export const salesOf = (inputs: string): string =>
  `(SELECT id::BIGINT AS id, store, try_cast(n AS INTEGER) AS n, day
    FROM read_csv('${inputs}/sales-*.csv', header = true, all_varchar = true, quote = '"', parallel = false))`;

/** The events that fit. A number in quotes is none. */
export const eventsOf = (inputs: string): string =>
  `(SELECT (j->>'id')::BIGINT AS id, (j->>'n')::INTEGER AS n, j->>'day' AS day
    FROM (SELECT try_cast(line AS JSON) AS j FROM read_csv('${inputs}/events.jsonl', columns = {'line': 'VARCHAR'}, header = false, delim = chr(1), quote = '', escape = ''))
    WHERE j IS NOT NULL AND json_type(j->'n') IN ('UBIGINT', 'BIGINT'))`;
