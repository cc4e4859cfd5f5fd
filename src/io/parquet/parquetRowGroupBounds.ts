import { required } from "../../common/assert.js";
import type { Bound } from "../../expr/nodes.js";
import { mayHold } from "../../functions/mayHold.js";
import { chunkRange } from "./parquetChunkRange.js";
import { type Footer, isOurs } from "./parquetFooter.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { structsField, type ThriftStruct } from "./parquetThrift.js";

/** Whether statistics tell of a row group that none of its rows meets the condition. `columns`: those that it is over. */
export function rowGroupTest(
  condition: Bound,
  columns: readonly (FileColumn | undefined)[],
  footer: Footer,
): (group: ThriftStruct) => boolean {
  const noNaN = isOurs(footer);
  return (group) => {
    const chunks = structsField(group, 1);
    return !mayHold(condition, (index) => {
      const column = required(columns[index], "column of a condition");
      return chunkRange(column, chunks[column.firstLeaf], noNaN);
    });
  };
}
