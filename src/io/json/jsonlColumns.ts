import { builderFor } from "../../batch/builder.js";
import type { Column } from "../../batch/column.js";
import { concatColumn } from "../../batch/concat.js";
import { listColumn } from "../../batch/lists.js";
import { opened } from "../../batch/opened.js";
import { structColumn } from "../../batch/structs.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { type CsvKernels, contextBytes, slot } from "../../kernels/csvKernels.js";
import { type JsonKernels, jsonSlot } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { Value } from "../../schema/types.js";
import { kernelOf } from "../csv/csvColumns.js";
import type { TextBlock } from "../text/textBlock.js";
import { storeFixed, storeWide, valuesAt } from "../text/textValues.js";
import type { JsonPlace } from "./jsonlPlaces.js";
import { type JsonItems, JsonPlan, type JsonTable, type PlannedJson } from "./jsonlPlanned.js";
import { isBase64, needsDigits } from "./jsonlValues.js";
import type { JsonlWalk } from "./jsonlWalk.js";
import { readPlain, readValue } from "./jsonlWays.js";

const doubleQuote = 0x22;

/** The columns of one reader, filled anew for every batch. */
export class JsonlColumns {
  readonly #memory: KernelMemory;
  readonly #kernels: CsvKernels & JsonKernels;
  readonly #plan: JsonPlan;
  readonly #context: number;
  readonly #limit: number;
  #block: TextBlock | undefined;
  #scratch = 0;

  constructor(memory: KernelMemory, kernels: CsvKernels & JsonKernels, walk: JsonlWalk, places: readonly JsonPlace[]) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#plan = new JsonPlan(memory, kernels, walk.pairs, places);
    this.#context = memory.alloc(contextBytes);
    this.#limit = memory.alloc(8);
  }

  /**
   * Converts the walked rows, or the first ones where lists have too many items for one batch. Answers how many, and which of them need the exact reader
   * (`exact` and those whose values the kernels leave alone), ascending; their values come by `put`.
   */
  read(block: TextBlock, count: number, exact: Uint32Array): { readonly rows: number; readonly exact: readonly number[] } {
    this.#block = block;
    this.#scratch = block.scratch;
    const slow = new Set<number>(exact);
    const { table } = this.#plan;
    let rows = this.#convert(table, count, slow);
    if (rows === 0 && count > 0) {
      // A line that has too many items on its own.
      slow.add(0);
      rows = 1;
    }
    const own = [...slow].filter((row) => row < rows).sort((a, b) => a - b);
    // The exact reader brings the text of these rows; what the walker found would be unescaped in vain.
    for (const row of own) this.#forget(table, row);
    const wrong = this.#readTexts(table, rows);
    return { rows, exact: wrong.length === 0 ? own : [...new Set([...own, ...wrong])].sort((a, b) => a - b) };
  }

  /** Sets a row's values, in the order of the fields. */
  put(row: number, values: readonly Value[]): void {
    this.#plan.table.columns.forEach((column, i) => {
      this.#put(column, row, values[i] ?? null);
    });
  }

  /** The columns of the batch, views on kernel memory. */
  finish(count: number): Column[] {
    return this.#plan.table.columns.map((column) => this.#finish(column, count));
  }

  free(): void {
    this.#plan.free();
    this.#memory.free(this.#context);
    this.#memory.free(this.#limit);
  }

  /** Converts all but texts, and adds the rows whose values the kernels leave alone. Answers for how many rows the items of lists found room. */
  #convert(table: JsonTable, count: number, slow: Set<number>): number {
    let rows = count;
    for (const column of table.every) rows = Math.min(rows, this.#readColumn(table, column, count, slow));
    return rows;
  }

  /** Converts the texts, and answers the rows where they are no value. */
  #readTexts(table: JsonTable, count: number): readonly number[] {
    const wrong: number[] = [];
    for (const column of table.every) {
      if (column.items !== null) this.#readTexts(column.items, column.items.count);
      if (column.way !== "text") continue;
      this.#readText(table, column, count);
      // What is no base64 is told by the exact reader. No items are bytes: these rows are those of lines.
      if (column.field.type.kind === "binary") wrong.push(...this.#decode(column, count));
    }
    return wrong;
  }

  /** Makes a row's values those that are not there; its lists have no items. */
  #forget(table: JsonTable, row: number): void {
    table.pairs.forget(row);
    const u32 = this.#memory.u32();
    for (const { items, values, ends } of table.every) {
      if (items === null) continue;
      const start = u32[(values >>> 2) + row] as number;
      const end = Math.min(u32[(ends >>> 2) + row] as number, items.count);
      for (let item = start; item < end; item++) this.#forget(items, item);
      u32[(ends >>> 2) + row] = start;
    }
  }

  #put(column: PlannedJson, row: number, value: Value): void {
    const valid = this.#memory.u8();
    const at = column.valid + row;
    column.nulls += (valid[at] as number) - (value === null ? 0 : 1);
    valid[at] = value === null ? 0 : 1;
    for (const field of column.fields) {
      this.#put(field, row, value === null ? null : ((value as { readonly [name: string]: Value })[field.field.name] ?? null));
    }
    if (value !== null && column.way !== "fields") this.#store(column, row, value);
  }

  #at(): TextBlock {
    if (this.#block === undefined) throw internalError("columns are read before a block is");
    return this.#block;
  }

  #fillContext({ pairs }: JsonTable, column: PlannedJson, count: number): void {
    const u32 = this.#memory.u32();
    const c = this.#context >>> 2;
    const { base } = this.#at();
    u32[c + slot.base] = base;
    u32[c + slot.seps] = pairs.spans;
    u32[c + slot.rows] = pairs.rows;
    u32[c + slot.count] = count;
    u32[c + slot.field] = column.index * 2 + 1;
    u32[c + slot.strip] = 0;
    u32[c + slot.quote] = 0xffffffff;
    u32[c + slot.escape] = 0xffffffff;
    u32[c + slot.marked] = 0;
    u32[c + slot.values] = column.values;
    u32[c + slot.valid] = column.valid;
    u32[c + slot.slow] = this.#plan.slow;
    u32[c + slot.ends] = column.ends;
    u32[c + slot.origin] = base;
    u32[c + slot.scratch] = this.#scratch;
    u32[c + slot.stride] = pairs.stride;
    u32[c + slot.json] = 1;
    const { type } = column.field;
    if (type.kind === "decimal" && type.precision <= 18) {
      u32[c + slot.param] = type.scale;
      u32[c + slot.limit] = this.#limit;
      this.#memory.u64()[this.#limit >>> 3] = 10n ** BigInt(type.precision);
    }
  }

  #out(index: number): number {
    return this.#memory.u32()[(this.#context >>> 2) + index] as number;
  }

  /** Converts a column, and adds the rows whose values the kernels leave alone. Answers for how many rows it has room. */
  #readColumn(table: JsonTable, column: PlannedJson, count: number, slow: Set<number>): number {
    switch (column.way) {
      case "fixed":
        this.#fillContext(table, column, count);
        kernelOf(this.#kernels, column.field.type)(this.#context);
        this.#took(column, slow, table);
        return count;
      case "null":
        this.#memory.u8().fill(0, column.valid, column.valid + count);
        column.nulls = count;
        return count;
      case "fields":
        this.#fillContext(table, column, count);
        this.#kernels.jsonStructColumn(this.#context);
        column.nulls = this.#out(slot.nulls);
        return count;
      case "items":
        return this.#readItems(table, column, required(column.items, "items"), count, slow);
      case "text":
        return count;
      case "wide":
      case "object":
        this.#readValues(table, column, count, slow);
        return count;
    }
  }

  /**
   * Takes what a kernel says of a column: its nulls and the rows that it leaves alone. `table`: of a column of single values, which are converted here
   * if their text alone says what they are, before a whole line is read again.
   */
  #took(column: PlannedJson, slow: Set<number>, table: JsonTable | null): void {
    column.nulls = this.#out(slot.nulls);
    const first = this.#plan.slow >>> 2;
    for (const row of this.#memory.u32().subarray(first, first + this.#out(slot.slows))) {
      if (slow.has(row)) continue;
      const value = table === null ? undefined : this.#oneValue(table, column, row);
      if (value === undefined) slow.add(row);
      else this.#store(column, row, value);
    }
  }

  #oneValue({ pairs }: JsonTable, column: PlannedJson, row: number): Value | undefined {
    const u32 = this.#memory.u32();
    const { base, length } = this.#at();
    const at = (pairs.spans >>> 2) + row * pairs.stride + column.index * 2;
    const start = ((u32[at] as number) + 1) >>> 0;
    const bytes = Buffer.from(this.#memory.memory.buffer, base, length);
    return readPlain(bytes.toString("latin1", start, u32[at + 1]), bytes[start - 1] === doubleQuote, column.field.type);
  }

  /** Finds and converts the items of a list column; an item that the kernels leave alone makes its row slow. */
  #readItems(table: JsonTable, column: PlannedJson, items: JsonItems, count: number, slow: Set<number>): number {
    const { pairs } = items;
    do {
      this.#fillContext(table, column, count);
      this.#kernels.jsonListColumn(this.#context, pairs.context);
    } while (pairs.get(jsonSlot.from) < count && this.#plan.growItems(items));
    this.#took(column, slow, null);
    items.exact.length = 0;
    const slowItems = new Set<number>();
    const found = pairs.get(jsonSlot.rows);
    const rows = pairs.get(jsonSlot.from);
    items.count = this.#convert(items, found, slowItems);
    const ends = this.#memory.u32().subarray(column.ends >>> 2, (column.ends >>> 2) + rows);
    for (const item of slowItems) slow.add(rowOf(ends, item));
    return items.count < found ? rowOf(ends, items.count) : rows;
  }

  #readText(table: JsonTable, column: PlannedJson, count: number): void {
    this.#fillContext(table, column, count);
    this.#memory.u32()[(this.#context >>> 2) + slot.param] = this.#at().length;
    this.#kernels.jsonTextColumn(this.#context);
    column.nulls = this.#out(slot.nulls);
    this.#scratch = this.#out(slot.scratch);
  }

  /** Turns texts in base64 into what they say, which is shorter; answers the rows whose text is none. */
  #decode(column: PlannedJson, count: number): number[] {
    const wrong: number[] = [];
    const { base, scratch } = this.#at();
    const memory = Buffer.from(this.#memory.memory.buffer);
    const valid = this.#memory.u8();
    const places = this.#memory.u32();
    const [starts, ends] = [column.values >>> 2, column.ends >>> 2];
    for (let row = 0; row < count; row++) {
      if (valid[column.valid + row] === 0) continue;
      const from = base + (places[starts + row] as number);
      const text = memory.toString("latin1", from, base + (places[ends + row] as number));
      if (!isBase64(text)) {
        wrong.push(row);
        continue;
      }
      // The block itself must stay as it is: a reject shows its bytes.
      const to = from >= scratch ? from : this.#scratch;
      const length = memory.write(text, to, "base64");
      if (to !== from) this.#scratch += length;
      places[starts + row] = to - base;
      places[ends + row] = to - base + length;
    }
    return wrong;
  }

  /** Converts value by value; a value that does not go in simply makes its row slow. */
  #readValues({ pairs }: JsonTable, column: PlannedJson, count: number, slow: Set<number>): void {
    const u32 = this.#memory.u32();
    const bytes = this.#memory.u8();
    const { base } = this.#at();
    const block = Buffer.from(bytes.buffer, base, this.#at().length);
    const risky = needsDigits(column.field.type);
    column.nulls = 0;
    let at = (pairs.spans >>> 2) + column.index * 2;
    for (let row = 0; row < count; row++, at += pairs.stride) {
      const end = u32[at + 1] as number;
      bytes[column.valid + row] = end === 0 ? 0 : 1;
      if (end === 0) {
        column.nulls++;
        if (column.way === "object") column.objects[row] = null;
        continue;
      }
      const text = block.toString("utf8", ((u32[at] as number) + 1) >>> 0, end);
      const value = readValue(text, column.field.type, column.way, risky);
      if (value === undefined) slow.add(row);
      else this.#store(column, row, value);
    }
  }

  #store(column: PlannedJson, row: number, value: Value): void {
    const { type } = column.field;
    const memory = this.#memory;
    switch (column.way) {
      case "fixed":
        storeFixed(valuesAt(memory, type, column.values, row + 1), type, row, value);
        return;
      case "wide":
        storeWide(memory.i64().subarray(column.values >>> 3, (column.values >>> 3) + row * 2 + 2), row, value);
        return;
      case "object":
        column.objects[row] = value;
        return;
      case "text":
        this.#storeText(column, row, value);
        return;
      case "items":
        required(column.items, "items").exact.push([row, value as readonly Value[]]);
        return;
      case "fields":
      case "null":
        throw internalError(`a column of ${column.way} takes no value`);
    }
  }

  /** Behind the texts that the kernels unescaped; a row's texts together are never longer than its line, so the space suffices. */
  #storeText(column: PlannedJson, row: number, value: Value): void {
    const { base, capacity, scratch } = this.#at();
    const bytes = this.#memory.u8();
    const text = typeof value === "string" ? Buffer.from(value, "utf8") : value;
    if (!(text instanceof Uint8Array)) throw internalError(`a text cannot be ${typeof value}`);
    if (this.#scratch + text.length > scratch + capacity) throw internalError("a line's texts are longer than the line");
    bytes.set(text, this.#scratch);
    const u32 = this.#memory.u32();
    u32[(column.values >>> 2) + row] = this.#scratch - base;
    this.#scratch += text.length;
    u32[(column.ends >>> 2) + row] = this.#scratch - base;
  }

  #finish(column: PlannedJson, count: number): Column {
    const memory = this.#memory;
    const { type } = column.field;
    const valid = column.nulls === 0 ? null : memory.u8().subarray(column.valid, column.valid + count);
    const common = { type, length: count, valid } as const;
    switch (column.way) {
      case "text": {
        const { base, scratch, capacity } = this.#at();
        const [starts, ends] = [column.values >>> 2, column.ends >>> 2];
        return {
          layout: "bytes",
          ...common,
          bytes: memory.u8().subarray(base, scratch + capacity),
          starts: memory.i32().subarray(starts, starts + count),
          ends: memory.i32().subarray(ends, ends + count),
        };
      }
      case "wide": {
        const at = column.values >>> 3;
        return { layout: "wide", ...common, values: memory.i64().subarray(at, at + count * 2) };
      }
      case "object":
        return { layout: "object", ...common, values: column.objects.slice(0, count) };
      case "items":
        return this.#finishList(column, required(column.items, "items"), count, valid);
      case "fields":
        return structColumn(
          type,
          column.fields.map((field) => this.#finish(field, count)),
          valid,
          count,
        );
      case "fixed":
      case "null":
        return { layout: "fixed", ...common, values: valuesAt(memory, type, column.values, count) };
    }
  }

  /** A list column; items that the exact reader has read stand behind those of the kernels. */
  #finishList(column: PlannedJson, items: JsonItems, count: number, valid: Uint8Array | null): Column {
    const { type } = column.field;
    if (type.kind !== "list") throw internalError(`a column of ${type.kind} has no items`);
    const found = required(items.columns[0], "items");
    const i32 = this.#memory.i32();
    const starts = i32.subarray(column.values >>> 2, (column.values >>> 2) + count);
    const ends = i32.subarray(column.ends >>> 2, (column.ends >>> 2) + count);
    const exact = builderFor(type.item);
    for (const [row, list] of items.exact) {
      starts[row] = items.count + exact.length;
      for (const item of list) exact.append(item);
      ends[row] = items.count + exact.length;
    }
    // Only columns of fields or items are joined with their like as columns.
    const parts = [this.#finish(found, items.count), ...(exact.length === 0 ? [] : [opened(exact.finish())])];
    const tooLong = () => internalError("the texts of a block are longer than 2 GiB");
    return listColumn(type, { starts, ends, items: concatColumn(type.item, parts, tooLong) }, valid, count);
  }
}

/** The row that has an item, by where the items of each row end. */
function rowOf(ends: Uint32Array, item: number): number {
  let [from, to] = [0, ends.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ends[middle] as number) <= item) from = middle + 1;
    else to = middle;
  }
  return from;
}
