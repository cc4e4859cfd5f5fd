import { isUtf8 } from "node:buffer";
import type { Batch, RowOrigin } from "../../batch/column.js";
import type { CsvKernels } from "../../kernels/csvKernels.js";
import type { Kernels } from "../../kernels/wasm.js";
import type { SourceFile } from "../../plan/bound.js";
import type { Field, Schema } from "../../schema/types.js";
import type { ScanResult } from "../../task/protocol.js";
import type { BatchReader, RejectSink, RejectsSink } from "../contracts.js";

import type { RowSlice } from "./csvColumns.js";
import type { TextParser } from "./csvFormats.js";
import type { Failures } from "./csvFailures.js";
import type { CsvHead } from "./csvHead.js";
import { CsvIndex } from "./csvIndex.js";
import { CsvJoints } from "./csvJoints.js";
import { CsvOverlong } from "./csvOverlong.js";
import { CsvPlaces } from "./csvPlaces.js";
import { CsvRejects } from "./csvRejects.js";
import { type ColumnPlace, CsvRows } from "./csvRows.js";
import type { Gaps } from "../failedRows.js";
import { transcoded } from "../text/encodingSource.js";
import { TextBlock } from "../text/textBlock.js";
import type { ByteSource } from "../text/textBytes.js";
import { inSameFolders } from "../text/textFiles.js";
import { giveKernels, takeKernels } from "../text/textKernels.js";
import { readRecord } from "../text/textReject.js";

export interface CsvReaderOptions {
  readonly file: SourceFile;
  readonly head: CsvHead;
  readonly fields: number;
  readonly schema: Schema;
  readonly places: readonly ColumnPlace[];
  readonly nullValues: readonly string[];
  /** How the texts of a column are read that is not written ISO's way. */
  readonly parserOf?: (field: Field) => TextParser | null;
  /** Columns in which null rejects the record. */
  readonly required?: readonly string[];
  /** Those of them that are not in `schema`. */
  readonly hidden?: readonly { readonly field: Field; readonly place: ColumnPlace }[];
  /** The last field is what stands behind the delimiter at the end of each record: nothing. */
  readonly trailing?: boolean;
  /** Opens the file at an offset. */
  readonly open: (start: number) => ByteSource;
  readonly start: number;
  readonly end: number;
  readonly exactStart: boolean;
  readonly batchRows: number;
  readonly reject: RejectSink;
  readonly rejectAll?: RejectsSink;
  readonly blockBytes: number;
  /** Longest record, with its line end, in bytes of the text as UTF-8. */
  readonly maxRecordBytes: number;
}

/** Reads one partition of a CSV file. A batch's columns are views on kernel memory, valid until the next call. */
export class CsvReader implements BatchReader {
  readonly #o: CsvReaderOptions;
  readonly #kernels: Kernels;
  readonly #csv: CsvKernels;
  /** null between two files. */
  #source: ByteSource | null;
  #file: SourceFile;
  readonly #block: TextBlock;
  readonly #index: CsvIndex;
  readonly #columns: CsvRows;
  readonly #hasText: boolean;
  #seeking: boolean;
  #skip: number;
  #indexed = false;
  #row = 0;
  #needsUtf8Check = false;
  #started = -1;
  #finished = false;
  #closed = false;
  #rows = 0;
  #overlongs = 0;
  readonly #places: CsvPlaces;
  readonly #rejects: CsvRejects;
  readonly #overlong: CsvOverlong;

  constructor(options: CsvReaderOptions) {
    this.#o = options;
    this.#file = options.file;
    const { head, start } = options;
    const guess = !options.exactStart && start > head.dataStart;
    this.#seeking = guess;
    // Positions of text that is not in the file as it stands are found by reading from its beginning.
    const whole = head.encoding !== "utf8" || options.file.path.endsWith(".gz");
    const from = whole ? 0 : Math.max(guess ? start - 1 : start, head.dataStart);
    this.#skip = whole ? head.dataStart : 0;
    const original = options.open(from);
    const { source, transcoder } =
      head.encoding === "utf8" ? { source: original, transcoder: null } : transcoded(original, head.encoding);
    this.#source = source;
    this.#kernels = takeKernels();
    this.#csv = this.#kernels.functions<CsvKernels>();
    const memory = this.#kernels.memory;
    this.#block = new TextBlock({
      memory,
      source,
      file: options.file.path,
      // What counts as too long must not depend on how much of it a block happens to hold.
      blockBytes: Math.min(options.blockBytes, options.maxRecordBytes),
      offset: from,
      partEnd: options.end,
      newline: head.dialect.newline,
      scratch: true,
      limit: options.maxRecordBytes,
    });
    this.#places = new CsvPlaces({
      memory,
      kernels: this.#csv,
      block: this.#block,
      file: options.file.path,
      newline: head.dialect.newline,
      lines: start === 0 ? head.lines : 0,
      transcoder,
    });
    this.#overlong = new CsvOverlong(memory, this.#csv, this.#block, this.#places, head.dialect.newline);
    const joints = new CsvJoints(head.header, options.fields, head.dialect);
    this.#index = new CsvIndex(memory, this.#csv, head.dialect, joints);
    this.#columns = new CsvRows({
      ...options,
      memory,
      kernels: this.#csv,
      dialect: head.dialect,
      capacity: this.#batchRows(),
    });
    this.#rejects = new CsvRejects({
      memory,
      kernels: this.#csv,
      index: this.#index,
      block: this.#block,
      places: this.#places,
      file: options.file.path,
      fields: options.fields,
      newline: head.dialect.newline,
      capacity: this.#batchRows(),
      asInFile: transcoder === null,
      reject: options.reject,
      rejectAll: options.rejectAll ?? null,
    });
    this.#hasText = options.schema.some((field, i) => field.type.kind === "utf8" && options.places[i]?.kind === "field");
  }

  next(): Batch | null | Promise<Batch | null> {
    for (;;) {
      while (this.#indexed && this.#row < this.#index.good) {
        const batch = this.#takeBatch();
        if (batch !== null) return batch;
      }
      if (this.#indexed) this.#finishBlock();
      if (this.#finished) return null;
      const step = this.#read();
      if (step !== undefined) return step.then(() => this.next());
    }
  }

  result(): ScanResult {
    const start = this.#o.start === 0 ? 0 : this.#started;
    const { end, lines } = this.#places;
    return {
      rows: this.#rows,
      rejected: this.#rejects.count + this.#overlongs,
      bytes: Math.max(0, end - start),
      start,
      end,
      lines,
    };
  }

  /** Closes the file. */
  endFile(): void {
    this.#source?.close();
    this.#source = null;
  }

  /**
   * Goes on with another whole file, after the one before was read to its end and closed: what was made for that serves again. False where it may
   * not, since they begin differently or lie in folders with other values.
   */
  goOn(file: SourceFile, head: CsvHead, open: CsvReaderOptions["open"]): boolean {
    if (head !== this.#o.head || !inSameFolders(file, this.#file)) return false;
    this.#file = file;
    this.#source = open(head.dataStart);
    this.#block.begin(this.#source, file.path, head.dataStart);
    this.#places.begin(file.path, head.lines);
    this.#rejects.beginFile(file.path);
    this.#indexed = false;
    this.#started = -1;
    this.#finished = false;
    this.#rows = 0;
    this.#overlongs = 0;
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.endFile();
    this.#block.free();
    this.#index.free();
    this.#columns.free();
    this.#rejects.free();
    giveKernels(this.#kernels);
  }

  #batchRows(): number {
    return Math.max(1, this.#o.batchRows);
  }

  /** Reads and indexes the next block; nothing when there is none. */
  #read(): void | Promise<void> {
    const step = this.#block.advance(this.#indexed ? this.#index.used : 0);
    if (step !== undefined) return step.then(() => this.#look());
    this.#look();
  }

  #look(): void {
    this.#indexed = false;
    if (!this.#findStart() || !this.#endOverlong()) return;
    const block = this.#block;
    if (this.#started < 0) this.#started = Math.min(block.offset, block.fileEnd);
    const limit = Math.min(this.#o.end - block.offset, 0xffffffff);
    if (limit <= 0 || block.length === 0) {
      // Between blocks, an empty one only says that the file has not been asked for its end yet.
      if (limit <= 0 || block.atEnd) this.#finished = true;
      return;
    }
    this.#index.build(block, this.#o.fields, limit, block.atEnd);
    // A quote that nothing closes within the longest record allowed counts as one that is never closed.
    if (this.#index.used === 0 && block.isFull && !block.atEnd) this.#index.build(block, this.#o.fields, 1, true);
    if (this.#index.used === 0) {
      if (block.atEnd) this.#finished = true;
      else if (block.isFull) this.#overlong.begin();
      return;
    }
    this.#indexed = true;
    this.#row = 0;
    this.#rejects.begin();
    const { base } = block;
    this.#needsUtf8Check =
      this.#hasText && !this.#index.isAscii && !isUtf8(this.#kernels.memory.u8().subarray(base, base + this.#index.used));
  }

  /** Rejects a record that is too long once its end is found; false when more must be read for that. */
  #endOverlong(): boolean {
    if (!this.#overlong.active) return true;
    const place = this.#overlong.end();
    if (place === null) return false;
    this.#rows++;
    this.#overlongs++;
    const message = `a record is longer than ${this.#o.maxRecordBytes} bytes`;
    this.#o.reject(readRecord(place, "RECORD_TOO_LARGE", message, null), null);
    return true;
  }

  #drop(count: number, counted: boolean): void {
    this.#places.pass(count, counted);
    this.#block.drop(count);
  }

  /** Moves to the partition's first record; false when more must be read to find it. */
  #findStart(): boolean {
    const block = this.#block;
    if (this.#skip > 0) {
      const drop = Math.min(this.#skip, block.length);
      this.#skip -= drop;
      this.#drop(drop, false);
      if (this.#skip > 0 && !block.atEnd) return false;
      // Where the head is all there is, a line end added behind it ends no record.
      if (block.atEnd && block.offset >= block.fileEnd) this.#drop(block.length, false);
    }
    if (!this.#seeking) return true;
    const at = this.#csv.findByte(block.base, block.length, this.#o.head.dialect.newline) >>> 0;
    const found = at < block.length;
    this.#seeking = !found && !block.atEnd;
    this.#drop(found ? at + 1 : block.length, false);
    return !this.#seeking;
  }

  #takeBatch(): Batch | null {
    const index = this.#index;
    const block = this.#block;
    const count = Math.min(this.#batchRows(), index.good - this.#row);
    const first = this.#row;
    this.#row += count;
    const slice: RowSlice = {
      base: block.base,
      seps: index.seps,
      rows: index.rows + first * 4,
      count,
      scratch: block.scratch,
      span: block.scratch + block.capacity - block.base,
      needsUtf8Check: this.#needsUtf8Check,
    };
    const judged = this.#columns.judge(slice);
    const { failed } = judged;
    const gaps = failed.count === 0 ? null : this.#columns.gapsOf(judged);
    this.#report(first, count, failed, gaps);
    this.#rows += count;
    const length = count - failed.count;
    if (length === 0) return null;
    if (gaps !== null) index.dropRows(first, count, gaps);
    const columns = this.#columns.finish(judged, { ...slice, count: length }, gaps);
    return { schema: this.#o.schema, length, columns, selection: null, origin: this.#origin(first) };
  }

  /** Rejects what failed in rows [first, first + count) and every wrong record before their end, in the file's order. */
  #report(first: number, count: number, failures: Failures, gaps: Gaps | null): void {
    const { hasWrong } = this.#rejects;
    if (gaps === null && !hasWrong) return;
    const until = hasWrong ? this.#index.bounds(first + count - 1, this.#o.fields).end : 0;
    this.#rows += this.#rejects.take(first, failures, gaps, until);
  }

  #finishBlock(): void {
    if (this.#rejects.hasWrong) this.#rows += this.#rejects.take(0, this.#columns.failures, null, Number.POSITIVE_INFINITY);
    const { used } = this.#index;
    this.#places.pass(used, true, this.#index.lineEnds);
    if (this.#block.offset + used >= this.#o.end || (this.#block.atEnd && used >= this.#block.length)) {
      this.#block.drop(used);
      this.#indexed = false;
      this.#finished = true;
    }
  }

  #origin(first: number): RowOrigin {
    const locate = (row: number) => {
      const { start, end } = this.#index.bounds(first + row, this.#o.fields);
      return this.#places.locate(start, end, this.#index.lineOf(first + row, this.#o.fields));
    };
    return { place: (row) => locate(row).place, raw: (row) => locate(row).raw.slice() };
  }
}
