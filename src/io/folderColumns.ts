import type { Batch, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { ScanSpec } from "../task/protocol.js";
import type { BatchReader } from "./contracts.js";
import { constantColumn } from "./text/textValues.js";

/**
 * Adds the columns of `key=value` folders to a reader that delivers the file's own. `open` gets the scan without them.
 */
export async function withFolderColumns(
  scan: ScanSpec,
  file: number,
  open: (own: ScanSpec) => Promise<BatchReader>,
): Promise<BatchReader> {
  const names = scan.source.partitionColumns;
  if (!scan.schema.some((field) => names.includes(field.name))) return open(scan);
  const own = scan.schema.filter((field) => !names.includes(field.name));
  const reader = await open({ ...scan, schema: own });
  const values = required(scan.source.files[file], `file ${file} of the source`).partitionValues;
  const complete = (batch: Batch | null): Batch | null => {
    if (batch === null) return null;
    const columns = scan.schema.map((field): Column => {
      const folder = names.indexOf(field.name);
      if (folder >= 0) return constantColumn(field, values[folder] ?? null, batch.length);
      return required(batch.columns[own.indexOf(field)], `column ${field.name}`);
    });
    return { ...batch, schema: scan.schema, columns };
  };
  return {
    next() {
      const step = reader.next();
      return step instanceof Promise ? step.then(complete) : complete(step);
    },
    result: () => reader.result(),
    close: () => reader.close(),
  };
}
