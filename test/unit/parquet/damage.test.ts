import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { checkPages } from "../../../src/io/parquet/parquetChecksum.js";
import { openParquet } from "../../../src/io/parquet/parquetRead.js";
import { planParquet, resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import { encodeThrift, i32, struct } from "../../../src/io/parquet/parquetThrift.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-damage-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The number of rows that are read; every failure must be one of ours, and name the file. */
async function outcome(path: string): Promise<number | string> {
  try {
    const spec = { format: "parquet", paths: [path], onReject: "fail", rejectLimits: {} } as const;
    const files = [{ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }];
    const { schema, rows } = await resolveParquet(spec, files);
    const source = { spec, files, schema, partitionColumns: [], rows };
    let count = 0;
    for (const part of await planParquet(source, 1)) {
      const reader = await openParquet({ source, schema }, part, { batchRows: 1000, reject: () => {}, partition: 0 });
      try {
        for (let batch = await reader.next(); batch !== null; batch = await reader.next()) count += batch.length;
      } finally {
        await reader.close();
      }
    }
    return count;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MillraceError);
    const error = thrown as MillraceError;
    expect(error, error.message).toMatchObject({ category: "Data" });
    expect(error.message).toContain(path);
    return error.code;
  }
}

const flat = "i AS a, i / 3.0 AS b, 'text ' || (i % 5) AS c, 'longer text ' || i AS d, DATE '2024-01-01' + i::INT AS e";
const structs = `${flat}, CASE WHEN i % 7 > 0 THEN {'x': i, 'y': CASE WHEN i % 3 > 0 THEN {'z': 'text ' || (i % 5), 'w': NULLIF(i % 4, 0)} END} END AS s`;
const lists = `i AS a, CASE WHEN i % 7 > 0 THEN list_transform(range(i % 4), lambda x: CASE WHEN x % 3 < 2 THEN 'text ' || ((i + x) % 5) END) END AS l,
  list_transform(range(i % 3), lambda x: {'x': i, 'y': CASE WHEN i % 2 > 0 THEN [x, i] END}) AS s`;
const codes = ["PARQUET_NOT_PARQUET", "PARQUET_TRUNCATED", "PARQUET_CORRUPT", "PARQUET_ENCRYPTED", "UNSUPPORTED_PARQUET_TYPE"];

describe.each([
  ["snappy, version 1", "COMPRESSION snappy", `${flat}, [i] AS l`],
  ["zstd, version 2", "COMPRESSION zstd, PARQUET_VERSION V2", `${flat}, [i] AS l`],
  ["uncompressed, version 2", "COMPRESSION uncompressed, PARQUET_VERSION V2", `${flat}, [i] AS l`],
  ["structs, version 1", "COMPRESSION snappy", structs],
  ["structs, version 2", "COMPRESSION uncompressed, PARQUET_VERSION V2", structs],
  ["lists, version 1", "COMPRESSION snappy", lists],
  ["lists, version 2", "COMPRESSION uncompressed, PARQUET_VERSION V2", lists],
])("a damaged file: %s", (name, options, columns) => {
  const file = join(folder, `${name}.parquet`);
  const broken = join(folder, `${name}-broken.parquet`);
  const whole = async () => {
    await duckRows(`COPY (SELECT ${columns} FROM range(60) t(i)) TO '${file}' (FORMAT parquet, ${options})`);
    return readFileSync(file);
  };

  it("cut at any place is refused", async () => {
    const bytes = await whole();
    expect(await outcome(file)).toBe(60);
    for (let length = 0; length < bytes.length; length += length < 32 || length > bytes.length - 64 ? 1 : 7) {
      writeFileSync(broken, bytes.subarray(0, length));
      expect(codes).toContain(await outcome(broken));
    }
  });

  it("with any byte changed is read whole or refused, in time", async () => {
    const bytes = await whole();
    for (let at = 0; at < bytes.length; at += 5) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ (1 << (at % 8));
      writeFileSync(broken, copy);
      const found = await outcome(broken);
      if (typeof found === "number") expect(found, `byte ${at}`).toBe(60);
      else expect(codes, `byte ${at}`).toContain(found);
    }
  });

  it("with a footer of any other length is refused", async () => {
    const bytes = await whole();
    for (const length of [0, 1, 7, 100, bytes.length - 12, bytes.length, 2 ** 31, 2 ** 32 - 1]) {
      const copy = Buffer.from(bytes);
      copy.writeUInt32LE(length, copy.length - 8);
      writeFileSync(broken, copy);
      expect(codes, String(length)).toContain(await outcome(broken));
    }
  });
});

describe("page checksums", () => {
  const page = (data: Uint8Array, crc: number | undefined) =>
    Buffer.concat([
      encodeThrift(
        struct({ 1: i32(0), 2: i32(data.length), 3: i32(data.length), 4: crc === undefined ? undefined : i32(crc | 0) }),
      ),
      data,
    ]);
  const data = Uint8Array.from({ length: 300 }, (_, i) => (i * 31) & 255);

  it("that fit are accepted, and so are pages without", () => {
    checkPages(Buffer.concat([page(data, crc32(data)), page(data.subarray(9), crc32(data.subarray(9)))]));
    checkPages(Buffer.concat([page(data, undefined), page(data, undefined)]));
    checkPages(new Uint8Array(0));
  });

  it("that do not fit name the page, for every bit", () => {
    for (let at = 0; at < data.length; at += 11) {
      const other = data.slice();
      other[at] = (other[at] as number) ^ (1 << (at % 8));
      const chunk = Buffer.concat([page(data, crc32(data)), page(other, crc32(data))]);
      expect(() => checkPages(chunk)).toThrow(/page 1 has the checksum/);
    }
  });
});
