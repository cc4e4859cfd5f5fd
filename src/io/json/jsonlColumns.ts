import type { Column } from "../../batch/column.js";
import { structColumn } from "../../batch/structs.js";
import { internalError } from "../../common/errors.js";
import { type CsvKernels, contextBytes, slot } from "../../kernels/csvKernels.js";
import type { JsonKernels } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { Field, Value } from "../../schema/types.js";
import { kernelOf } from "../csv/csvColumns.js";
import type { JsonPlace } from "./jsonlPlaces.js";
import { isBase64, needsDigits } from "./jsonlValues.js";
import type { JsonlWalk } from "./jsonlWalk.js";
import { readValue, type Way, wayOf } from "./jsonlWays.js";
import type { TextBlock } from "../text/textBlock.js";
import { storeFixed, storeWide, valuesAt, widthOf } from "../text/textValues.js";

interface Planned {
  readonly field: Field;
  readonly way: Way;
  readonly index: number;
  readonly values: number;
  readonly ends: number;
  readonly valid: number;
  /** Those of a struct's fields, where they are columns. */
  readonly fields: readonly Planned[];
  readonly objects: Value[];
  nulls: number;
}

/** Entries of a pair that is null: an empty span at the block's begin. */
const nullStart = 0xffffffff;

/** Column buffers of one reader, filled anew for every batch. */
export class JsonlColumns {
  readonly #memory: KernelMemory;
  readonly #kernels: CsvKernels & JsonKernels;
  readonly #walk: JsonlWalk;
  readonly #owned: number[] = [];
  readonly #context: number;
  readonly #slow: number;
  readonly #limit: number;
  readonly #columns: readonly Planned[];
  /** The columns and their fields, by the number of their place. */
  readonly #every: readonly Planned[];
  #block: TextBlock | undefined;
  #scratch = 0;

  constructor(memory: KernelMemory, kernels: CsvKernels & JsonKernels, walk: JsonlWalk, places: readonly JsonPlace[]) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#walk = walk;
    this.#context = this.#alloc(contextBytes);
    this.#slow = this.#alloc(walk.capacity * 4);
    this.#limit = this.#alloc(8);
    this.#columns = places.map((place) => this.#plan(place));
    this.#every = every(this.#columns);
  }

  /**
   * Converts the walked rows and answers the rows that need the exact reader (`exact` and those whose values the kernels leave alone),
   * ascending; their values come by `put`.
   */
  read(block: TextBlock, count: number, exact: Uint32Array): readonly number[] {
    this.#block = block;
    this.#scratch = block.scratch;
    const rows = new Set<number>(exact);
    for (const column of this.#every) this.#readColumn(column, count, rows);
    // The exact reader brings the text of these rows; what the walker found would be unescaped in vain.
    for (const row of rows) this.#forget(row);
    for (const column of this.#every) {
      if (column.way !== "text") continue;
      this.#readText(column, count);
      // What is no base64 is told by the exact reader.
      if (column.field.type.kind === "binary") for (const row of this.#decode(column, count)) rows.add(row);
    }
    return [...rows].sort((a, b) => a - b);
  }

  /** Sets a row's values, in the order of the fields. */
  put(row: number, values: readonly Value[]): void {
    this.#columns.forEach((column, i) => {
      this.#put(column, row, values[i] ?? null);
    });
  }

  /** The columns of the batch, views on kernel memory. */
  finish(count: number): Column[] {
    return this.#columns.map((column) => this.#finish(column, count));
  }

  free(): void {
    for (const address of this.#owned) this.#memory.free(address);
  }

  #put(column: Planned, row: number, value: Value): void {
    const valid = this.#memory.u8();
    const at = column.valid + row;
    column.nulls += (valid[at] as number) - (value === null ? 0 : 1);
    valid[at] = value === null ? 0 : 1;
    for (const field of column.fields) {
      this.#put(field, row, value === null ? null : ((value as { readonly [name: string]: Value })[field.field.name] ?? null));
    }
    if (value !== null && column.way !== "fields") this.#store(column, row, value);
  }

  #plan({ field, index, fields }: JsonPlace): Planned {
    const way = fields === null ? wayOf(field.type) : "fields";
    const rows = this.#walk.capacity;
    const values = this.#alloc(rows * widthOf(field.type));
    const valid = this.#alloc(rows);
    const ends = this.#alloc(way === "text" ? rows * 4 : 0);
    const planned = (fields ?? []).map((place) => this.#plan(place));
    return { field, way, index, values, ends, valid, fields: planned, objects: [], nulls: 0 };
  }

  #alloc(bytes: number): number {
    const address = this.#memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }

  #at(): TextBlock {
    if (this.#block === undefined) throw internalError("columns are read before a block is");
    return this.#block;
  }

  #fillContext(column: Planned, count: number): void {
    const u32 = this.#memory.u32();
    const c = this.#context >>> 2;
    const { base } = this.#at();
    u32[c + slot.base] = base;
    u32[c + slot.seps] = this.#walk.spans;
    u32[c + slot.rows] = this.#walk.rows;
    u32[c + slot.count] = count;
    u32[c + slot.field] = column.index * 2 + 1;
    u32[c + slot.strip] = 0;
    u32[c + slot.quote] = 0xffffffff;
    u32[c + slot.escape] = 0xffffffff;
    u32[c + slot.marked] = 0;
    u32[c + slot.values] = column.values;
    u32[c + slot.valid] = column.valid;
    u32[c + slot.slow] = this.#slow;
    u32[c + slot.ends] = column.ends;
    u32[c + slot.origin] = base;
    u32[c + slot.scratch] = this.#scratch;
    u32[c + slot.stride] = this.#walk.stride;
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

  #readColumn(column: Planned, count: number, slow: Set<number>): void {
    switch (column.way) {
      case "fixed": {
        this.#fillContext(column, count);
        kernelOf(this.#kernels, column.field.type)(this.#context);
        column.nulls = this.#out(slot.nulls);
        const first = this.#slow >>> 2;
        for (const row of this.#memory.u32().subarray(first, first + this.#out(slot.slows))) slow.add(row);
        return;
      }
      case "null":
        this.#memory.u8().fill(0, column.valid, column.valid + count);
        column.nulls = count;
        return;
      case "fields":
        this.#fillContext(column, count);
        this.#kernels.jsonStructColumn(this.#context);
        column.nulls = this.#out(slot.nulls);
        return;
      case "text":
        return;
      case "wide":
      case "object":
        this.#readValues(column, count, slow);
        return;
    }
  }

  #readText(column: Planned, count: number): void {
    this.#fillContext(column, count);
    this.#memory.u32()[(this.#context >>> 2) + slot.param] = this.#at().length;
    this.#kernels.jsonTextColumn(this.#context);
    column.nulls = this.#out(slot.nulls);
    this.#scratch = this.#out(slot.scratch);
  }

  /** Turns texts in base64 into what they say, which is shorter; answers the rows whose text is none. */
  #decode(column: Planned, count: number): number[] {
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
  #readValues(column: Planned, count: number, slow: Set<number>): void {
    const u32 = this.#memory.u32();
    const bytes = this.#memory.u8();
    const { base } = this.#at();
    const block = Buffer.from(bytes.buffer, base, this.#at().length);
    const risky = needsDigits(column.field.type);
    column.nulls = 0;
    let at = (this.#walk.spans >>> 2) + column.index * 2;
    for (let row = 0; row < count; row++, at += this.#walk.stride) {
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

  #forget(row: number): void {
    const u32 = this.#memory.u32();
    let at = (this.#walk.spans >>> 2) + row * this.#walk.stride;
    for (const end = at + this.#every.length * 2; at < end; at += 2) {
      u32[at] = nullStart;
      u32[at + 1] = 0;
    }
  }

  #store(column: Planned, row: number, value: Value): void {
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
      case "fields":
      case "null":
        throw internalError(`a column of ${column.way} takes no value`);
    }
  }

  /** Behind the texts that the kernels unescaped; a row's texts together are never longer than its line, so the space suffices. */
  #storeText(column: Planned, row: number, value: Value): void {
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

  #finish(column: Planned, count: number): Column {
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
}

const every = (columns: readonly Planned[]): readonly Planned[] => columns.flatMap((column) => [column, ...every(column.fields)]);
