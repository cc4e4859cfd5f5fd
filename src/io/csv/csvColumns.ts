import type { Column, FixedValues } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";
import { parseText } from "../../functions/cast.js";
import { RowFailure } from "../../functions/definition.js";
import { type CsvKernels, contextBytes, slot } from "../../kernels/csvKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import { type DataType, type Field, typeName, type Value } from "../../schema/types.js";
import type { CsvDialect } from "./csvDialect.js";
import type { Failures } from "./csvFailures.js";
import type { TextParser } from "./csvFormats.js";
import { storeFixed, storeWide, valuesAt, widthOf } from "../text/textValues.js";

/** Wrong texts of a column that are remembered, and the length up to which they are. */
const mostWrongTexts = 256;
const longestWrongText = 64;

/** The slice of an indexed block that one batch covers. */
export interface RowSlice {
  readonly base: number;
  readonly seps: number;
  /** Address of the slice's first entry in the row list. */
  readonly rows: number;
  readonly count: number;
  readonly scratch: number;
  /** Bytes from `base` to the end of the scratch space. */
  readonly span: number;
  readonly needsUtf8Check: boolean;
}

export interface CsvColumnsOptions {
  readonly memory: KernelMemory;
  readonly kernels: CsvKernels;
  readonly dialect: CsvDialect;
  readonly fields: number;
  readonly nullValues: readonly string[];
  readonly capacity: number;
  /** How the texts of a column are read that is not written ISO's way. */
  readonly parserOf?: (field: Field) => TextParser | null;
}

type Put = (row: number, value: Value) => void;

/** Column buffers for one reader, filled anew for every batch. */
export class CsvColumns {
  readonly #o: CsvColumnsOptions;
  readonly #context: number;
  readonly #slow: number;
  readonly #limit: number;
  readonly #flags: number;
  readonly #nullTable: number;
  readonly #nullCount: number;
  readonly #owned: number[] = [];
  #scratch = 0;
  #view: Buffer = Buffer.alloc(0);

  constructor(options: CsvColumnsOptions) {
    this.#o = options;
    this.#context = this.#alloc(contextBytes);
    this.#slow = this.#alloc(options.capacity * 4);
    this.#limit = this.#alloc(8);
    this.#flags = this.#alloc(4);
    const texts = options.nullValues.filter((text) => text !== "").map((text) => Buffer.from(text, "utf8"));
    this.#nullCount = texts.length;
    this.#nullTable = this.#alloc(texts.length * 8);
    texts.forEach((text, i) => {
      const at = this.#alloc(text.length);
      const { memory } = options;
      memory.u8().set(text, at);
      memory.u32().set([text.length, at], (this.#nullTable >>> 2) + i * 2);
    });
  }

  /** Buffers for a column. Call for every column before the first batch: it may grow the memory. */
  plan(field: Field, index: number, takesNullWords = true): PlannedColumn {
    const rows = this.#o.capacity;
    const width = widthOf(field.type);
    return {
      field,
      index,
      marked: takesNullWords && this.#nullCount > 0,
      width,
      values: this.#alloc(rows * width),
      ends: this.#alloc(width === 0 ? 0 : rows * 4),
      valid: this.#alloc(rows),
      parse: this.#o.parserOf?.(field) ?? null,
      wrongTexts: new Map(),
    };
  }

  /** To be called at the begin of every batch: unescaped text of the batch before is no longer needed. */
  begin(slice: RowSlice): void {
    this.#scratch = slice.scratch;
    // One view of all memory for as long as it does not grow: to make one for each text takes longer than to read it.
    const { buffer } = this.#o.memory.u8();
    if (this.#view.buffer !== buffer) this.#view = Buffer.from(buffer);
  }

  read(column: PlannedColumn, slice: RowSlice, failures: Failures): Column {
    this.#fillContext(column, slice);
    const { type } = column.field;
    const isText = type.kind === "utf8" || type.kind === "binary";
    if (column.marked) this.#o.kernels.matchNulls(this.#context, this.#nullTable, this.#nullCount, isText ? 0 : 1);
    if (column.parse !== null) return this.#readFormatted(column, slice, failures);
    if (isText) return this.#readText(column, slice, failures);
    if (type.kind === "decimal" && type.precision > 18) return this.#readWide(column, slice, failures);
    if (type.kind === "null") return this.#readNull(column, slice);
    return this.#readFixed(column, slice, failures);
  }

  free(): void {
    for (const address of this.#owned) this.#o.memory.free(address);
  }

  #alloc(bytes: number): number {
    const address = this.#o.memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }

  #fillContext(column: PlannedColumn, slice: RowSlice): void {
    const { memory, dialect, fields } = this.#o;
    const c = this.#context >>> 2;
    const u32 = memory.u32();
    u32[c + slot.base] = slice.base;
    u32[c + slot.seps] = slice.seps;
    u32[c + slot.rows] = slice.rows;
    u32[c + slot.count] = slice.count;
    u32[c + slot.field] = column.index;
    u32[c + slot.strip] = column.index === fields - 1 && dialect.newline === 10 ? 1 : 0;
    u32[c + slot.quote] = dialect.quote;
    u32[c + slot.escape] = dialect.escape;
    u32[c + slot.marked] = column.marked ? 1 : 0;
    u32[c + slot.values] = column.values;
    u32[c + slot.valid] = column.valid;
    u32[c + slot.slow] = this.#slow;
    u32[c + slot.ends] = column.ends;
    u32[c + slot.origin] = slice.base;
    u32[c + slot.scratch] = this.#scratch;
    u32[c + slot.limit] = this.#limit;
    u32[c + slot.stride] = fields;
    u32[c + slot.json] = 0;
    const { type } = column.field;
    if (type.kind === "decimal" && type.precision <= 18) {
      u32[c + slot.param] = type.scale;
      memory.u64()[this.#limit >>> 3] = 10n ** BigInt(type.precision);
    }
  }

  #out(index: number): number {
    return this.#o.memory.u32()[(this.#context >>> 2) + index] as number;
  }

  #validOf(column: PlannedColumn, slice: RowSlice, nulls: number): Uint8Array | null {
    return nulls === 0 ? null : this.#o.memory.u8().subarray(column.valid, column.valid + slice.count);
  }

  #readFixed(column: PlannedColumn, slice: RowSlice, failures: Failures): Column {
    const { type } = column.field;
    kernelOf(this.#o.kernels, type)(this.#context);
    let nulls = this.#out(slot.nulls);
    const slows = this.#out(slot.slows);
    const values = valuesAt(this.#o.memory, type, column.values, slice.count);
    if (slows > 0) nulls += this.#readSlows(column, slows, values, failures);
    return { layout: "fixed", type, length: slice.count, values, valid: this.#validOf(column, slice, nulls) };
  }

  /** Converts the fields of the rows that the kernel has listed; answers how many nulls they were. */
  #readSlows(column: PlannedColumn, slows: number, values: FixedValues, failures: Failures): number {
    const { type } = column.field;
    const put = (row: number, value: Value) => storeFixed(values, type, row, value);
    const rows = this.#o.memory.u32();
    let nulls = 0;
    for (let at = this.#slow >>> 2, end = at + slows; at < end; at++)
      nulls += this.#readSlow(column, rows[at] as number, failures, put);
    return nulls;
  }

  #readWide(column: PlannedColumn, slice: RowSlice, failures: Failures): Column {
    const { memory } = this.#o;
    const { type } = column.field;
    const values = memory.i64().subarray(column.values >>> 3, (column.values >>> 3) + slice.count * 2);
    const valid = memory.u8().subarray(column.valid, column.valid + slice.count);
    const put = (row: number, value: Value) => storeWide(values, row, value);
    let nulls = 0;
    for (let row = 0; row < slice.count; row++) {
      if (column.marked && valid[row] === 0) nulls++;
      else nulls += this.#readSlow(column, row, failures, put);
    }
    return { layout: "wide", type, length: slice.count, values, valid: this.#validOf(column, slice, nulls) };
  }

  #readFormatted(column: PlannedColumn, slice: RowSlice, failures: Failures): Column {
    const { memory } = this.#o;
    const { type } = column.field;
    const values = valuesAt(memory, type, column.values, slice.count);
    const valid = memory.u8().subarray(column.valid, column.valid + slice.count);
    const put = (row: number, value: Value) => storeFixed(values, type, row, value);
    let nulls = 0;
    for (let row = 0; row < slice.count; row++) {
      if (column.marked && valid[row] === 0) nulls++;
      else nulls += this.#readSlow(column, row, failures, put);
    }
    return { layout: "fixed", type, length: slice.count, values, valid: this.#validOf(column, slice, nulls) };
  }

  #readNull(column: PlannedColumn, slice: RowSlice): Column {
    const { memory } = this.#o;
    memory.u8().fill(0, column.valid, column.valid + slice.count);
    const values = memory.u8().subarray(column.values, column.values + slice.count);
    return {
      layout: "fixed",
      type: column.field.type,
      length: slice.count,
      values,
      valid: this.#validOf(column, slice, slice.count),
    };
  }

  /** Converts one field by the definition of its type; answers how many nulls it was. */
  #readSlow(column: PlannedColumn, row: number, failures: Failures, put: Put): number {
    const length = this.#o.kernels.fieldText(this.#context, row, this.#scratch, this.#flags) >>> 0;
    const text = this.#view.toString("utf8", this.#scratch, this.#scratch + length);
    const known = column.wrongTexts.get(text);
    if (known === undefined) return this.#convert(column, row, text, failures, put);
    failures.add(row, known);
    this.#view[column.valid + row] = 0;
    return 1;
  }

  #convert(column: PlannedColumn, row: number, text: string, failures: Failures, put: Put): number {
    const { field, parse, wrongTexts } = column;
    const valid = this.#view;
    try {
      const value = text === "" ? null : parse === null ? parseText(text, field.type) : parse(text);
      valid[column.valid + row] = value === null ? 0 : 1;
      if (value !== null) put(row, value);
      return value === null ? 1 : 0;
    } catch (error) {
      if (!(error instanceof RowFailure)) throw error;
      const reason = { column: field.name, code: error.code, message: error.message };
      const canStay = wrongTexts.size < mostWrongTexts && text.length <= longestWrongText;
      const number = canStay ? failures.why.keep(reason) : failures.why.pass(reason);
      if (canStay) wrongTexts.set(text, number);
      failures.add(row, number);
      valid[column.valid + row] = 0;
      return 1;
    }
  }

  #readText(column: PlannedColumn, slice: RowSlice, failures: Failures): Column {
    const { memory, kernels } = this.#o;
    const { field } = column;
    kernels.textColumn(this.#context);
    this.#scratch = this.#out(slot.scratch);
    const nulls = this.#out(slot.nulls);
    if (slice.needsUtf8Check && field.type.kind === "utf8") {
      const wrong = kernels.invalidUtf8Rows(slice.base, column.values, column.ends, column.valid, slice.count, this.#slow);
      const reason = { column: field.name, code: "INVALID_UTF8", message: "the field is not well-formed UTF-8" };
      const number = wrong === 0 ? 0 : failures.why.find(reason);
      for (const row of memory.u32().subarray(this.#slow >>> 2, (this.#slow >>> 2) + wrong)) failures.add(row, number);
    }
    return {
      layout: "bytes",
      type: field.type,
      length: slice.count,
      bytes: memory.u8().subarray(slice.base, slice.base + slice.span),
      starts: memory.i32().subarray(column.values >>> 2, (column.values >>> 2) + slice.count),
      ends: memory.i32().subarray(column.ends >>> 2, (column.ends >>> 2) + slice.count),
      valid: this.#validOf(column, slice, nulls),
    };
  }
}

export interface PlannedColumn {
  readonly field: Field;
  /** Which field of the record. */
  readonly index: number;
  /** Words that mean null are looked for. */
  readonly marked: boolean;
  readonly width: number;
  readonly values: number;
  readonly ends: number;
  readonly valid: number;
  readonly parse: TextParser | null;
  /**
   * Texts that were no values, by the number of the reason: where one text is wrong it mostly is in many records, and failing takes longer than
   * reading one. A column is therefore always read with the same `Failures`.
   */
  readonly wrongTexts: Map<string, number>;
}

/** The kernel of a type of fixed width; exported WebAssembly functions need no `this`. */
export function kernelOf(kernels: CsvKernels, type: DataType): (context: number) => void {
  switch (type.kind) {
    case "bool":
      return kernels.boolColumn;
    case "int8":
      return kernels.int8Column;
    case "int16":
      return kernels.int16Column;
    case "int32":
      return kernels.int32Column;
    case "int64":
      return kernels.int64Column;
    case "uint8":
      return kernels.uint8Column;
    case "uint16":
      return kernels.uint16Column;
    case "uint32":
      return kernels.uint32Column;
    case "uint64":
      return kernels.uint64Column;
    case "float32":
      return kernels.float32Column;
    case "float64":
      return kernels.float64Column;
    case "date":
      return kernels.dateColumn;
    case "timestamp":
      return kernels.timestampColumn;
    case "decimal":
      return kernels.decimalColumn;
    case "utf8":
    case "binary":
    case "null":
    case "list":
    case "struct":
      throw new RowFailure("CAST_FAILED", `CSV has no fast path for ${typeName(type)}`);
    default:
      return assertNever(type, "type");
  }
}
