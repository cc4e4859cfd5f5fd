import { layoutOf } from "../batch/builder.js";
import { codedColumn } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { stridedColumn, strideOf } from "../batch/strided.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { OutputFile, type OutputOptions } from "../io/sink/sinkOutput.js";
import { fixedView } from "../kernels/fixedView.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { crc32 } from "../runtime/safety.js";
import type { DataType, Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import {
  type Block,
  blockOf,
  blockTexts,
  type ColumnPlace,
  type EvenBlocks,
  type Footer,
  footerBytes,
  footerOfBytes,
  footerOfHeld,
  heldFooter,
  keepFooter,
  keptFooter,
  type TextsPlace,
} from "./blockFooter.js";
import { columnParts, evenParts } from "./blockParts.js";
import { HeldBytes } from "./heldBytes.js";
import { heldFile, HeldOutput, type HoldingBudget } from "./heldFiles.js";
import { knownTexts } from "./knownTexts.js";
import { widened } from "./narrowWords.js";
import { PagedFile, scratchDamaged } from "./pagedFile.js";
import { ReadMemory } from "./readMemory.js";

/**
 * Blocks of rows as their columns lie in memory, for files that one worker writes and another soon reads on the same machine. A file begins with
 * the magic; every part of a column begins at a multiple of 8. Behind the parts stands a text for each block, then a footer, its length, its checksum and the magic.
 * The footer has the crc32 of every page before it, and no byte is given to a reader before its page was compared with that.
 */
const magic = Buffer.from("MRBLOCK3", "latin1");
/** What stands after the footer: its length and its crc32, both 32 bits, and the magic. */
const tailBytes = 8 + magic.length;
/** Bytes that one checksum is of: reads of a few rows check this much, reads of many go over each byte once. */
const pageBytes = 8192;
const alignment = 8;

/** Writes one file. */
export class BlockFileWriter {
  readonly #output: OutputFile | HeldOutput;
  readonly #schemas: Schema[] = [];
  readonly #blocks: Block[] = [];
  readonly #groups: number[] = [];
  readonly #texts = new Map<BytesColumn, TextsPlace>();
  #rows = 0;

  /** `holding`: what may stay in memory instead of being written. */
  constructor(file: string, options: OutputOptions = {}, holding: HoldingBudget | null = null) {
    // Scratch files do not outlive the machine: they need not wait for the disk.
    const scratch = { fsync: false, pageBytes, ...options };
    if (holding !== null) {
      this.#output = new HeldOutput(file, magic, holding, scratch);
      return;
    }
    this.#output = new OutputFile(file, scratch);
    try {
      this.#output.write([magic]);
    } catch (thrown) {
      this.#output.abort();
      throw thrown;
    }
  }

  /** Appends a block. The parts are written before this returns. `came`: see `Block`. */
  write(schema: Schema, rows: number, bounds: readonly number[], columns: readonly ColumnParts[], came = rows): void {
    const parts: Uint8Array[] = [];
    let at = this.#output.bytes;
    const known = new Map<ArrayBufferLike, Map<number, { readonly length: number; readonly place: number }>>();
    const put = (part: Uint8Array | null): number | null => {
      if (part === null) return null;
      const { buffer, byteOffset, length } = part;
      const before = known.get(buffer)?.get(byteOffset);
      if (before?.length === length) return before.place;
      const place = at;
      known.set(buffer, (known.get(buffer) ?? new Map()).set(byteOffset, { length, place }));
      const rest = (alignment - (length % alignment)) % alignment;
      parts.push(part);
      if (rest > 0) parts.push(new Uint8Array(rest));
      at += length + rest;
      return place;
    };
    const placeOf = (column: ColumnParts): ColumnPlace => {
      const { values, offsets, stride, narrow, valid, texts } = evenParts(column);
      return {
        values: required(put(values), "values"),
        offsets: put(offsets),
        valid: put(valid),
        ...(stride === undefined ? {} : { stride }),
        ...(narrow === undefined ? {} : { narrow }),
        ...(texts === undefined ? {} : { coded: { texts: textsAt(texts), width: rows === 0 ? 1 : values.length / rows } }),
      };
    };
    const textsAt = (texts: BytesColumn): number => {
      if (!this.#texts.has(texts)) this.#texts.set(texts, { rows: texts.length, place: placeOf(columnParts(texts)) });
      return [...this.#texts.keys()].indexOf(texts);
    };
    const places = columns.map(placeOf);
    this.#output.write(parts);
    let number = this.#schemas.indexOf(schema);
    if (number < 0) number = this.#schemas.push(schema) - 1;
    this.#blocks.push({ schema: number, rows, ...(came === rows ? {} : { came }), bounds, columns: places });
    this.#rows += rows;
  }

  /** Ends a group of blocks: those since the one before. */
  endGroup(): void {
    this.#groups.push(this.#blocks.length);
  }

  finish(): FileWritten {
    const output = this.#output;
    const head = { schemas: this.#schemas, texts: [...this.#texts.values()], dataEnd: output.bytes };
    const disk = output instanceof HeldOutput ? output.disk : output;
    if (disk === null) return (output as HeldOutput).finish(this.#rows, heldFooter(head, this.#blocks, this.#groups));
    const { text, texted } = blockTexts(this.#blocks);
    disk.write([text]);
    const footer = footerBytes(head, disk.pageChecksums, texted, this.#groups);
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(footer.length);
    tail.writeUInt32LE(crc32(footer), 4);
    disk.write([footer, tail, magic]);
    return { path: disk.path, rows: this.#rows, partitionValues: [], ...disk.finish() };
  }

  abort(): void {
    this.#output.abort();
  }
}

/** Whether two columns are the same bytes of the file. */
const areSameTexts = (a: ColumnPlace, b: ColumnPlace): boolean =>
  a.values === b.values &&
  a.offsets === b.offsets &&
  a.stride === b.stride &&
  (a.offsets !== null || a.stride !== undefined) &&
  a.valid === null &&
  b.valid === null;

/** The same texts as another type of texts. */
const withType = (column: BytesColumn, type: DataType): BytesColumn => {
  const stride = strideOf(column);
  return stride === null ? { ...column, type } : stridedColumn(type, column.bytes, stride, column.length);
};

/** Offsets that begin with 0, in memory that may be theirs already. */
function fromZero(offsets: Int32Array, first: number, memory: Uint8Array): Int32Array {
  const moved = new Int32Array(memory.buffer, memory.byteOffset, offsets.length);
  for (let i = 0; i < moved.length; i++) moved[i] = (offsets[i] as number) - first;
  return moved;
}

/** Reads one file, any rows of any block. */
export class BlockFile {
  readonly #path: string;
  readonly #source: HeldBytes | PagedFile;
  readonly #footer: Footer;
  #blocks: readonly Block[] | null = null;

  /** @throws MillraceError External/SCRATCH_UNREADABLE, SCRATCH_DAMAGED */
  constructor(path: string) {
    this.#path = path;
    const held = heldFile(path);
    this.#source = held === null ? new PagedFile(path, pageBytes) : new HeldBytes(held, magic.length);
    try {
      const { bytes } = this.#source;
      this.#footer = keptFooter(path, bytes) ?? this.#read();
      if (this.#source instanceof PagedFile) this.#source.begin(this.#footer.pages, this.#footer.pagedEnd);
      keepFooter(path, bytes, this.#footer);
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  #read(): Footer {
    const source = this.#source;
    if (source instanceof HeldBytes) return footerOfHeld(source.footer);
    const { bytes } = source;
    if (bytes < magic.length + tailBytes) throw this.#broken("it is cut short");
    if (!source.raw(0, magic.length).equals(magic)) throw this.#broken("it does not begin with the magic");
    const tail = source.raw(bytes - tailBytes, tailBytes);
    if (!tail.subarray(8).equals(magic)) throw this.#broken("it does not end with the magic");
    const pagedEnd = bytes - tailBytes - tail.readUInt32LE(0);
    if (pagedEnd < magic.length) throw this.#broken("its footer has no such length");
    const footer = source.raw(pagedEnd, bytes - tailBytes - pagedEnd);
    if (crc32(footer) !== tail.readUInt32LE(4)) throw this.#broken("its footer has another checksum");
    return footerOfBytes(footer, pagedEnd);
  }

  /** Bytes of the blocks, the same in memory and on the disk. */
  get bytes(): number {
    return this.#footer.dataEnd;
  }

  /** Keys that searches in a sorted file have looked at, by row, as latin1: kept for later searches while the footer is. */
  get pivots(): Map<number, string> {
    return this.#footer.pivots;
  }

  /** All blocks; for a few of many, see `block`. */
  get blocks(): readonly Block[] {
    this.#blocks ??= Array.from(this.#footer.blocks, (_, i) => this.block(i));
    return this.#blocks;
  }

  block(index: number): Block {
    return blockOf(this.#footer, index, (position, length) => {
      const text = Buffer.allocUnsafe(length);
      this.#source.readInto(text, position);
      return text;
    });
  }

  /** The numbers [from, to) of the blocks of a group, as `endGroup` ended it. */
  group(index: number): { readonly from: number; readonly to: number } {
    const { groups } = this.#footer;
    return {
      from: index === 0 ? 0 : required(groups[index - 1], "group of blocks"),
      to: required(groups[index], "group of blocks"),
    };
  }

  schemaOf(block: Block): Schema {
    return required(this.#footer.schemas[block.schema], "schema of a block");
  }

  /** Rows [from, to) of a block, in `memory`: good until it is used for the next ones. */
  read(block: Block, from: number, to: number, memory: ReadMemory): Column[] {
    const columns: Column[] = [];
    this.schemaOf(block).forEach(({ type }, i) => {
      const place = required(block.columns[i], "column");
      const same = block.columns.findIndex((other, j) => j < i && areSameTexts(other, place));
      const known = columns[same];
      columns.push(known?.layout === "bytes" ? withType(known, type) : this.readColumn(block, i, from, to, memory));
    });
    return columns;
  }

  /** Rows [from, to) of one column of a block. */
  readColumn(block: Block, index: number, from: number, to: number, memory: ReadMemory): Column {
    const field = required(this.schemaOf(block)[index], "column");
    const place = required(block.columns[index], "column");
    return this.#column(field.type, place, from, to, memory, index * 3);
  }

  /** Fills `target` with bytes from a position in the file on, all of one part of a column. */
  copy(position: number, target: Uint8Array): void {
    this.#source.readInto(target, position);
  }

  /** The blocks, where they are even and in memory; null otherwise. */
  get even(): EvenBlocks | null {
    return this.#footer.even ?? null;
  }

  /** See `HeldBytes.gather`; for files that have `even` blocks. */
  gather(target: Uint8Array, at: number, positions: Float64Array, lengths: Int32Array, count: number): void {
    if (!(this.#source instanceof HeldBytes)) throw internalError("only files in memory are gathered from");
    this.#source.gather(target, at, positions, lengths, count);
  }

  close(): void {
    this.#source.close();
  }

  #column(type: DataType, place: ColumnPlace, from: number, to: number, memory: ReadMemory, slot: number): Column {
    const length = to - from;
    const read = (part: number, at: number, bytes: number) => this.#source.read(memory, slot + part, at, bytes);
    if (place.coded !== undefined) {
      const { texts, width } = place.coded;
      const bytes = read(2, place.values + from * width, length * width);
      const codes = width === 1 ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, length);
      return codedColumn({ codes, texts: this.textsOfCodes(texts, type) }, length);
    }
    const valid = place.valid === null ? null : read(0, place.valid + from, length);
    if (place.offsets !== null) {
      const offsets = read(1, place.offsets + from * 4, (length + 1) * 4);
      let bounds = new Int32Array(offsets.buffer, offsets.byteOffset, length + 1);
      const first = bounds[0] as number;
      const bytes = read(2, place.values + first, (bounds[length] as number) - first);
      if (first !== 0) bounds = fromZero(bounds, first, memory.take(slot + 1, bounds.byteLength));
      return { layout: "bytes", type, length, bytes, starts: bounds.subarray(0, length), ends: bounds.subarray(1), valid };
    }
    const { stride } = place;
    if (stride !== undefined) {
      const bytes = read(2, place.values + from * stride, length * stride);
      const column = stridedColumn(type, bytes, stride, length);
      return valid === null ? column : { ...column, valid };
    }
    if (place.narrow !== undefined) {
      const bytes = read(2, place.values + from * place.narrow, length * place.narrow);
      const values = fixedView(type, memory.take(slot + 1, length * 8));
      widened(bytes, place.narrow, new Int32Array(values.buffer, values.byteOffset, length * 2));
      return { layout: "fixed", type, length, values, valid };
    }
    const wide = layoutOf(type) === "wide";
    const width = wide ? 16 : fixedView(type, new Uint8Array(0)).BYTES_PER_ELEMENT;
    const bytes = read(2, place.values + from * width, length * width);
    if (wide) {
      return { layout: "wide", type, length, values: new BigInt64Array(bytes.buffer, bytes.byteOffset, length * 2), valid };
    }
    return { layout: "fixed", type, length, values: fixedView(type, bytes), valid };
  }

  /** Texts that codes stand for, in memory of their own. */
  textsOfCodes(index: number, type: DataType): BytesColumn {
    const known = this.#footer.codedTexts[index];
    if (known !== undefined) return known;
    const { rows, place } = required(this.#footer.texts[index], "texts of codes");
    const read = this.#column(type, place, 0, rows, new ReadMemory(), 0);
    if (read.layout !== "bytes") throw this.#broken("codes stand for something else than texts");
    const texts = knownTexts(read);
    this.#footer.codedTexts[index] = texts;
    this.#footer.cost += texts.bytes.byteLength + rows * 8;
    return texts;
  }

  #broken(why: string) {
    return scratchDamaged(this.#path, why);
  }
}
