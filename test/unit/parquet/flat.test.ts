import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { decodeColumn } from "../../../src/io/parquet/parquetDecode.js";
import { readFooter } from "../../../src/io/parquet/parquetFooter.js";
import { fileColumns } from "../../../src/io/parquet/parquetReadSchema.js";
import { numberField, structField, structsField } from "../../../src/io/parquet/parquetThrift.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { unpacked } from "./plainSnappy.js";
import { duckRows } from "./readers.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-flat-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const query = `select (i * 7919) % 1000 - 500 as small, i::bigint * 1000003 * 1000003 as big, i / 3.0::double as real, (i % 50)::float as few,
  'key ' || i as key, case when i % 3 = 0 then null else 'region ' || (i % 7) end as region,
  case when i % 11 = 0 then null else i end as gaps, (date '2020-01-01' + (i % 400)::int) as "day",
  timestamp '2021-02-03 04:05:06.000007' + to_seconds(i) as "at", repeat('äé', (i % 90)::int) as long, ('b' || i)::blob as raw,
  case when i < 25000 then null else 'late' end as late,
  case when i % 17 = 0 then null else 'one of many ' || (i * i % 1009) end as many, 'one of ' || (i % 256) as full,
  case when i % 19 = 0 then null else 'one of ' || (i % 256) end as "over", 'of more ' || (i % 4500) as more
  from range(30000) r(i)`;

describe("flat columns", () => {
  const codecs = ["uncompressed", "snappy", "gzip", ...("zstdDecompressSync" in zlib ? ["zstd"] : [])];
  for (const codec of codecs) {
    for (const version of ["V1", "V2"]) {
      it(`of DuckDB, ${codec}, format ${version}, are what DuckDB reads`, async () => {
        const file = join(folder, `${codec}-${version}.parquet`);
        await duckRows(
          `copy (${query}) to '${file}' (format parquet, compression ${codec}, parquet_version ${version}, row_group_size 10000)`,
        );
        const groups = decoded(file);
        expect(groups.length).toBeGreaterThan(1);
        const rows = await duckRows(`select small, big::varchar as big, "real", few, key, region, gaps::varchar as gaps,
          ("day" - date '1970-01-01') as "day", epoch_us("at")::varchar as "at", long, lower(hex(raw)) as raw, late, many, "full", "over", more
          from read_parquet('${file}')`);
        const text = (value: unknown) => (value === null ? null : String(value));
        const names = [
          "small",
          "big",
          "real",
          "few",
          "key",
          "region",
          "gaps",
          "day",
          "at",
          "long",
          "raw",
          "late",
          "many",
          "full",
          "over",
          "more",
        ];
        for (const [i, name] of names.entries()) {
          expect(valuesOf(groups, i).map(text), name).toEqual(rows.map((row) => text(row[name])));
        }
      });
    }
  }

  it("of other kinds, cut or changed are left to the other decoder or say nothing wrong", async () => {
    const file = join(folder, "other.parquet");
    await duckRows(`copy (select i from range(100) r(i)) to '${file}' (format parquet, compression zstd)`);
    if (!("zstdDecompressSync" in zlib)) expect(decoded(file)).toEqual([[null]]);
    await duckRows(`copy (select i from range(100) r(i)) to '${file}' (format parquet, compression brotli)`);
    expect(decoded(file)).toEqual([[null]]);
    await duckRows(
      `copy (select 'text ' || (i % 9) as k from range(100) r(i)) to '${file}' (format parquet, compression snappy)`,
    );
    const footer = readFooter(nodeFileSystem, file);
    const [column] = fileColumns(footer, file);
    const meta = structField(structsField(footer.rowGroups[0] ?? new Map(), 1)[0] ?? new Map(), 3) ?? new Map();
    const whole = new Uint8Array(numberField(meta, 7) ?? 0);
    const fd = openSync(file, "r");
    readSync(fd, whole, 0, whole.length, Math.min(numberField(meta, 11) ?? 4, numberField(meta, 9) ?? 4));
    closeSync(fd);
    if (column === undefined) throw new Error("no column");
    for (let length = 0; length < whole.length; length++) {
      let found: Column | null = null;
      try {
        found = decodeColumn([{ bytes: whole.subarray(0, length), meta }], column, 100);
      } catch {
        // A head that ends early.
      }
      expect(found).toBeNull();
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ 0x41;
      try {
        const found = decodeColumn([{ bytes: changed, meta }], column, 100);
        if (found !== null) expect(found.length).toBe(100);
      } catch {
        // A head that makes no sense.
      }
    }
  });
});

describe("snappy", () => {
  it("undoes literals and copies of every form, also those that overlap themselves", () => {
    // By hand, after format_description.txt: "abcd", 4 back 8 bytes (two-byte offset), "x", 1 back 5 bytes (one-byte), 14 back 4 (four-byte).
    const bytes = [22, 3 << 2, 97, 98, 99, 100, (7 << 2) | 2, 4, 0, 0, 120, (1 << 2) | 1, 1, (3 << 2) | 3, 14, 0, 0, 0];
    expect(Buffer.from(unpacked(Uint8Array.from(bytes), 22) ?? []).toString()).toBe("abcdabcdabcdxxxxxxabcd");
    expect(unpacked(Uint8Array.from(bytes), 21)).toBeNull();
    expect(unpacked(Uint8Array.from(bytes.slice(0, -1)), 22)).toBeNull();
    expect(unpacked(Uint8Array.of(4, (3 << 2) | 1, 9), 4)).toBeNull();
    expect(unpacked(new Uint8Array(0), 0)).toBeNull();
  });
});
