import { isUtf8 } from "node:buffer";
import type { Batch, Column, RowOrigin } from "../batch/column.js";
import { required } from "../common/assert.js";
import { RowFailure } from "../functions/definition.js";
import type { SourceFile } from "../plan/bound.js";
import type { Field, Schema } from "../schema/types.js";
import type { ScanResult } from "../task/protocol.js";
import { type ColumnBuilder, columnBuilder } from "./columnBuilder.js";
import type { BatchReader, RejectSink } from "./contracts.js";
import { parseExact } from "./jsonText.js";
import { jsonValue, member, NeedsExactNumbers, needsDigits } from "./jsonlValues.js";
import { TextBlock } from "./textBlock.js";
import type { ByteSource } from "./textBytes.js";
import { giveKernels, takeKernels } from "./textKernels.js";
import { readRecord } from "./textReject.js";
import { constantColumn } from "./textValues.js";

const lf = 10;
/** Numbers of 16 digits and more may lose digits in a double. */
const longNumber = /[0-9][0-9.]{15}/;

export interface JsonlReaderOptions {
  readonly file: SourceFile;
  readonly schema: Schema;
  /** Text of each column that comes from the file's folder. */
  readonly folder: ReadonlyMap<string, string | null>;
  readonly open: (start: number) => ByteSource;
  readonly start: number;
  readonly end: number;
  readonly exactStart: boolean;
  readonly batchRows: number;
  readonly reject: RejectSink;
  readonly blockBytes: number;
  readonly maxRecordBytes?: number;
}

interface Place {
  readonly line: number;
  readonly byte: number;
  readonly length: number;
  readonly raw: Uint8Array;
}

/** Reads one partition of a JSON lines file: one object a line, strict RFC 8259. */
export class JsonlReader implements BatchReader {
  readonly #o: JsonlReaderOptions;
  readonly #kernels = takeKernels();
  readonly #memory = this.#kernels.memory;
  readonly #source: ByteSource;
  readonly #block: TextBlock;
  readonly #own: readonly Field[];
  readonly #digits: boolean;
  #seeking: boolean;
  #at = 0;
  #started = -1;
  #finished = false;
  #closed = false;
  #utf8 = true;
  #rows = 0;
  #rejected = 0;
  #lines = 0;
  #batches = 0;

  constructor(options: JsonlReaderOptions) {
    this.#o = options;
    this.#seeking = !options.exactStart && options.start > 0;
    const offset = this.#seeking ? options.start - 1 : options.start;
    this.#source = options.open(offset);
    this.#own = options.schema.filter((field) => !options.folder.has(field.name));
    this.#digits = this.#own.some((field) => needsDigits(field.type));
    this.#block = new TextBlock({
      memory: this.#memory,
      source: this.#source,
      file: options.file.path,
      blockBytes: options.blockBytes,
      offset,
      partEnd: options.end,
      newline: lf,
      scratch: false,
      ...(options.maxRecordBytes === undefined ? {} : { limit: options.maxRecordBytes }),
    });
  }

  next(): Batch | null | Promise<Batch | null> {
    for (;;) {
      const batch = this.#takeBatch();
      if (batch !== null) return batch;
      if (this.#finished) return null;
      const used = this.#at;
      this.#at = 0;
      const step = this.#block.advance(used);
      if (step !== undefined) {
        return step.then(() => {
          this.#look();
          return this.next();
        });
      }
      this.#look();
    }
  }

  result(): ScanResult {
    const start = this.#o.start === 0 ? 0 : this.#started;
    const end = Math.min(this.#block.offset + this.#at, this.#block.fileEnd);
    return { rows: this.#rows, rejected: this.#rejected, bytes: Math.max(0, end - start), start, end, lines: this.#lines };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.close();
    this.#block.free();
    giveKernels(this.#kernels);
  }

  #view(): Buffer {
    const { base, length } = this.#block;
    return Buffer.from(this.#memory.memory.buffer, base, length);
  }

  /** Takes note of a block that was just read. */
  #look(): void {
    const block = this.#block;
    if (this.#seeking) {
      const at = this.#view().indexOf(lf);
      this.#seeking = at < 0 && !block.atEnd;
      block.drop(at < 0 ? block.length : at + 1);
      if (this.#seeking) return;
    }
    if (this.#started < 0) this.#started = Math.min(block.offset, block.fileEnd);
    this.#utf8 = isUtf8(this.#view());
    if (block.offset >= this.#o.end || (block.atEnd && block.length === 0)) this.#finished = true;
  }

  /** The next batch out of the block at hand; null when it has no complete line left. */
  #takeBatch(): Batch | null {
    if (this.#seeking || this.#finished) return null;
    const capacity = Math.max(1, this.#o.batchRows);
    const view = this.#view();
    if (view.indexOf(lf, this.#at) < 0) return null;
    const builders = this.#own.map((field) => columnBuilder(field.type, capacity));
    const places: { readonly start: number; readonly end: number; readonly line: number }[] = [];
    while (places.length < capacity) {
      if (this.#block.offset + this.#at >= this.#o.end) {
        this.#finished = true;
        break;
      }
      const lineEnd = view.indexOf(lf, this.#at);
      if (lineEnd < 0) break;
      const start = this.#at;
      const end = this.#trimmed(view, start, lineEnd);
      this.#at = lineEnd + 1;
      const line = this.#lines + 1;
      if (this.#block.offset + this.#at <= this.#block.fileEnd) this.#lines++;
      if (isBlank(view, this.#textStart(view, start), end)) continue;
      this.#rows++;
      const read = this.#readLine(view, start, end, line, builders, places.length);
      if (read) places.push({ start, end, line });
    }
    return places.length === 0 ? this.#takeBatch() : this.#batch(builders, places);
  }

  #trimmed(view: Buffer, start: number, lineEnd: number): number {
    return lineEnd > start && view[lineEnd - 1] === 13 ? lineEnd - 1 : lineEnd;
  }

  /** A byte order mark at the begin of the file is no part of its first line. */
  #textStart(view: Buffer, start: number): number {
    const marked = this.#block.offset + start === 0 && view[0] === 0xef && view[1] === 0xbb && view[2] === 0xbf;
    return marked ? start + 3 : start;
  }

  #readLine(view: Buffer, start: number, end: number, line: number, builders: readonly ColumnBuilder[], row: number): boolean {
    const fail = (code: string, message: string, column: string | null): false => {
      this.#rejected++;
      const place = this.#place(view, start, end, line);
      this.#o.reject(readRecord({ file: this.#o.file.path, ...place.place }, code, message, column), place.raw);
      return false;
    };
    if (!this.#utf8 && !isUtf8(view.subarray(start, end))) return fail("INVALID_UTF8", "the line is not well-formed UTF-8", null);
    const text = view.toString("utf8", this.#textStart(view, start), end);
    try {
      const exact = this.#digits && longNumber.test(text);
      try {
        return this.#store(text, exact, builders, row, fail);
      } catch (error) {
        if (!(error instanceof NeedsExactNumbers)) throw error;
        return this.#store(text, true, builders, row, fail);
      }
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof RangeError) return fail("JSON_INVALID", error.message, null);
      throw error;
    }
  }

  #store(
    text: string,
    exact: boolean,
    builders: readonly ColumnBuilder[],
    row: number,
    fail: (code: string, message: string, column: string | null) => false,
  ): boolean {
    const json: unknown = exact ? parseExact(text) : JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return fail("JSON_NOT_OBJECT", "expected one JSON object a line", null);
    }
    for (let i = 0; i < this.#own.length; i++) {
      const field = this.#own[i] as Field;
      try {
        (builders[i] as ColumnBuilder).set(row, jsonValue(member(json, field.name), field.type, exact));
      } catch (error) {
        if (error instanceof RowFailure) return fail(error.code, error.message, field.name);
        throw error;
      }
    }
    return true;
  }

  #place(view: Buffer, start: number, end: number, line: number) {
    const place: Omit<Place, "raw"> = { line, byte: this.#block.offset + start, length: end - start };
    return { place, raw: new Uint8Array(view.subarray(start, end)) };
  }

  #batch(builders: readonly ColumnBuilder[], places: readonly { start: number; end: number; line: number }[]): Batch {
    const rows = places.length;
    const own = new Map(this.#own.map((field, i) => [field.name, (builders[i] as ColumnBuilder).finish(rows)]));
    const columns = this.#o.schema.map((field): Column => {
      const text = this.#o.folder.get(field.name);
      return text === undefined ? required(own.get(field.name), `column ${field.name}`) : constantColumn(field, text, rows);
    });
    const batch = ++this.#batches;
    const locate = (row: number) => {
      const { start, end, line } = required(places[row], `row ${row} of batch ${batch}`);
      return this.#place(this.#view(), start, end, line);
    };
    const origin: RowOrigin = {
      place: (row) => ({ file: this.#o.file.path, ...locate(row).place }),
      raw: (row) => locate(row).raw,
    };
    return { schema: this.#o.schema, length: rows, columns, selection: null, origin };
  }
}

function isBlank(view: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = view[i];
    if (c !== 32 && c !== 9 && c !== 13) return false;
  }
  return true;
}
