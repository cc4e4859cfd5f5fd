import { statSync } from "node:fs";
import { afterAll, expect } from "vitest";
import { ExactLines } from "../../../src/io/json/jsonlExact.js";
import { openJsonl, resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import type { BatchReader, RejectSink } from "../../../src/io/contracts.js";
import type { Schema, Value } from "../../../src/schema/types.js";
import { batchRows, tempFolder, writeText } from "../csv/support.js";

const folder = tempFolder();
afterAll(folder.remove);

/** What reading a text gave: values row by row, and what is known of each rejected line. */
export interface Outcome {
  readonly rows: unknown[][];
  readonly rejects: unknown[];
}

/** By the definition: line by line, each through the exact reader. */
export function expected(bytes: Buffer, schema: Schema): Outcome {
  const out: Outcome = { rows: [], rejects: [] };
  const exact = new ExactLines(schema);
  let start = 0;
  let line = 0;
  while (start < bytes.length) {
    const at = bytes.indexOf(10, start);
    let end = at < 0 ? bytes.length : at;
    const next = end + 1;
    line++;
    if (end > start && bytes[end - 1] === 13) end--;
    const marked = start === 0 && bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
    const text = bytes.subarray(marked ? 3 : start, end);
    if (!text.every((c) => c === 32 || c === 9 || c === 13)) {
      const read = exact.read(text);
      if (read.kind === "values") out.rows.push(read.values.map(shown));
      else out.rejects.push([line, start, end - start, read.code, read.message, read.column]);
    }
    start = next;
  }
  return out;
}

const shown = (value: Value): unknown => {
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
};

/** A reader of a file with these bytes. */
export function readerOf(bytes: Buffer, schema: Schema, blockBytes: number, rowsAtOnce: number, reject: RejectSink): BatchReader {
  const path = writeText(folder.path, bytes, "differential.jsonl");
  const stats = statSync(path);
  const file = { path, bytes: stats.size, modifiedMs: stats.mtimeMs, partitionValues: [] };
  const spec = { format: "jsonl", paths: [path], onReject: "quarantine", rejectLimits: {}, schema } as const;
  const source = resolveJsonl(spec, { files: [file], partitionSchema: [] });
  const part = { kind: "bytes", file: 0, start: 0, end: stats.size, exactStart: true } as const;
  return openJsonl({ source, schema }, part, { batchRows: rowsAtOnce, partition: 0, blockBytes, reject });
}

/** By the reader; checks place and bytes of each row and reject on the way. */
export async function actual(bytes: Buffer, schema: Schema, blockBytes: number, rowsAtOnce: number): Promise<Outcome> {
  const out: Outcome = { rows: [], rejects: [] };
  const reader = readerOf(bytes, schema, blockBytes, rowsAtOnce, (r, raw) => {
    out.rejects.push([r.line, r.byte, r.length, r.code, r.message, r.column]);
    const from = r.byte ?? 0;
    expect(Buffer.from(raw ?? []).equals(bytes.subarray(from, from + (r.length ?? 0)))).toBe(true);
  });
  try {
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const { selection, length, origin } = batch;
      const live = selection ?? Array.from({ length }, (_, i) => i);
      const rows = batchRows(batch);
      rows.forEach((row, i) => {
        out.rows.push(row.map((value) => (value instanceof Uint8Array ? new Uint8Array(value) : value)));
        const place = origin?.place(live[i] as number);
        const raw = Buffer.from(origin?.raw(live[i] as number) ?? []);
        expect(raw.equals(bytes.subarray(place?.byte ?? 0, (place?.byte ?? 0) + (place?.length ?? 0)))).toBe(true);
      });
    }
    expect(reader.result()).toMatchObject({
      rows: out.rows.length + out.rejects.length,
      rejected: out.rejects.length,
      end: bytes.length,
      lines: bytes.filter((c) => c === 10).length,
    });
  } finally {
    await reader.close();
  }
  return out;
}
