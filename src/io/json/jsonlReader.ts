import { isUtf8 } from "node:buffer";
import type { Batch, Column, RowOrigin } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import type { CsvKernels } from "../../kernels/csvKernels.js";
import type { JsonKernels } from "../../kernels/jsonKernels.js";
import type { SourceFile } from "../../plan/bound.js";
import type { Field, Schema } from "../../schema/types.js";
import type { ScanResult } from "../../task/protocol.js";
import type { BatchReader, RejectSink } from "../contracts.js";
import { JsonlColumns } from "./jsonlColumns.js";
import { missing } from "../csv/csvGuards.js";
import { ExactLines, type LineRead } from "./jsonlExact.js";
import { everyPlace, jsonPlaces } from "./jsonlPlaces.js";
import { JsonlWalk, type Walked } from "./jsonlWalk.js";
import { TextBlock } from "../text/textBlock.js";
import type { ByteSource } from "../text/textBytes.js";
import { inSameFolders } from "../text/textFiles.js";
import { giveKernels, takeKernels } from "../text/textKernels.js";
import { readRecord } from "../text/textReject.js";
import { constantColumn } from "../text/textValues.js";

type Failure = Extract<LineRead, { readonly kind: "failure" }>;

const lf = 10;
/** Bytes that the places of one batch's values may take. */
const placeBytes = 8 * 1024 * 1024;

export interface JsonlReaderOptions {
  readonly file: SourceFile;
  readonly schema: Schema;
  /** Columns in which null rejects the record. */
  readonly required?: readonly string[];
  /** Those of them that are not in `schema`. */
  readonly hidden?: Schema;
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

/**
 * Reads one partition of a JSON lines file: one object a line, strict RFC 8259. Kernels find and convert the values of lines that are
 * plain; every other line goes through `ExactLines`, which says what a line means. A batch's columns are views on kernel memory,
 * valid until the next call.
 */
export class JsonlReader implements BatchReader {
  readonly #o: JsonlReaderOptions;
  readonly #kernels = takeKernels();
  readonly #memory = this.#kernels.memory;
  /** null between two files. */
  #source: ByteSource | null;
  #file: SourceFile;
  readonly #block: TextBlock;
  readonly #own: readonly Field[];
  readonly #walk: JsonlWalk;
  readonly #columns: JsonlColumns;
  readonly #exact: ExactLines;
  #seeking: boolean;
  /** Where the next line begins, relative to the block. */
  #at = 0;
  /** After the block's last line feed. */
  #end = 0;
  #suspect = false;
  #started = -1;
  #finished = false;
  #closed = false;
  #rows = 0;
  #rejected = 0;
  #lines = 0;
  /** A place in the block whose line number is known: places are mostly asked for in ascending order. */
  #known = { at: 0, line: 1 };

  constructor(options: JsonlReaderOptions) {
    this.#o = options;
    this.#file = options.file;
    this.#seeking = !options.exactStart && options.start > 0;
    const offset = this.#seeking ? options.start - 1 : options.start;
    const source = options.open(offset);
    this.#source = source;
    this.#own = [...options.schema, ...(options.hidden ?? [])].filter((field) => !options.folder.has(field.name));
    this.#block = new TextBlock({
      memory: this.#memory,
      source,
      file: options.file.path,
      blockBytes: options.blockBytes,
      offset,
      partEnd: options.end,
      newline: lf,
      scratch: true,
      ...(options.maxRecordBytes === undefined ? {} : { limit: options.maxRecordBytes }),
    });
    const kernels = this.#kernels.functions<CsvKernels & JsonKernels>();
    const places = jsonPlaces(this.#own);
    const most = Math.floor(placeBytes / ((everyPlace(places).length + 1) * 8));
    this.#walk = new JsonlWalk(this.#memory, kernels, places, Math.max(1, Math.min(options.batchRows, most)));
    this.#columns = new JsonlColumns(this.#memory, kernels, this.#walk, places);
    this.#exact = new ExactLines(this.#own);
  }

  next(): Batch | null | Promise<Batch | null> {
    for (;;) {
      const batch = this.#takeBatch();
      if (batch !== null) return batch;
      if (this.#finished) return null;
      const used = this.#at;
      this.#at = 0;
      this.#known = { at: 0, line: this.#lines + 1 };
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

  /** Closes the file. */
  endFile(): void {
    this.#source?.close();
    this.#source = null;
  }

  /** Goes on with another whole file, after the one before was read to its end and closed; false where its folders say something else of it. */
  goOn(file: SourceFile, open: JsonlReaderOptions["open"]): boolean {
    if (!inSameFolders(file, this.#file)) return false;
    this.#file = file;
    this.#source = open(0);
    this.#block.begin(this.#source, file.path, 0);
    this.#at = 0;
    this.#end = 0;
    this.#known = { at: 0, line: 1 };
    this.#started = -1;
    this.#finished = false;
    this.#rows = 0;
    this.#rejected = 0;
    this.#lines = 0;
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.endFile();
    this.#block.free();
    this.#walk.free();
    this.#columns.free();
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
    const view = this.#view();
    this.#end = view.lastIndexOf(lf) + 1;
    this.#suspect = !isUtf8(view.subarray(0, this.#end));
    if (block.offset >= this.#o.end || (block.atEnd && block.length === 0)) this.#finished = true;
    if (block.offset === 0) this.#skipBlankMark(view);
  }

  /** A byte order mark at the begin of the file is no part of its first line; alone in the line it makes it no record. */
  #skipBlankMark(view: Buffer): void {
    const lineEnd = view.indexOf(lf);
    if (lineEnd < 0 || !isMarked(view) || !isBlank(view, 3, lineEnd)) return;
    this.#at = lineEnd + 1;
    this.#countLines(1);
  }

  /** The next batch out of the block at hand; null when it has no complete line left. */
  #takeBatch(): Batch | null {
    while (!this.#seeking && !this.#finished && this.#at < this.#end) {
      const limit = Math.min(this.#o.end - this.#block.offset, this.#end);
      const walked = this.#walk.run(this.#block, this.#at, limit, this.#end, this.#suspect);
      const { rows, exact } = this.#columns.read(this.#block, walked.rows, walked.exact);
      const { lines, at } = rows === walked.rows ? walked : this.#walkLess(rows);
      this.#at = at;
      this.#countLines(lines);
      if (this.#block.offset + at >= this.#o.end) this.#finished = true;
      const batch = this.#convert(rows, exact);
      if (batch !== null) return batch;
    }
    return null;
  }

  /** What was walked before the row `rows`: more than that is too much for one batch. */
  #walkLess(rows: number): Pick<Walked, "lines" | "at"> {
    this.#walk.expect(rows);
    const at = this.#walk.start(rows);
    const { countByte } = this.#kernels.functions<CsvKernels>();
    return { at, lines: countByte(this.#block.base + this.#at, at - this.#at, lf) >>> 0 };
  }

  /** The line end that a file may lack is no line's. */
  #countLines(lines: number): void {
    const added = this.#block.offset + this.#at > this.#block.fileEnd ? 1 : 0;
    this.#lines += lines - added;
  }

  #convert(rows: number, exactRows: readonly number[]): Batch | null {
    const failures = new Map<number, Failure>();
    for (const row of exactRows) {
      const failure = this.#readExactly(row);
      if (failure !== null) failures.set(row, failure);
    }
    const own = new Map(this.#columns.finish(rows).map((column, i) => [this.#own[i]?.name, column]));
    for (const name of this.#o.required ?? []) addMissing(own.get(name), this.#o.folder.get(name), name, rows, failures);
    const failed = [...failures.keys()].sort((a, b) => a - b);
    for (const row of failed) this.#reject(row, required(failures.get(row), "failure"));
    this.#rows += rows;
    this.#rejected += failed.length;
    if (failed.length === rows) return null;
    const columns = this.#o.schema.map((field): Column => {
      const text = this.#o.folder.get(field.name);
      return text === undefined ? required(own.get(field.name), `column ${field.name}`) : constantColumn(field, text, rows);
    });
    const selection = failed.length === 0 ? null : rowsWithout(rows, failed);
    return { schema: this.#o.schema, length: rows, columns, selection, origin: this.#origin() };
  }

  /** Reads a row's line by the definition; what is wrong with it, or null. */
  #readExactly(row: number): Failure | null {
    const view = this.#view();
    const start = this.#walk.start(row);
    const end = lineEnd(view, start);
    const marked = this.#block.offset + start === 0 && isMarked(view);
    const read = this.#exact.read(view.subarray(marked ? 3 : start, end));
    if (read.kind === "values") {
      this.#columns.put(row, read.values);
      return null;
    }
    return read;
  }

  #reject(row: number, { code, message, column }: Failure): void {
    const { place, raw } = this.#locate(row);
    this.#o.reject(readRecord(place, code, message, column), raw);
  }

  #locate(row: number) {
    const view = this.#view();
    const start = this.#walk.start(row);
    const end = lineEnd(view, start);
    const place = { file: this.#file.path, line: this.#lineAt(start), byte: this.#block.offset + start, length: end - start };
    return { place, raw: new Uint8Array(view.subarray(start, end)) };
  }

  #lineAt(start: number): number {
    const { base } = this.#block;
    const { at, line } = this.#known;
    const { countByte } = this.#kernels.functions<CsvKernels>();
    const between = countByte(base + Math.min(at, start), Math.abs(start - at), lf) >>> 0;
    this.#known = { at: start, line: start < at ? line - between : line + between };
    return this.#known.line;
  }

  #origin(): RowOrigin {
    return { place: (row) => this.#locate(row).place, raw: (row) => this.#locate(row).raw };
  }
}

function addMissing(
  column: Column | undefined,
  folder: string | null | undefined,
  name: string,
  rows: number,
  failures: Map<number, Failure>,
): void {
  if (typeof folder === "string" || (column !== undefined && column.valid === null)) return;
  for (let row = 0; row < rows; row++) {
    if ((column?.valid?.[row] ?? 0) !== 0 || failures.has(row)) continue;
    failures.set(row, { kind: "failure", code: "REQUIRED_MISSING", message: missing(name), column: name });
  }
}

const isMarked = (view: Buffer): boolean => view[0] === 0xef && view[1] === 0xbb && view[2] === 0xbf;

/** The end of a line's text: its line feed, or the carriage return before that. */
function lineEnd(view: Buffer, start: number): number {
  const end = view.indexOf(lf, start);
  return end > start && view[end - 1] === 13 ? end - 1 : end;
}

function isBlank(view: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = view[i];
    if (c !== 32 && c !== 9 && c !== 13) return false;
  }
  return true;
}

/** Rows 0 to `count` without some, which are ascending. */
function rowsWithout(count: number, without: readonly number[]): Int32Array {
  const out = new Int32Array(count - without.length);
  let at = 0;
  let next = 0;
  for (let row = 0; row < count; row++) {
    if (row === without[next]) next++;
    else out[at++] = row;
  }
  return out;
}
