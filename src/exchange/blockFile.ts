import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { BytesColumn, Column } from "../batch/column.js";
import { codedColumn } from "../batch/coded.js";
import { stridedColumn } from "../batch/strided.js";
import { layoutOf } from "../batch/builder.js";
import { gatherColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { externalError, internalError } from "../common/errors.js";
import { fixedView } from "../kernels/fixedView.js";
import { bytesOf } from "../kernels/groupMemory.js";
import type { ColumnParts } from "../kernels/valueBuffer.js";
import { type OutputOptions, OutputFile } from "../io/sinkOutput.js";
import type { FileWritten } from "../task/protocol.js";
import { type DataType, type Schema, typeName } from "../schema/types.js";

/**
 * Blocks of rows as their columns lie in memory, for files that one worker writes and another soon reads on the same machine. A file begins with
 * the magic, ends with a footer, its length and the magic; every part begins at a multiple of 8.
 */
const magic = Buffer.from("MRBLOCK1", "latin1");
const alignment = 8;

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
    this.#output = new OutputFile(file, { fsync: false, ...options });
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
    const footer: Footer = { schemas: this.#schemas, blocks: this.#blocks, texts: [...this.#texts.values()] };
    const text = Buffer.from(JSON.stringify(footer), "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    this.#output.write([text, length, magic]);
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

/** Buffers that are used again and again, each for one part of one column. */
export class ReadMemory {
  readonly #buffers: Uint8Array[] = [];

  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  }

  take(slot: number, bytes: number): Uint8Array {
    let buffer = this.#buffers[slot];
    if (buffer === undefined || buffer.length < bytes) {
      buffer = new Uint8Array(Buffer.allocUnsafeSlow(Math.ceil((bytes * 1.25) / alignment) * alignment).buffer);
      this.#buffers[slot] = buffer;
    }
    return buffer.subarray(0, bytes);
  }
}

/** Memory of readers that have ended, for the next ones: fresh memory costs more than what is read into it. */
const idle: ReadMemory[] = [];
const mostIdle = 2;
const mostIdleBytes = 2 ** 24;

export const takeReadMemory = (): ReadMemory => idle.pop() ?? new ReadMemory();

/** Gives memory back that nothing refers to any more. */
export function giveReadMemory(memory: ReadMemory): void {
  if (idle.length < mostIdle && memory.bytes <= mostIdleBytes) idle.push(memory);
}

/** What the files that a thread read last said of themselves: one task after another reads the same ones. Paths are those of one run alone. */
const footers = new Map<string, { readonly bytes: number; readonly footer: Footer }>();
const mostFooters = 256;

function keepFooter(path: string, bytes: number, footer: Footer): void {
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
  readonly #path: string;
  readonly #fd: number;
  readonly #textPlaces: readonly TextsPlace[];
  readonly #texts: BytesColumn[] = [];

  /** @throws MillraceError External/SCRATCH_UNREADABLE */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      throw externalError("SCRATCH_UNREADABLE", `${path}: cannot be opened`, { cause, file: path });
    }
    this.bytes = fstatSync(this.#fd).size;
    const known = footers.get(path);
    const footer = known?.bytes === this.bytes ? known.footer : this.#footer();
    this.schemas = footer.schemas;
    this.blocks = footer.blocks;
    this.#textPlaces = footer.texts ?? [];
    keepFooter(path, this.bytes, footer);
  }

  #footer(): Footer {
    const tail = 4 + magic.length;
    if (this.bytes < magic.length + tail) throw this.#broken("it is cut short");
    if (!this.#bytesAt(0, magic.length).equals(magic)) throw this.#broken("it does not begin with the magic");
    const end = this.#bytesAt(this.bytes - tail, tail);
    if (!end.subarray(4).equals(magic)) throw this.#broken("it does not end with the magic");
    const length = end.readUInt32LE(0);
    return JSON.parse(this.#bytesAt(this.bytes - tail - length, length).toString("utf8")) as Footer;
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

  #bytesAt(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#readInto(bytes, position);
    return bytes;
  }

  #readInto(target: Uint8Array, position: number): Uint8Array {
    let done = 0;
    while (done < target.length) {
      const read = readSync(this.#fd, target, done, target.length - done, position + done);
      if (read === 0) throw this.#broken(`it ends at byte ${position + done}`);
      done += read;
    }
    return target;
  }

  #broken(why: string) {
    return externalError("SCRATCH_UNREADABLE", `${this.#path}: ${why}`, {
      file: this.#path,
      hint: "Files in a run's scratch folder must not be changed while it runs. Run again.",
    });
  }
}
