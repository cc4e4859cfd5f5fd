import { layoutOf } from "../batch/builder.js";
import { codedColumn } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { stridedColumn } from "../batch/strided.js";
import { fixedView } from "../kernels/fixedView.js";
import { padding } from "../kernels/groups/groupKernels.js";
import { widthOfType } from "../kernels/groups/groupKeys.js";
import { Region } from "../kernels/groups/groupMemory.js";
import type { Kernels } from "../kernels/wasm.js";
import type { DataType, Schema } from "../schema/types.js";
import type { BlockFile } from "./blockFile.js";
import { type Block, type ColumnPlace, type EvenBlocks, hasWidth } from "./blockFooter.js";

/** A column of a batch is not larger than this. */
const mostPartBytes = 2 ** 25;

/**
 * Puts rows of blocks behind one another, so that what takes them has few batches to do with and need not copy them: columns of fixed width and byte
 * strings that all have the same length in kernel memory, and codes of the same texts.
 */
export class BlockRows {
  readonly #kernels: Kernels;
  readonly #most: number;
  #schema: Schema | null = null;
  #parts: readonly (FixedPart | CodedPart)[] = [];
  rows = 0;

  /** `most`: the rows of a batch. What is given is good until the next batch is begun. */
  constructor(kernels: Kernels, most: number) {
    this.#kernels = kernels;
    this.#most = most;
  }

  /** The schema of the rows that wait; null where none do. */
  get schema(): Schema | null {
    return this.rows === 0 ? null : this.#schema;
  }

  /** How many rows still go behind those that wait. */
  get room(): number {
    return this.#most - this.rows;
  }

  /** Appends rows [from, to) of a block; false where they do not go behind those that are there. */
  append(file: BlockFile, block: Block, from: number, to: number): boolean {
    const length = to - from;
    const schema = file.schemaOf(block);
    if (length > this.room || !block.columns.every((place) => isEven(place) && this.#hasRoom(place))) return false;
    if (this.rows === 0) this.#begin(file, schema, block.columns);
    else if (!this.#fits(file, schema, block.columns)) return false;
    for (let i = 0; i < this.#parts.length; i++)
      (this.#parts[i] as FixedPart | CodedPart).append(file, block.columns[i] as ColumnPlace, from, length, this.rows);
    this.rows += length;
    return true;
  }

  /**
   * Appends buckets [from, to) of blocks from `first` on, as many as there is room for, and gives the number of the next; `first` where its rows do
   * not go behind those that are there.
   */
  appendBuckets(file: BlockFile, even: EvenBlocks, from: number, to: number, first: number): number {
    const { columns, schema, bounds, buckets, blocks } = even;
    if (!columns.every((place) => this.#hasRoom(place))) return first;
    if (this.rows > 0 && !this.#fits(file, schema, columns)) return first;
    const [begin, end] = [Math.min(from, buckets), Math.min(to, buckets)];
    const { room } = this;
    let rows = 0;
    let next = first;
    for (; next < blocks; next++) {
      const at = next * (buckets + 1);
      const more = (bounds[at + end] as number) - (bounds[at + begin] as number);
      if (rows + more > room) break;
      rows += more;
    }
    if (rows === 0) return next;
    if (this.rows === 0) this.#begin(file, schema, columns);
    for (let i = 0; i < this.#parts.length; i++)
      (this.#parts[i] as FixedPart).appendBuckets(file, even, i, { begin, end, first, next }, this.rows, rows);
    this.rows += rows;
    return next;
  }

  /** The rows that wait; then there are none. */
  take(): Column[] {
    const { rows } = this;
    this.rows = 0;
    return this.#parts.map((part) => part.column(rows));
  }

  free(): void {
    for (const part of this.#parts) part.free();
    this.#parts = [];
    this.rows = 0;
  }

  /** Room is made for a whole batch at once, which long keys need too much of. */
  #hasRoom({ stride }: ColumnPlace): boolean {
    return (stride ?? 0) * this.#most <= mostPartBytes;
  }

  /** The parts of the batch before are used again where they are of the same kind. */
  #begin(file: BlockFile, schema: Schema, columns: readonly ColumnPlace[]): void {
    const isSame = this.#schema !== null && this.#parts.length === schema.length && this.#fits(file, schema, columns);
    this.#schema = schema;
    if (isSame) {
      for (const part of this.#parts) part.clear();
      return;
    }
    this.free();
    const { memory } = this.#kernels;
    this.#parts = schema.map(({ type }, i) => {
      const { stride, coded } = columns[i] as ColumnPlace;
      if (coded !== undefined) return new CodedPart(file.textsOfCodes(coded.texts, type), coded.width, this.#most);
      return new FixedPart(memory, type, stride ?? widthOfType(type), stride !== undefined, this.#most);
    });
  }

  /** Blocks of one step have schemas of their own in every file. */
  #fits(file: BlockFile, schema: Schema, columns: readonly ColumnPlace[]): boolean {
    const mine = this.#schema;
    if (schema !== mine && !schema.every(({ name }, i) => name === mine?.[i]?.name)) return false;
    return this.#parts.every((part, i) => part.takes(file, columns[i] as ColumnPlace));
  }
}

/** Buckets [begin, end) of blocks [first, next). */
interface Buckets {
  readonly begin: number;
  readonly end: number;
  readonly first: number;
  readonly next: number;
}

const isEven = (place: ColumnPlace): boolean => place.coded !== undefined || hasWidth(place);

/** One column. */
class FixedPart {
  readonly #values: Region;
  readonly #valid: Region;
  #hasNulls = false;
  #from = new Float64Array(64);
  #lengths = new Int32Array(64);

  constructor(
    private readonly memory: Kernels["memory"],
    private readonly type: DataType,
    private readonly width: number,
    private readonly strided: boolean,
    private readonly most: number,
  ) {
    this.#values = new Region(memory);
    this.#valid = new Region(memory);
    this.#values.reserve(most * width + padding);
  }

  takes(_file: BlockFile, { stride, coded }: ColumnPlace): boolean {
    return coded === undefined && stride === (this.strided ? this.width : undefined);
  }

  append(file: BlockFile, { values, valid }: ColumnPlace, from: number, length: number, rows: number): void {
    const { width } = this;
    this.#read(file, values + from * width, this.#values.address + rows * width, length * width);
    if (valid === null && !this.#hasNulls) return;
    if (!this.#hasNulls) {
      this.#valid.reserve(this.most + padding);
      this.memory.u8().fill(1, this.#valid.address, this.#valid.address + rows);
      this.#hasNulls = true;
    }
    const at = this.#valid.address + rows;
    if (valid === null) this.memory.u8().fill(1, at, at + length);
    else this.#read(file, valid + from, at, length);
  }

  /** Buckets of some blocks, of which this is column `index`, behind `rows` rows; `more` rows in all. */
  appendBuckets(file: BlockFile, even: EvenBlocks, index: number, which: Buckets, rows: number, more: number): void {
    const { width } = this;
    const { begin, end, first, next } = which;
    const { bounds, positions } = even;
    const perBlock = even.buckets + 1;
    const columns = even.columns.length;
    const count = next - first;
    if (this.#from.length < count) [this.#from, this.#lengths] = [new Float64Array(count * 2), new Int32Array(count * 2)];
    for (let i = 0; i < count; i++) {
      const at = (first + i) * perBlock;
      const row = bounds[at + begin] as number;
      this.#from[i] = (positions[(first + i) * columns + index] as number) + row * width;
      this.#lengths[i] = ((bounds[at + end] as number) - row) * width;
    }
    file.gather(this.memory.u8(), this.#values.address + rows * width, this.#from, this.#lengths, count);
    if (!this.#hasNulls) return;
    const at = this.#valid.address + rows;
    this.memory.u8().fill(1, at, at + more);
  }

  column(length: number): Column {
    const { type, width } = this;
    const u8 = this.memory.u8();
    const view = (address: number, bytes: number) => u8.subarray(address, address + bytes);
    const values = view(this.#values.address, length * width);
    const valid = this.#hasNulls ? view(this.#valid.address, length) : null;
    if (this.strided) return stridedColumn(type, values, width, length);
    if (layoutOf(type) === "wide")
      return { layout: "wide", type, length, values: new BigInt64Array(values.buffer, values.byteOffset, length * 2), valid };
    return { layout: "fixed", type, length, values: fixedView(type, values), valid };
  }

  clear(): void {
    this.#hasNulls = false;
  }

  free(): void {
    this.#values.free();
    this.#valid.free();
  }

  #read(file: BlockFile, position: number, address: number, bytes: number): void {
    file.copy(position, this.memory.u8().subarray(address, address + bytes));
  }
}

/** One column of few texts. */
class CodedPart {
  readonly #texts: BytesColumn;
  readonly #width: number;
  readonly #codes: Uint8Array;

  constructor(texts: BytesColumn, width: number, most: number) {
    this.#texts = texts;
    this.#width = width;
    this.#codes = new Uint8Array(most * width);
  }

  takes(file: BlockFile, { coded }: ColumnPlace): boolean {
    return coded?.width === this.#width && file.textsOfCodes(coded.texts, this.#texts.type) === this.#texts;
  }

  append(file: BlockFile, { values }: ColumnPlace, from: number, length: number, rows: number): void {
    const width = this.#width;
    file.copy(values + from * width, this.#codes.subarray(rows * width, (rows + length) * width));
  }

  column(length: number): Column {
    const { buffer } = this.#codes;
    const codes = this.#width === 1 ? new Uint8Array(buffer, 0, length) : new Uint16Array(buffer, 0, length);
    return codedColumn({ codes, texts: this.#texts }, length);
  }

  clear(): void {
    // The next rows go over these.
  }

  free(): void {
    // It is JavaScript's.
  }
}
