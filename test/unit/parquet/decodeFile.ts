import { closeSync, openSync, readSync } from "node:fs";
import { columnReader } from "../../../src/batch/reader.js";
import type { Column } from "../../../src/batch/column.js";
import { decodeColumn } from "../../../src/io/parquet/parquetDecode.js";
import { readFooter } from "../../../src/io/parquet/parquetFooter.js";
import { fileColumns } from "../../../src/io/parquet/parquetReadSchema.js";
import { numberField, structField, structsField } from "../../../src/io/parquet/parquetThrift.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";

/** The columns of every row group; null where one is left to the other decoder. */
export function decoded(file: string): (readonly (Column | null)[])[] {
  const footer = readFooter(nodeFileSystem, file);
  const columns = fileColumns(footer, file);
  const fd = openSync(file, "r");
  const groups = footer.rowGroups.map((group) =>
    columns.map((column) => {
      const chunks = structsField(group, 1).slice(column.firstLeaf, column.firstLeaf + column.leaves);
      const own = chunks.map((chunk) => {
        const meta = structField(chunk, 3) ?? new Map();
        const [data = 0, dictionary = 0] = [numberField(meta, 9), numberField(meta, 11)];
        const bytes = new Uint8Array(numberField(meta, 7) ?? 0);
        readSync(fd, bytes, 0, bytes.length, dictionary > 0 ? Math.min(dictionary, data) : data);
        return { bytes, meta };
      });
      return decodeColumn(own, column, numberField(group, 3) ?? 0);
    }),
  );
  closeSync(fd);
  return groups;
}

export function valuesOf(groups: readonly (readonly (Column | null)[])[], column: number): unknown[] {
  return groups.flatMap((group) => {
    const found = group[column];
    if (found === null || found === undefined) throw new Error(`column ${column} was left to the other decoder`);
    const read = columnReader(found);
    return Array.from({ length: found.length }, (_, row) => {
      const value = read(row);
      return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
    });
  });
}
