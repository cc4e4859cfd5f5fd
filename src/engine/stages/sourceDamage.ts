import { dataError, MillraceError } from "../../common/errors.js";
import type { DuckDbSession } from "../../duckdb/session.js";
import { fileColumnCheck } from "../../duckdb/columnCheck.js";
import { openReader, planPartitions } from "../../io/sources.js";
import { topological } from "../../optimize/rewrite.js";
import type { BoundNode } from "../../plan/bound.js";

type Scan = Extract<BoundNode, { readonly kind: "scan" }>;

/** What DuckDB throws at pages that it cannot read, beside much else. */
const doubtful = new Set(["INVALID_INPUT", "IO_FAILED", "INTERNAL", "SQL_FAILED"]);

/** What a search for damage needs of the run. */
export interface DamageSearch {
  readonly session: DuckDbSession;
  readonly throwIfStopped: () => void;
}

/**
 * A better error for a query that failed, where one of the files that it reads is damaged: DuckDB does not say where. The files are read once
 * more by our own reader, row group by row group, and then, where that finds nothing wrong, column by column by DuckDB. Gives back what was
 * thrown where neither finds anything.
 */
export async function damageBehind(thrown: unknown, node: BoundNode, search: DamageSearch): Promise<unknown> {
  if (!(thrown instanceof MillraceError) || !doubtful.has(thrown.code)) return thrown;
  const scans = topological([node]).filter((one): one is Scan => one.kind === "scan");
  for (const scan of scans) {
    const found = (await unreadable(scan, search)) ?? (await refused(scan, search));
    if (found !== null) return found;
  }
  return thrown;
}

/** What our own reader finds wrong. */
async function unreadable({ source, schema }: Scan, { throwIfStopped }: DamageSearch): Promise<MillraceError | null> {
  try {
    for (const part of await planPartitions(source, 1)) {
      const reader = await openReader({ source, schema }, part, { batchRows: 8192, partition: 0, reject: () => undefined });
      try {
        while ((await reader.next()) !== null) throwIfStopped();
      } finally {
        await reader.close();
      }
    }
    return null;
  } catch (error) {
    if (!(error instanceof MillraceError)) return null;
    if (error.category === "Cancelled") throw error;
    return error.place.file === undefined ? null : error;
  }
}

/** The file and column that DuckDB does not read, though we would. */
async function refused({ source, schema }: Scan, { session, throwIfStopped }: DamageSearch): Promise<MillraceError | null> {
  if (source.spec.format !== "parquet") return null;
  for (const file of source.files) {
    for (const { name } of schema.filter((field) => !source.partitionColumns.includes(field.name))) {
      throwIfStopped();
      try {
        await session.run(fileColumnCheck(file.path, name));
      } catch (cause) {
        const message = `${file.path}: column ${JSON.stringify(name)} cannot be read: ${(cause as Error).message}`;
        return dataError("PARQUET_CORRUPT", message, {
          file: file.path,
          column: name,
          cause,
          hint: "Write or copy the file again.",
        });
      }
    }
  }
  return null;
}
