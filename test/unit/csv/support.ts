import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch, Column } from "../../../src/batch/column.js";
import { openCsv, planCsv, resolveCsv } from "../../../src/io/csv/csvSource.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import type { SourceSpec } from "../../../src/plan/nodes.js";
import type { Schema } from "../../../src/schema/types.js";
import type { PartitionSpec, RejectRecord, ScanResult } from "../../../src/task/protocol.js";

export const csvDefaults: CsvOptions = {
  delimiter: ",",
  quote: '"',
  escape: null,
  header: true,
  nullValues: [],
  comment: null,
  skipLines: 0,
  encoding: "utf-8",
  quotes: "lenient",
  columns: "byName",
  schemaDrift: "fail",
  maxRecordBytes: 64 * 1024 * 1024,
  guess: [],
};

export function tempFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "millrace-text-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

let counter = 0;

export function writeText(folder: string, content: string | Uint8Array, name = `t${counter++}.csv`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

export function csvSpec(path: string, options: Partial<CsvOptions> = {}, schema?: Schema): SourceSpec {
  const base = {
    format: "csv",
    csv: { ...csvDefaults, ...options },
    paths: [path],
    onReject: "quarantine",
    rejectLimits: {},
  } as const;
  return schema === undefined ? base : { ...base, schema };
}

export function resolveOne(path: string, options: Partial<CsvOptions> = {}, schema?: Schema): ResolvedSource {
  const stats = statSync(path);
  const file = { path, bytes: stats.size, modifiedMs: stats.mtimeMs, partitionValues: [] };
  return resolveCsv(csvSpec(path, options, schema), { files: [file], partitionSchema: [] });
}

export interface Rejected extends RejectRecord {
  readonly raw: string;
}

export interface Read {
  readonly rows: unknown[][];
  readonly rejects: Rejected[];
  readonly results: ScanResult[];
}

/** A value of a column as a comparable JavaScript value. */
export function valueAt(column: Column, row: number): unknown {
  if (column.valid !== null && column.valid[row] === 0) return null;
  switch (column.layout) {
    case "fixed":
      return column.values[row];
    case "wide":
      return BigInt.asUintN(64, column.values[row * 2] as bigint) + ((column.values[row * 2 + 1] as bigint) << 64n);
    case "bytes": {
      const bytes = column.bytes.slice(column.starts[row], column.ends[row]);
      return column.type.kind === "binary" ? bytes : Buffer.from(bytes).toString("utf8");
    }
    case "object":
      return column.values[row];
  }
}

export function batchRows(batch: Batch): unknown[][] {
  const live = batch.selection ?? Int32Array.from({ length: batch.length }, (_, i) => i);
  return Array.from(live, (row) => batch.columns.map((column) => valueAt(column, row)));
}

export interface ReadOptions {
  readonly schema?: Schema;
  readonly blockBytes?: number;
  readonly batchRows?: number;
  readonly parts?: readonly PartitionSpec[];
  readonly maxRecordBytes?: number;
}

/** Reads partitions one after another and repeats one whose guessed start was wrong, as the engine does. */
export async function readAll(source: ResolvedSource, options: ReadOptions = {}): Promise<Read> {
  const out: Read = { rows: [], rejects: [], results: [] };
  let expected: number | null = null;
  for (const part of options.parts ?? planCsv(source, 1 << 25)) {
    let one = await readPart(source, part, options);
    if (expected !== null && part.kind === "bytes" && one.results[0]?.start !== expected) {
      one = await readPart(source, { ...part, start: expected, exactStart: true }, options);
    }
    expected = one.results[0]?.end ?? null;
    out.rows.push(...one.rows);
    out.rejects.push(...one.rejects);
    out.results.push(...one.results);
  }
  return out;
}

export async function readPart(source: ResolvedSource, part: PartitionSpec, options: ReadOptions = {}): Promise<Read> {
  const out: Read = { rows: [], rejects: [], results: [] };
  const reader = openCsv({ source, schema: options.schema ?? source.schema }, part, {
    batchRows: options.batchRows ?? 8192,
    partition: 0,
    reject: (reject, raw) => out.rejects.push({ ...reject, raw: Buffer.from(raw ?? []).toString("latin1") }),
    ...(options.blockBytes === undefined ? {} : { blockBytes: options.blockBytes }),
    ...(options.maxRecordBytes === undefined ? {} : { maxRecordBytes: options.maxRecordBytes }),
  });
  try {
    for (;;) {
      const step = reader.next();
      const batch = step instanceof Promise ? await step : step;
      if (batch === null) break;
      out.rows.push(...batchRows(batch));
    }
    out.results.push(reader.result());
  } finally {
    await reader.close();
  }
  return out;
}
