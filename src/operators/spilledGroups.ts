import { rmSync } from "node:fs";
import { builderFor } from "../batch/builder.js";
import type { Batch, Column } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import { rowsByBlock } from "../exchange/keyedReader.js";
import { SortedCursor } from "../exchange/sortedCursor.js";
import { SortedFiles } from "../exchange/sortedFiles.js";
import { compareValues } from "../functions/compare.js";
import { ascendingKey } from "../kernels/sortBuffer.js";
import { WordGroupTable } from "../kernels/groups/groupTable.js";
import { type Field, type Schema, types, type Value } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { type Grouping, orderColumns, orderKeys } from "./groupedBuckets.js";
import type { OperatorContext } from "./operator.js";
import { RowTaker } from "./rowTaker.js";
import { ownValue } from "./runningValues.js";
import type { RowValues } from "./streamedWindow.js";

const outRows = 2 ** 13;

const field = (name: string, type: Field["type"], nullable = true): Field => ({ name, type, nullable });
/** What stands in a sorted file before the columns of `Grouping.values`. */
const head = [field("group", types.int32, false), field("tie", types.bool, false), field("row", types.uint32, false)];

/**
 * As `GroupedBuckets`, for more rows than memory has room for: they are sorted in files by their group and keys, read from the front to the back, and
 * what is computed of them is sorted back.
 */
export class SpilledGroups {
  readonly #grouping: Grouping;
  readonly #input: Schema;
  readonly #context: OperatorContext;
  readonly #stem: string;
  readonly #orderAt: readonly number[];
  readonly #table: WordGroupTable;
  readonly #rows: SortedFiles;
  #results: SortedFiles | null = null;
  #writer: BlockFileWriter | null = null;
  #count = 0;
  #tableFreed = false;

  /** Its files' names begin with `file`. */
  constructor(input: Schema, grouping: Grouping, file: string, context: OperatorContext) {
    this.#grouping = grouping;
    this.#input = input;
    this.#context = context;
    this.#stem = file;
    this.#orderAt = orderColumns(grouping);
    this.#table = new WordGroupTable(grouping.groups.map((index) => required(input[index], "column")));
    this.#rows = new SortedFiles(
      `${file}-runs`,
      [ascendingKey(types.int32), ...orderKeys(grouping)],
      [...this.#schema(), ...this.#orderSchema()],
    );
  }

  push(batch: Batch): void {
    const { columns, selection, length } = batch;
    if (selection !== null) throw internalError("buckets come as whole batches");
    const at = (indexes: readonly number[]): Column[] => indexes.map((index) => required(columns[index], "column"));
    const found = this.#table.assign(at(this.#grouping.groups), null, length);
    const group: Column = fixed(types.int32, found.slice(0, length));
    const row: Column = fixed(
      types.uint32,
      Uint32Array.from({ length }, (_, i) => this.#count + i),
    );
    this.#count += length;
    const order = at(this.#orderAt);
    const carried = [group, row, ...at(this.#grouping.values), ...(this.#grouping.marksTies ? order : [])];
    this.#rows.append([group, ...order], carried, length);
  }

  /** Ends the input, and writes what the functions give for each row, block by block as the rows stand in their files. */
  finish(
    file: string,
    schema: Schema,
    make: (open: () => SortedCursor, firstValue: number) => readonly RowValues[],
  ): FileWritten {
    this.#freeTable();
    const sorted = `${this.#stem}-sorted`;
    const cursors: { close(): void }[] = [];
    try {
      this.#sort(sorted);
      const open = (): SortedCursor => {
        const cursor = new SortedCursor(sorted);
        cursors.push(cursor);
        return cursor;
      };
      const results = new SortedFiles(`${this.#stem}-back`, [ascendingKey(types.uint32)], schema);
      this.#results = results;
      this.#compute(open(), make(open, head.length), schema, results);
      return this.#write(file, schema, results);
    } finally {
      for (const cursor of cursors) cursor.close();
      rmSync(sorted, { force: true });
    }
  }

  abort(): void {
    this.#freeTable();
    this.#rows.abort();
    this.#results?.abort();
    this.#writer?.abort();
  }

  /** Of the runs: the head without ties, which are known once the rows are sorted, then the values. */
  #schema(): Schema {
    const values = this.#grouping.values.map((index) => required(this.#input[index], "column"));
    return [...head.filter(({ name }) => name !== "tie"), ...values.map(({ type }, i) => field(`v${i}`, type))];
  }

  #orderSchema(): Schema {
    if (!this.#grouping.marksTies) return [];
    return this.#grouping.order.map(({ expr }, i) => field(`k${i}`, expr.type));
  }

  #sort(path: string): void {
    const writer = new BlockFileWriter(path);
    this.#writer = writer;
    const { values } = this.#grouping;
    const schema = [...head, ...this.#schema().slice(2)];
    let group = -1;
    let keys: readonly Value[] = [];
    for (const batch of this.#rows.merged()) {
      const [groups, row, ...rest] = batch.columns;
      if (groups?.layout !== "fixed") throw internalError("runs begin with their groups");
      const readers = rest.slice(values.length).map(columnReader);
      const ties = new Uint8Array(batch.length);
      for (let i = 0; i < batch.length; i++) {
        const [own, before] = [Number(groups.values[i]), keys];
        keys = readers.map((read) => ownValue(read(i)));
        ties[i] = own === group && keys.every((key, k) => compareValues(key, before[k] ?? null) === 0) ? 1 : 0;
        group = own;
      }
      const columns = [groups, fixed(types.bool, ties), required(row, "row"), ...rest.slice(0, values.length)];
      writer.write(schema, batch.length, [0, batch.length], columns.map(columnParts));
    }
    this.#writer = null;
    writer.finish();
  }

  #compute(current: SortedCursor, functions: readonly RowValues[], schema: Schema, results: SortedFiles): void {
    while (current.group >= 0) {
      const rows = builderFor(types.uint32, outRows);
      const values = schema.map(({ type }) => builderFor(type, outRows));
      for (let i = 0; i < outRows && current.group >= 0; i++, current.advance()) {
        rows.append(current.value(2));
        for (const [k, one] of functions.entries()) values[k]?.append(one.next(current));
      }
      const row = rows.finish();
      results.append(
        [row],
        values.map((one) => one.finish()),
        row.length,
      );
    }
  }

  #write(file: string, schema: Schema, results: SortedFiles): FileWritten {
    const { buckets } = this.#context;
    if (buckets === undefined) throw internalError("the rows are not those of buckets");
    const writer = new BlockFileWriter(file);
    this.#writer = writer;
    const rows = new RowTaker(schema, results.merged());
    for (const count of rowsByBlock(buckets.paths, buckets.part)) {
      writer.write(schema, count, [0, count], rows.take(count).map(columnParts));
    }
    rows.end();
    this.#writer = null;
    return writer.finish();
  }

  #freeTable(): void {
    if (!this.#tableFreed) this.#table.free();
    this.#tableFreed = true;
  }
}

const fixed = (
  type: Field["type"],
  values: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
): Column => ({
  layout: "fixed",
  type,
  length: values.length,
  values,
  valid: null,
});
