import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { layoutOf } from "../batch/builder.js";
import { codedColumn } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { stridedColumn } from "../batch/strided.js";
import { required } from "../common/assert.js";
import { externalError, internalError, type MillraceError } from "../common/errors.js";
import { joinerOf } from "../io/sinkChecksum.js";
import { patiently } from "../io/sinkFileSystem.js";
import { OutputFile, type OutputOptions } from "../io/sinkOutput.js";
import { fixedView } from "../kernels/fixedView.js";
import { bytesOf } from "../kernels/groupMemory.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { checksums, crc32 } from "../runtime/safety.js";
import { type DataType, type Schema, typeName } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { ReadMemory } from "./readMemory.js";

/**
 * Blocks of rows as their columns lie in memory, for files that one worker writes and another soon reads on the same machine. A file begins with
 * the magic, ends with a footer, its length, its checksum and the magic; every part begins at a multiple of 8. The footer has the crc32 of every page before it, and
 * no byte is given to a reader before its page was compared with that.
 */
const magic = Buffer.from("MRBLOCK2", "latin1");
/** What stands after the footer: its length and its crc32, both 32 bits, and the magic. */
const tailBytes = 8 + magic.length;
/** Bytes that one checksum is of: reads of a few rows check this much, reads of many go over each byte once. */
const pageBytes = 8192;
const alignment = 8;
const pageJoiner = joinerOf(pageBytes);

/** Where the parts of a column stand in the file; null where there is none. */
interface ColumnPlace {
  readonly values: number;
  readonly offsets: number | null;
  /** For byte strings without offsets: the length of each. */
  readonly stride?: number;
  readonly valid: number | null;
  /** For values that are codes: which of the file's texts they stand for, and the bytes of each code. */
  readonly coded?: { readonly texts: number; readonly width: number };
}

/** Texts that codes stand for. */
interface TextsPlace {
  readonly rows: number;
  readonly place: ColumnPlace;
}

export interface Block {
  /** Which of the file's schemas it has. */
  readonly schema: number;
  readonly rows: number;
  /** The first row of each bucket, and the end of the last. */
  readonly bounds: readonly number[];
  readonly columns: readonly ColumnPlace[];
}

interface Footer {
  readonly schemas: readonly Schema[];
  readonly blocks: readonly Block[];
  readonly texts?: readonly TextsPlace[];
  readonly pages: readonly number[];
}

/** Writes one file. */
export class BlockFileWriter {
  readonly #output: OutputFile;
  readonly #schemas: Schema[] = [];
  readonly #blocks: Block[] = [];
  readonly #texts = new Map<BytesColumn, TextsPlace>();
  #rows = 0;

  constructor(file: string, options: OutputOptions = {}) {
    // Scratch files do not outlive the machine: they need not wait for the disk.
    this.#output = new OutputFile(file, { fsync: false, pageBytes, ...options });
    this.#output.write([magic]);
  }

  /** Appends a block. The parts are written before this returns. */
  write(schema: Schema, rows: number, bounds: readonly number[], columns: readonly ColumnParts[]): void {
    const parts: Uint8Array[] = [];
    let at = this.#output.bytes;
    const known = new Map<Uint8Array, number>();
    const put = (part: Uint8Array | null): number | null => {
      if (part === null) return null;
      const before = known.get(part);
      if (before !== undefined) return before;
      const place = at;
      known.set(part, place);
      const rest = (alignment - (part.length % alignment)) % alignment;
      parts.push(part);
      if (rest > 0) parts.push(new Uint8Array(rest));
      at += part.length + rest;
      return place;
    };
    const placeOf = ({ values, offsets, stride, valid, texts }: ColumnParts): ColumnPlace => ({
      values: required(put(values), "values"),
      offsets: put(offsets),
      valid: put(valid),
      ...(stride === undefined ? {} : { stride }),
      ...(texts === undefined ? {} : { coded: { texts: textsAt(texts), width: rows === 0 ? 1 : values.length / rows } }),
    });
    const textsAt = (texts: BytesColumn): number => {
      if (!this.#texts.has(texts)) this.#texts.set(texts, { rows: texts.length, place: placeOf(columnParts(texts)) });
      return [...this.#texts.keys()].indexOf(texts);
    };
    const places = columns.map(placeOf);
    this.#output.write(parts);
    let number = this.#schemas.indexOf(schema);
    if (number < 0) number = this.#schemas.push(schema) - 1;
    this.#blocks.push({ schema: number, rows, bounds, columns: places });
    this.#rows += rows;
  }

  finish(): FileWritten {
    const footer: Footer = {
      schemas: this.#schemas,
      blocks: this.#blocks,
      texts: [...this.#texts.values()],
      pages: this.#output.pageChecksums,
    };
    const text = Buffer.from(JSON.stringify(footer), "utf8");
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(text.length);
    tail.writeUInt32LE(crc32(text), 4);
    this.#output.write([text, tail, magic]);
    return { path: this.#output.path, rows: this.#rows, partitionValues: [], ...this.#output.finish() };
  }

  abort(): void {
    this.#output.abort();
  }
}

/** The bytes of a column that is not nested. */
export function columnParts(column: Column): ColumnParts {
  const { valid } = column;
  switch (column.layout) {
    case "fixed":
    case "wide":
      return { values: bytesOf(column.values), offsets: null, valid };
    case "bytes": {
      const { bytes, ends } = isDense(column) ? column : dense(column);
      const offsets = new Int32Array(column.length + 1);
      offsets.set(ends, 1);
      return { values: bytes.subarray(0, offsets[column.length]), offsets: bytesOf(offsets), valid };
    }
    default:
      throw internalError(`${typeName(column.type)} cannot be written as blocks`);
  }
}

/** Whether byte strings lie one after the other from the first byte on. */
function isDense({ starts, ends, length }: BytesColumn): boolean {
  let at = 0;
  for (let row = 0; row < length; row++) {
    if (starts[row] !== at) return false;
    at = ends[row] as number;
  }
  return true;
}

function dense(column: BytesColumn): BytesColumn {
  const rows = new Int32Array(column.length);
  for (let row = 0; row < rows.length; row++) rows[row] = row;
  const gathered = gatherColumn(column, rows);
  if (gathered.layout !== "bytes") throw internalError("a gathered column changed its layout");
  return gathered;
}

/** What the files that a thread read last said of themselves: one task after another reads the same ones. Paths are those of one run alone. */
const footers = new Map<string, { readonly bytes: number; readonly footer: ReadFooter }>();
const mostFooters = 256;

/** A footer, and where what it is of ends. */
interface ReadFooter extends Footer {
  readonly dataEnd: number;
  readonly pivots: Map<number, string>;
}

function keepFooter(path: string, bytes: number, footer: ReadFooter): void {
  footers.delete(path);
  footers.set(path, { bytes, footer });
  for (const oldest of footers.keys()) {
    if (footers.size <= mostFooters) break;
    footers.delete(oldest);
  }
}

/** Reads one file, any rows of any block. */
export class BlockFile {
  readonly schemas: readonly Schema[];
  readonly blocks: readonly Block[];
  readonly bytes: number;
  /** Keys that searches in a sorted file have looked at, by row, as latin1: kept for later searches while the footer is. */
  readonly pivots: Map<number, string>;
  readonly #path: string;
  readonly #fd: number;
  readonly #textPlaces: readonly TextsPlace[];
  readonly #texts: BytesColumn[] = [];
  readonly #pages: readonly number[];
  readonly #dataEnd: number;
  readonly #kept: KeptPage[] = [];

  /** @throws MillraceError External/SCRATCH_UNREADABLE, SCRATCH_DAMAGED */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = patiently(() => openSync(path, "r"));
    } catch (cause) {
      throw externalError("SCRATCH_UNREADABLE", `${path}: cannot be opened`, { cause, file: path });
    }
    try {
      this.bytes = fstatSync(this.#fd).size;
      const known = footers.get(path);
      const footer = known?.bytes === this.bytes ? known.footer : this.#footer();
      this.schemas = footer.schemas;
      this.blocks = footer.blocks;
      this.#textPlaces = footer.texts ?? [];
      this.#pages = footer.pages;
      this.#dataEnd = footer.dataEnd;
      this.pivots = footer.pivots;
      keepFooter(path, this.bytes, footer);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  #footer(): ReadFooter {
    if (this.bytes < magic.length + tailBytes) throw this.#broken("it is cut short");
    if (!this.#raw(0, magic.length).equals(magic)) throw this.#broken("it does not begin with the magic");
    const tail = this.#raw(this.bytes - tailBytes, tailBytes);
    if (!tail.subarray(8).equals(magic)) throw this.#broken("it does not end with the magic");
    const dataEnd = this.bytes - tailBytes - tail.readUInt32LE(0);
    if (dataEnd < magic.length) throw this.#broken("its footer has no such length");
    const text = this.#raw(dataEnd, this.bytes - tailBytes - dataEnd);
    if (crc32(text) !== tail.readUInt32LE(4)) throw this.#broken("its footer has another checksum");
    return { ...(JSON.parse(text.toString("utf8")) as Footer), dataEnd, pivots: new Map() };
  }

  schemaOf(block: Block): Schema {
    return required(this.schemas[block.schema], "schema of a block");
  }

  /** Rows [from, to) of a block, in `memory`: good until it is used for the next ones. */
  read(block: Block, from: number, to: number, memory: ReadMemory): Column[] {
    return this.schemaOf(block).map((_, i) => this.readColumn(block, i, from, to, memory));
  }

  /** Rows [from, to) of one column of a block. */
  readColumn(block: Block, index: number, from: number, to: number, memory: ReadMemory): Column {
    const field = required(this.schemaOf(block)[index], "column");
    const place = required(block.columns[index], "column");
    return this.#column(field.type, place, from, to, (part, bytes) => memory.take(index * 3 + part, bytes));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #column(
    type: DataType,
    place: ColumnPlace,
    from: number,
    to: number,
    take: (part: number, bytes: number) => Uint8Array,
  ): Column {
    const length = to - from;
    const read = (part: number, at: number, bytes: number) => this.#readInto(take(part, bytes), at);
    if (place.coded !== undefined) {
      const { texts, width } = place.coded;
      const bytes = read(2, place.values + from * width, length * width);
      const codes = width === 1 ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, length);
      return codedColumn({ codes, texts: this.#textsAt(texts, type) }, length);
    }
    const valid = place.valid === null ? null : read(0, place.valid + from, length);
    if (place.offsets !== null) {
      const offsets = read(1, place.offsets + from * 4, (length + 1) * 4);
      const bounds = new Int32Array(offsets.buffer, offsets.byteOffset, length + 1);
      const first = bounds[0] as number;
      const bytes = read(2, place.values + first, (bounds[length] as number) - first);
      if (first !== 0) for (let i = 0; i <= length; i++) bounds[i] = (bounds[i] as number) - first;
      return { layout: "bytes", type, length, bytes, starts: bounds.subarray(0, length), ends: bounds.subarray(1), valid };
    }
    const { stride } = place;
    if (stride !== undefined) {
      const bytes = read(2, place.values + from * stride, length * stride);
      const column = stridedColumn(type, bytes, stride, length);
      return valid === null ? column : { ...column, valid };
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
  #textsAt(index: number, type: DataType): BytesColumn {
    const known = this.#texts[index];
    if (known !== undefined) return known;
    const { rows, place } = required(this.#textPlaces[index], "texts of codes");
    const memory = new ReadMemory();
    const texts = this.#column(type, place, 0, rows, (part, bytes) => memory.take(part, bytes));
    if (texts.layout !== "bytes") throw this.#broken("codes stand for something else than texts");
    this.#texts[index] = texts;
    return texts;
  }

  #raw(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#fill(bytes, position);
    return bytes;
  }

  /** Reads bytes that were checked: one page by way of those kept, a few through one buffer, many straight into `target`. */
  #readInto(target: Uint8Array, position: number): Uint8Array {
    const end = position + target.length;
    if (end > this.#dataEnd) throw this.#broken(`it ends at byte ${this.#dataEnd}`);
    if (target.length === 0) return target;
    const first = Math.floor(position / pageBytes);
    const last = Math.floor((end - 1) / pageBytes);
    if (first === last) target.set(this.#page(first).subarray(position - first * pageBytes, end - first * pageBytes));
    else if (last - first < aroundPages) {
      const start = first * pageBytes;
      around ??= new Uint8Array(Buffer.allocUnsafeSlow(aroundPages * pageBytes).buffer);
      const pages = around.subarray(0, Math.min(this.#dataEnd, (last + 1) * pageBytes) - start);
      this.#fill(pages, start);
      this.#checkAll(pages, first);
      target.set(pages.subarray(position - start, end - start));
    } else this.#readPages(target, position, first);
    return target;
  }

  /** Whole pages straight into `target`, and what is less of one by way of that page. */
  #readPages(target: Uint8Array, position: number, first: number): void {
    const end = position + target.length;
    const from = position === first * pageBytes ? position : (first + 1) * pageBytes;
    const to = end === this.#dataEnd ? end : Math.floor(end / pageBytes) * pageBytes;
    if (from > position) target.set(this.#page(first).subarray(position - first * pageBytes));
    const whole = target.subarray(from - position, to - position);
    this.#fill(whole, from);
    this.#checkAll(whole, from / pageBytes);
    if (to < end) target.set(this.#page(to / pageBytes).subarray(0, end - to), to - position);
  }

  /** Pages from `page` on, of which the last may be the file's short one. */
  #checkAll(bytes: Uint8Array, page: number): void {
    if (!checksums || crc32(bytes) === pageJoiner.join(this.#pages, page, bytes.length)) return;
    for (let from = 0, i = page; from < bytes.length; from += pageBytes, i++)
      this.#check(bytes.subarray(from, from + pageBytes), i);
  }

  /** One page, kept for the next small read near it. */
  #page(page: number): Uint8Array {
    const slot = page % mostKept;
    let kept = this.#kept[slot];
    if (kept?.page === page) return kept.bytes;
    const start = page * pageBytes;
    const memory = kept?.memory ?? new Uint8Array(Buffer.allocUnsafeSlow(pageBytes).buffer);
    const bytes = memory.subarray(0, Math.min(pageBytes, this.#dataEnd - start));
    this.#kept[slot] = { page: -1, memory, bytes };
    this.#fill(bytes, start);
    this.#check(bytes, page);
    kept = { page, memory, bytes };
    this.#kept[slot] = kept;
    return kept.bytes;
  }

  #check(bytes: Uint8Array, page: number): void {
    if (!checksums || crc32(bytes) === this.#pages[page]) return;
    const from = page * pageBytes;
    throw this.#broken(`bytes ${from} to ${from + bytes.length} have another checksum`);
  }

  #fill(target: Uint8Array, position: number): void {
    let done = 0;
    while (done < target.length) {
      const read = patiently(() => readSync(this.#fd, target, done, target.length - done, position + done));
      if (read === 0) throw this.#broken(`it ends at byte ${position + done}`);
      done += read;
    }
  }

  #broken(why: string) {
    return scratchDamaged(this.#path, why);
  }
}

/** A page that was read and checked, in memory that the next one of its slot takes. */
interface KeptPage {
  readonly page: number;
  readonly memory: Uint8Array;
  readonly bytes: Uint8Array;
}

const mostKept = 4;

/** Pages around what is read, which a thread reads at once where they are so few: one call costs more than to copy them. */
const aroundPages = 16;
let around: Uint8Array | null = null;

/** A file between stages that is not what was written. */
export const scratchDamaged = (file: string, why: string): MillraceError =>
  externalError("SCRATCH_DAMAGED", `${file} was changed after it was written: ${why}`, {
    file,
    hint: "Files in a run's scratch folder must not be changed while it runs. Resume the run: what wrote the file is done again.",
  });
