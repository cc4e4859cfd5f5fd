import { type Batch, type Column, rowCount } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { mapBound } from "../expr/walk.js";
import { RowFailure } from "../functions/definition.js";
import { valueToLiteral } from "../functions/literal.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import type { ScanSpec } from "../task/protocol.js";
import type { BatchReader, ScanFilter } from "./contracts.js";
import { constantColumn } from "./text/textValues.js";

/** The columns of a schema that are a file's own. */
export const ownColumns = ({ partitionColumns }: ResolvedSource, schema: Schema): Schema =>
  schema.filter((field) => !partitionColumns.includes(field.name));

/** A condition over columns of this schema as one over a file's own columns: the values of its folders are known. */
export function ownCondition(condition: Bound, schema: Schema, source: ResolvedSource, file: number): Bound | null {
  const names = source.partitionColumns;
  const values = required(source.files[file], `file ${file} of the source`).partitionValues;
  const own = ownColumns(source, schema);
  if (own.length === schema.length) return condition;
  try {
    return mapBound(condition, (node) => {
      if (node.kind !== "column") return node;
      const field = required(schema[node.index], "column");
      const folder = names.indexOf(field.name);
      if (folder < 0) return { ...node, index: own.indexOf(field) };
      const value = columnReader(constantColumn(field, values[folder] ?? null, 1))(0);
      return { kind: "literal", value: valueToLiteral(value, field.type), type: node.type, nullable: value === null };
    });
  } catch (thrown) {
    // Whoever reads the file says so.
    if (thrown instanceof RowFailure) return null;
    throw thrown;
  }
}

/**
 * Adds the columns of `key=value` folders to a reader that delivers the file's own. `open` gets the scan without them.
 */
export async function withFolderColumns(
  scan: ScanSpec,
  file: number,
  where: ScanFilter | null,
  open: (own: ScanSpec, where: ScanFilter | null) => Promise<BatchReader>,
): Promise<BatchReader> {
  const names = scan.source.partitionColumns;
  const own = ownColumns(scan.source, scan.schema);
  if (own.length === scan.schema.length) return open(scan, where);
  const condition = where === null ? null : ownCondition(where.condition, scan.schema, scan.source, file);
  const reader = await open({ ...scan, schema: own }, where === null || condition === null ? null : { ...where, condition });
  const values = required(scan.source.files[file], `file ${file} of the source`).partitionValues;
  const complete = (batch: Batch | null): Batch | null => {
    if (batch === null) return null;
    if (rowCount(batch) === 0) return { ...batch, schema: scan.schema };
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
    get filtered() {
      return reader.filtered ?? 0;
    },
    result: () => reader.result(),
    close: () => reader.close(),
  };
}
