import { parseHead, readCsvHead } from "../../src/io/csv/csvHead.js";
import type { PartitionSpec } from "../../src/task/protocol.js";
import type { CsvOptions } from "../../src/plan/csvSpec.js";
import { types, type Schema } from "../../src/schema/types.js";
import { csvDefaults, readAll, resolveOne } from "../unit/csv/support.js";

/** A record of a file in its order: its fields as text (null and empty text are one), or the code of its reject. */
export interface TextRecord {
  readonly line: number;
  readonly fields: readonly string[] | string;
}

export interface TextFile {
  readonly names: readonly string[] | null;
  /** Delivered rows in order. */
  readonly rows: readonly (readonly string[])[];
  readonly rejects: readonly {
    readonly code: string;
    readonly line: number;
    readonly byte: number;
    readonly length: number;
    readonly raw: string;
  }[];
}

const settings: readonly { readonly blockBytes?: number; readonly cuts: readonly number[] }[] = [
  { cuts: [] },
  { blockBytes: 3, cuts: [] },
  { blockBytes: 64, cuts: [0.5] },
  { blockBytes: 17, cuts: [0.1, 0.35, 0.8] },
];

/**
 * Reads a file as text, by blocks and partitions of several sizes, and checks that all of them say the same.
 * `width`: fields of a record of a file without a header.
 */
export async function readText(path: string, bytes: Uint8Array, given: Partial<CsvOptions>, width?: number): Promise<TextFile> {
  const options = { ...csvDefaults, ...given, columns: "byPosition" as const };
  const file = { path, bytes: bytes.length, modifiedMs: 0, partitionValues: [] };
  const head = readCsvHead(file, options);
  const fields = head.names?.length ?? width ?? head.fields;
  const schema: Schema = Array.from({ length: fields }, (_, i) => ({ name: `c${i}`, type: types.utf8, nullable: true }));
  let first: TextFile | null = null;
  for (const { blockBytes, cuts } of settings) {
    const borders = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length];
    const parts: PartitionSpec[] =
      head.encoding === "utf8"
        ? borders
            .slice(0, -1)
            .map((start, i) => ({ kind: "bytes", file: 0, start, end: borders[i + 1] ?? 0, exactStart: i === 0 }))
        : [{ kind: "wholeFile", file: 0 }];
    const read = await readAll(resolveOne(path, options, schema), {
      parts,
      ...(blockBytes === undefined ? {} : { blockBytes }),
    });
    let lines = 0;
    let part = 0;
    const found: TextFile = {
      names: head.names,
      rows: read.rows.map((row) => row.map((value) => String(value ?? ""))),
      // The lines of a partition count from its own beginning.
      rejects: read.rejects.map(({ code, line, byte, length, raw }) => {
        while ((byte ?? 0) >= (read.results[part]?.end ?? Number.POSITIVE_INFINITY)) lines += read.results[part++]?.lines ?? 0;
        return { code, line: (line ?? 0) + lines, byte: byte ?? -1, length: length ?? -1, raw };
      }),
    };
    if (first === null) first = found;
    else if (JSON.stringify(found) !== JSON.stringify(first)) {
      throw new Error(
        `blocks of ${blockBytes} bytes, cut at ${cuts}, differ: ${JSON.stringify(found)} and ${JSON.stringify(first)}`,
      );
    }
  }
  return first as TextFile;
}

/** Names of a text's header as the reader sees them. */
export const headNames = (text: string, options: Partial<CsvOptions>): readonly string[] | null =>
  parseHead(Buffer.from(text, "utf8"), { ...csvDefaults, ...options }, true)?.names ?? null;
