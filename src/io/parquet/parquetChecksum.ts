import { crc32 } from "node:zlib";
import { dataError } from "../../common/errors.js";
import { decodeThriftAt, numberField } from "./parquetThrift.js";

/**
 * Compares the pages of a column chunk with their checksums, where the writer gave them: field 4 of a page header is the CRC-32 of the bytes
 * that follow it. The decoder does not look at them. A chunk whose first page has none is not walked any further.
 * @throws MillraceError Data/PARQUET_CORRUPT
 */
export function checkPages(chunk: Uint8Array): void {
  for (let at = 0, page = 0; at < chunk.length; page++) {
    const { fields, end } = decodeThriftAt(chunk, at);
    const size = numberField(fields, 3) ?? -1;
    const expected = numberField(fields, 4);
    if (size < 0 || size > chunk.length - end) {
      throw dataError("PARQUET_CORRUPT", `page ${page} claims ${size} bytes where ${chunk.length - end} are left`);
    }
    if (expected === undefined) return;
    const found = crc32(chunk.subarray(end, end + size));
    if (found !== expected >>> 0) {
      throw dataError(
        "PARQUET_CORRUPT",
        `page ${page} has the checksum ${hex(found)} where its header says ${hex(expected >>> 0)}`,
      );
    }
    at = end + size;
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, "0");
