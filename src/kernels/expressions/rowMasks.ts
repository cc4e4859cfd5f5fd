import { codesOf } from "../../batch/coded.js";
import type { Batch, BytesColumn, Column } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { assertNever, required } from "../../common/assert.js";
import type { MaskKernels } from "./maskKernels.js";
import { type DoublesNode, type MaskNode, textHash } from "./maskProgram.js";
import { endSharing, shareReaderKernels } from "../taskKernels.js";
import type { Kernels } from "../wasm.js";

/** Rows of the largest batch; readers give no larger ones. */
const mostRows = 65_536;
/** Kernels work on sixteen rows at a time and may write behind the last. */
const slack = 16;
/** Rows whose doubles are computed at a time: what a step makes, the next finds in the cache. */
const tileRows = 2048;
const noRows = new Uint32Array();

/**
 * Finds the rows of a batch in which conditions are false, with kernels that look at whole columns where a reader of text has put them. Memory is
 * asked for when it is made, before any reader has handed out views.
 */
export class RowMasks {
  readonly kernels: Kernels;
  readonly #run: MaskKernels;
  readonly #owned: number[] = [];
  readonly #masks: number[];
  readonly #doubles: number[];
  readonly #tables = new Map<MaskNode, Table>();
  readonly #rows: number;

  /** `nodes`: of each condition the rows that it is false for, null where there are no kernels for it. */
  constructor(private readonly nodes: readonly (MaskNode | null)[]) {
    this.kernels = shareReaderKernels();
    this.#run = this.kernels.functions<MaskKernels>();
    const known = nodes.filter((node) => node !== null);
    this.#masks = Array.from({ length: Math.max(1, ...known.map(depthOf)) }, () => this.alloc(mostRows + slack));
    this.#doubles = Array.from({ length: Math.max(0, ...known.map(doublesDepth)) }, () => this.alloc(8 * (tileRows + slack)));
    this.#rows = this.alloc(4 * mostRows);
    for (const node of known) this.#keepTables(node);
  }

  /**
   * The live rows where a condition is false, ascending, until it is asked again; null where the batch's columns lie elsewhere, or few of its rows
   * are live.
   */
  find(condition: number, batch: Batch): Uint32Array | null {
    const { selection, length } = batch;
    const node = this.nodes[condition] ?? null;
    if (node === null || length > mostRows || (selection !== null && selection.length * 4 < length)) return null;
    if (!this.#isHere(node, batch)) return null;
    if (isNever(node, batch)) return noRows;
    this.#mask(node, batch, 0);
    const mask = this.#at(0);
    const first = this.#rows >>> 2;
    const { memory } = this.kernels;
    if (selection === null) return memory.u32().subarray(first, first + this.#run.maskRows(mask, length, this.#rows));
    const failed = memory.u8().subarray(mask, mask + length);
    const rows = memory.u32();
    let next = first;
    for (let i = 0; i < selection.length; i++) {
      const row = selection[i] as number;
      if (failed[row] !== 0) rows[next++] = row;
    }
    return rows.subarray(first, next);
  }

  free(): void {
    if (this.#owned.length === 0) return;
    for (const address of this.#owned) this.kernels.memory.free(address);
    this.#owned.length = 0;
    endSharing(this.kernels);
  }

  /** Memory that is free again when this is. */
  alloc(bytes: number): number {
    const address = this.kernels.memory.alloc(bytes);
    this.#owned.push(address);
    return address;
  }

  #at(depth: number): number {
    return required(this.#masks[depth], "mask");
  }

  #keepTables(node: MaskNode): void {
    if (node.kind === "and" || node.kind === "or") for (const part of node.parts) this.#keepTables(part);
    if (node.kind === "pattern") {
      const { next, atEnd } = node.pattern;
      this.#tables.set(node, {
        first: this.#copy(next),
        second: this.#copy(atEnd),
        third: this.#zeros(memoBytes),
      });
    }
    if (node.kind === "texts") this.#tables.set(node, this.#textTable(node.texts));
  }

  #copy(bytes: Uint8Array): number {
    const address = this.alloc(bytes.length);
    this.kernels.memory.u8().set(bytes, address);
    return address;
  }

  #zeros(bytes: number): number {
    const address = this.alloc(bytes);
    this.kernels.memory.u8().fill(0, address, address + bytes);
    return address;
  }

  /** Slots of used, address and size; `second` is the mask of the slots' numbers. */
  #textTable(texts: readonly Uint8Array[]): Table {
    let slots = 16;
    while (slots < 2 * texts.length) slots *= 2;
    const places = texts.map((text) => this.#copy(text));
    const words = new Uint32Array(3 * slots);
    for (const [i, text] of texts.entries()) {
      let slot = textHash(text) & (slots - 1);
      while (words[3 * slot] !== 0) slot = (slot + 1) & (slots - 1);
      words.set([1, required(places[i], "text"), text.length], 3 * slot);
    }
    return { first: this.#copy(new Uint8Array(words.buffer)), second: slots - 1 };
  }

  #isHere(node: MaskNode, batch: Batch): boolean {
    switch (node.kind) {
      case "and":
      case "or":
        return node.parts.every((part) => this.#isHere(part, batch));
      case "fill":
        return true;
      case "order":
        return this.#areHere(node.value, batch);
      case "nulls": {
        const column = columnAt(batch, node.column);
        if (codesOf(column) !== null) return false;
        return column.valid === null || this.#owns(column.valid);
      }
      default:
        return this.#ownsColumn(columnAt(batch, node.column));
    }
  }

  #areHere(node: DoublesNode, batch: Batch): boolean {
    if (node.kind === "binary") return this.#areHere(node.a, batch) && this.#areHere(node.b, batch);
    return node.kind === "literal" || this.#ownsColumn(columnAt(batch, node.column));
  }

  #ownsColumn(column: Column): boolean {
    if (column.layout === "object" || column.layout === "wide" || codesOf(column) !== null) return false;
    if (column.valid !== null && !this.#owns(column.valid)) return false;
    if (column.layout === "fixed") return this.#owns(column.values);
    return this.#owns(column.bytes) && this.#owns(column.starts) && this.#owns(column.ends);
  }

  /** Kernels also read up to sixteen bytes behind a column. */
  #owns(view: ArrayBufferView): boolean {
    return this.kernels.memory.owns(view) && view.byteOffset + view.byteLength + slack <= view.buffer.byteLength;
  }

  #mask(node: MaskNode, batch: Batch, depth: number): void {
    const out = this.#at(depth);
    const rows = batch.length;
    switch (node.kind) {
      case "fill":
        this.#run.maskFill(node.value ? 1 : 0, rows, out);
        return;
      case "nulls": {
        const { valid } = columnAt(batch, node.column);
        if (valid === null) this.#run.maskFill(node.isNull ? 0 : 1, rows, out);
        else this.#run.maskNulls(valid.byteOffset, rows, node.isNull ? 1 : 0, out);
        return;
      }
      case "interval":
        this.#interval(node, batch, out);
        this.#withoutNulls(batch, node.column, out);
        return;
      case "order": {
        for (let from = 0; from < rows; from += tileRows) {
          const count = Math.min(tileRows, rows - from);
          const values = this.#doublesOf(node.value, batch, 0, from, count);
          this.#run.maskF64(values, count, orders[node.order], node.to, node.negated ? 1 : 0, out + from);
        }
        for (const column of columnsOf(node.value)) this.#withoutNulls(batch, column, out);
        return;
      }
      case "pattern":
        this.#pattern(node, batch, out);
        return;
      case "texts": {
        const [column, table] = [textsAt(batch, node.column), required(this.#tables.get(node), "table")];
        const { bytes, starts, ends } = column;
        const at = [bytes.byteOffset, starts.byteOffset, ends.byteOffset, column.valid?.byteOffset ?? 0] as const;
        this.#run.maskTexts(...at, rows, table.first, table.second, node.want ? 1 : 0, out);
        return;
      }
      case "and":
      case "or":
        this.#several(node, batch, depth);
        return;
      default:
        assertNever(node, "mask");
    }
  }

  #several({ kind, parts }: Extract<MaskNode, { kind: "and" | "or" }>, batch: Batch, depth: number): void {
    const out = this.#at(depth);
    let isFirst = true;
    for (const part of parts) {
      if (kind === "or" && isNever(part, batch)) continue;
      this.#mask(part, batch, isFirst ? depth : depth + 1);
      if (!isFirst && kind === "and") this.#run.maskAnd(out, this.#at(depth + 1), batch.length);
      else if (!isFirst) this.#run.maskOr(out, this.#at(depth + 1), batch.length);
      isFirst = false;
    }
    if (isFirst) this.#run.maskFill(0, batch.length, out);
  }

  #interval(node: Extract<MaskNode, { kind: "interval" }>, batch: Batch, out: number): void {
    const values = valuesAt(batch, node.column);
    const inside = node.inside ? 1 : 0;
    if (node.bits === 64) this.#run.maskI64(values, batch.length, node.low, node.high, inside, out);
    else this.#run.maskI32(values, batch.length, Number(node.low), Number(node.high), inside, out);
  }

  #withoutNulls(batch: Batch, column: number, out: number): void {
    const { valid } = columnAt(batch, column);
    if (valid !== null) this.#run.maskAnd(out, valid.byteOffset, batch.length);
  }

  #pattern(node: Extract<MaskNode, { kind: "pattern" }>, batch: Batch, out: number): void {
    const column = textsAt(batch, node.column);
    const { first, second, third = 0 } = required(this.#tables.get(node), "table");
    const { bytes, starts, ends } = column;
    const at = [bytes.byteOffset, starts.byteOffset, ends.byteOffset, column.valid?.byteOffset ?? 0] as const;
    const want = node.want ? 1 : 0;
    const open = this.#run.maskPattern(...at, batch.length, first, node.pattern.first, second, want, out, this.#rows, third);
    if (open === 0) return;
    const read = columnReader(column);
    const mask = this.kernels.memory.u8();
    for (const row of this.kernels.memory.u32().subarray(this.#rows >>> 2, (this.#rows >>> 2) + open))
      mask[out + row] = node.decide(String(read(row))) === node.want ? 1 : 0;
  }

  /** The address of the values of some rows. */
  #doublesOf(node: DoublesNode, batch: Batch, depth: number, from: number, count: number): number {
    if (node.kind === "column") return valuesAt(batch, node.column) + 8 * from;
    const out = required(this.#doubles[depth], "doubles");
    switch (node.kind) {
      case "ofInt32":
        this.#run.doublesOfI32(valuesAt(batch, node.column) + 4 * from, count, out);
        return out;
      case "literal":
        this.#run.doublesFill(node.value, count, out);
        return out;
      default: {
        const a = this.#doublesOf(node.a, batch, depth, from, count);
        const b = this.#doublesOf(node.b, batch, depth + 1, from, count);
        this.#run.doublesBinary(operations[node.fn], a, b, count, out);
        return out;
      }
    }
  }
}

/** Whether no row can be among those of a condition, without a look at any. */
function isNever(node: MaskNode, batch: Batch): boolean {
  switch (node.kind) {
    case "fill":
      return !node.value;
    case "nulls":
      return node.isNull && columnAt(batch, node.column).valid === null;
    case "and":
      return node.parts.some((part) => isNever(part, batch));
    case "or":
      return node.parts.every((part) => isNever(part, batch));
    default:
      return false;
  }
}

interface Table {
  readonly first: number;
  readonly second: number;
  readonly third?: number;
}

const memoBytes = 4096 * 8;

const orders = { lt: 0, lte: 1, eq: 2 } as const;
const operations = { add: 0, sub: 1, mul: 2 } as const;

const columnAt = (batch: Batch, index: number): Column => required(batch.columns[index], "column of a condition");

function valuesAt(batch: Batch, index: number): number {
  const column = columnAt(batch, index);
  if (column.layout !== "fixed") throw new TypeError("numbers are a column of fixed width");
  return column.values.byteOffset;
}

function textsAt(batch: Batch, index: number): BytesColumn {
  const column = columnAt(batch, index);
  if (column.layout !== "bytes") throw new TypeError("texts are a column of bytes");
  return column;
}

/** Masks that a condition needs at a time. */
function depthOf(node: MaskNode): number {
  if (node.kind !== "and" && node.kind !== "or") return 1;
  return Math.max(...node.parts.map((part, i) => depthOf(part) + (i === 0 ? 0 : 1)));
}

function doublesDepth(node: MaskNode): number {
  if (node.kind === "and" || node.kind === "or") return Math.max(...node.parts.map(doublesDepth));
  return node.kind === "order" ? buffersOf(node.value) : 0;
}

function buffersOf(node: DoublesNode): number {
  return node.kind === "binary" ? Math.max(buffersOf(node.a), 1 + buffersOf(node.b), 1) : node.kind === "column" ? 0 : 1;
}

function columnsOf(node: DoublesNode): readonly number[] {
  if (node.kind === "binary") return [...columnsOf(node.a), ...columnsOf(node.b)];
  return node.kind === "literal" ? [] : [node.column];
}
