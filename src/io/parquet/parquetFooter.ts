import { crc32 } from "../../runtime/safety.js";
import { dataError } from "../../common/errors.js";
import type { Schema } from "../../schema/types.js";
import type { Leaf } from "./parquetLeaves.js";
import type { WrittenRowGroup } from "../../task/protocol.js";
import { encodeRowGroup, groupEnd } from "./parquetGroupBytes.js";
import type { Compression } from "./parquetPages.js";
import { schemaElements } from "./parquetSchema.js";
import {
  decodeThrift,
  encodeThrift,
  i16,
  i32,
  i64,
  list,
  numberField,
  struct,
  structField,
  structsField,
  textField,
  type ThriftStruct,
  type ThriftValue,
  text,
} from "./parquetThrift.js";
import type { FileSystem } from "../fileSystem.js";

export const magic = new TextEncoder().encode("PAR1");
const encryptedMagic = "PARE";
const createdBy = "millrace version 1";

/** Whether a file was written here. Its statistics are left out where there is a NaN among the values. */
export const isOurs = ({ metadata }: Footer): boolean => textField(metadata, 6) === createdBy;
/** Row group ordinals are 16 bits wide; files with more groups go without. */
const mostOrdinals = 32_767;
const columnOrderType = struct({ 1: struct({}) });

/** One row group as a footer describes it. */
export interface RowGroup {
  readonly rows: number;
  readonly meta: ThriftValue;
}

/** One row group for a footer that is to be written. `ordinal`: its number in the file; null for none. */
export interface FooterGroup {
  readonly rows: number;
  meta(ordinal: number | null): ThriftValue;
}

/** A row group of another footer. */
export const groupAsRead = ({ rows, meta }: RowGroup): FooterGroup => ({ rows, meta: (ordinal) => withOrdinal(meta, ordinal) });

/** Row groups of our own, one after the other from `offset` on. */
export function groupsAsWritten(
  leaves: readonly Leaf[],
  groups: readonly WrittenRowGroup[],
  offset: number,
  compression: Compression,
): FooterGroup[] {
  let at = offset;
  return groups.map((group) => {
    const from = at;
    at = groupEnd(group, from);
    return {
      rows: group.rows,
      meta: (ordinal) => ({ kind: "encoded", value: encodeRowGroup(leaves, group, from, compression, ordinal) }),
    };
  });
}

/** The last bytes of a file: metadata, its length, magic. */
export function encodeFooter(schema: Schema, leaves: number, groups: readonly FooterGroup[]): Uint8Array {
  const fields = new Map<number, ThriftValue>([
    [1, i32(1)],
    [2, list(schemaElements(schema))],
  ]);
  return footerFrom(fields, groups, createdBy, leaves);
}

/** A footer with the schema and notes of `like` and other row groups. */
export function encodeFooterLike(like: ThriftStruct, groups: readonly FooterGroup[]): Uint8Array {
  return footerFrom(like, groups, null, null);
}

function footerFrom(
  like: ThriftStruct,
  groups: readonly FooterGroup[],
  writer: string | null,
  columns: number | null,
): Uint8Array {
  const numbered = groups.map((group, i) => group.meta(groups.length > mostOrdinals ? null : i));
  const fields = struct({
    1: like.get(1),
    2: like.get(2),
    3: i64(groups.reduce((sum, group) => sum + group.rows, 0)),
    4: list(numbered),
    5: like.get(5),
    6: writer === null ? like.get(6) : text(writer),
    7: columns === null ? like.get(7) : list(Array.from({ length: columns }, () => columnOrderType)),
  });
  const metadata = encodeThrift(fields);
  const footer = new Uint8Array(metadata.length + 8);
  footer.set(metadata);
  new DataView(footer.buffer).setUint32(metadata.length, metadata.length, true);
  footer.set(magic, metadata.length + 4);
  return footer;
}

function withOrdinal(meta: ThriftValue, ordinal: number | null): ThriftValue {
  if (meta.kind !== "struct") return meta;
  const fields = new Map(meta.fields);
  if (ordinal === null) fields.delete(7);
  else fields.set(7, i16(ordinal));
  return { kind: "struct", fields };
}

/** A file's metadata as it was read. */
export interface Footer {
  readonly metadata: ThriftStruct;
  readonly rowGroups: readonly ThriftStruct[];
  readonly rows: number;
  /** Offset of the first byte after the last row group's pages and indexes: where the metadata begins. */
  readonly dataEnd: number;
  /** crc32 of the bytes from there to the file's end. */
  readonly tailChecksum: number;
}

/**
 * Reads the metadata at a file's end.
 * @throws MillraceError Data/PARQUET_NOT_PARQUET, PARQUET_TRUNCATED, PARQUET_ENCRYPTED, PARQUET_CORRUPT
 */
export function readFooter(files: FileSystem, file: string): Footer {
  const fd = files.open(file, "read");
  try {
    const bytes = files.stat(file)?.bytes ?? 0;
    const read = (from: number, to: number) => {
      const into = new Uint8Array(to - from);
      return into.subarray(0, files.read(fd, into, from));
    };
    return parseFooter(file, bytes, read);
  } finally {
    files.close(fd);
  }
}

export function parseFooter(file: string, bytes: number, read: (from: number, to: number) => Uint8Array): Footer {
  const head = asText(read(0, Math.min(4, bytes)));
  if (head === encryptedMagic) {
    throw dataError("PARQUET_ENCRYPTED", `${file} is an encrypted Parquet file`, { file, hint: "Decrypt it first." });
  }
  if (head !== "PAR1") {
    throw dataError("PARQUET_NOT_PARQUET", `${file} is not a Parquet file: it begins with ${JSON.stringify(head)}, not "PAR1"`, {
      file,
      byte: 0,
      hint: "Check the path and the format of the source.",
    });
  }
  const tail = bytes < 12 ? new Uint8Array(0) : read(bytes - 8, bytes);
  if (asText(tail.subarray(4)) !== "PAR1") {
    throw dataError("PARQUET_TRUNCATED", `${file} ends without the Parquet footer: it was cut off, or is still being written`, {
      file,
      byte: bytes,
      hint: "Copy or write the file again.",
    });
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > bytes - 12) {
    throw dataError("PARQUET_CORRUPT", `${file}: the footer claims ${length} bytes of metadata in a file of ${bytes} bytes`, {
      file,
    });
  }
  const dataEnd = bytes - 8 - length;
  try {
    const bytesOfMetadata = read(dataEnd, dataEnd + length);
    const metadata = decodeThrift(bytesOfMetadata);
    const rowGroups = structsField(metadata, 4);
    const tailChecksum = crc32(tail, crc32(bytesOfMetadata));
    // Fields that the format demands: version, schema, rows, row groups.
    for (const id of [1, 2, 3, 4]) if (!metadata.has(id)) throw new Error(`the metadata lacks its field ${id}`);
    const rows = numberField(metadata, 3) ?? 0;
    const inGroups = rowGroups.reduce((sum, group) => sum + (numberField(group, 3) ?? 0), 0);
    // A damaged list of row groups would otherwise lose rows without a word.
    if (rows !== inGroups) throw new Error(`the metadata tells of ${rows} rows, and its row groups hold ${inGroups}`);
    return { metadata, rowGroups, rows, dataEnd, tailChecksum };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw dataError("PARQUET_CORRUPT", `${file}: ${reason}`, { file, byte: dataEnd, cause: thrown });
  }
}

const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const shifted = (fields: Map<number, ThriftValue>, ids: readonly number[], by: number): void => {
  for (const id of ids) {
    const value = fields.get(id);
    // Zero stands for "not given" in fields that writers fill by habit.
    if (value?.kind === "i64" && value.value > 0n) fields.set(id, i64(value.value + BigInt(by)));
  }
};

/** A row group whose pages were moved by `by` bytes: every offset in it moves along. */
export function shiftRowGroup(group: ThriftStruct, by: number): RowGroup {
  const columns = structsField(group, 1).map((column): ThriftValue => {
    const chunk = new Map(column);
    shifted(chunk, [2, 4, 6], by);
    const meta = structField(column, 3);
    if (meta !== undefined) {
      const moved = new Map(meta);
      shifted(moved, [9, 10, 11, 14], by);
      chunk.set(3, { kind: "struct", fields: moved });
    }
    return { kind: "struct", fields: chunk };
  });
  const fields = new Map(group);
  fields.set(1, list(columns));
  shifted(fields, [5], by);
  return { rows: numberField(group, 3) ?? 0, meta: { kind: "struct", fields } };
}
