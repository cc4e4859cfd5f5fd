import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Column } from "../batch/column.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import type { RejectedRecords, RejectReason, RejectReasons } from "../io/rejectedRecords.js";
import { types } from "../schema/types.js";
import { rejectTexts, taskRejectSchema } from "../task/rejectColumns.js";
import type { RejectRecord } from "../task/protocol.js";
import { mostHeld, mostHeldBytes, ofTexts, RejectMemory, type RejectText } from "./rejectMemory.js";

/** Messages that are told by number. */
const mostMessages = 1024;
/** What stands behind the bytes of a record; see `taskRejectSchema`. */
const oneByte = new Uint8Array(1);

/** The bytes of a rejected record, or the row as JSON where it has none. */
export interface RejectRaw {
  readonly kind: "bytes" | "json";
  readonly bytes: Uint8Array;
}

/** Which step, and in which attempt, rejected a record. */
export type RejectedBy = Pick<RejectRecord, "stage" | "attempt">;

/** Texts of which a task has few are given numbers; of its messages, which may all be different, only the first ones. */
class Texts {
  readonly all: string[] = [];
  private readonly known = new Map<string, number>();
  private messages = 0;

  numberOf(text: string | null): number {
    if (text === null) return -1;
    const known = this.known.get(text);
    if (known !== undefined) return known;
    this.known.set(text, this.all.length);
    return this.all.push(text) - 1;
  }

  /** -1 for one without a number. */
  messageNumber(text: string): number {
    const known = this.known.get(text);
    if (known !== undefined || this.messages === mostMessages) return known ?? -1;
    this.messages++;
    return this.numberOf(text);
  }
}

/** The numbers of what the lasting reasons of a reader say, by theirs. */
class ReasonTexts {
  columns = new Int32Array(0);
  codes = new Int32Array(0);
  messages = new Int32Array(0);
  /** Every message has a number. */
  hasAll = true;
  private count = 0;

  constructor(
    readonly why: RejectReasons,
    private readonly texts: Texts,
  ) {}

  /** Takes over the reasons that were added since. */
  update(): void {
    const { lasting } = this.why;
    if (lasting === this.count) return;
    if (lasting > this.columns.length) {
      const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
        const bigger = new Int32Array(lasting * 2);
        bigger.set(old);
        return bigger;
      };
      [this.columns, this.codes, this.messages] = [grown(this.columns), grown(this.codes), grown(this.messages)];
    }
    for (; this.count < lasting; this.count++) {
      const { column, code, message } = this.why.at(this.count);
      const number = this.texts.messageNumber(message);
      this.columns[this.count] = this.texts.numberOf(column);
      this.codes[this.count] = this.texts.numberOf(code);
      this.messages[this.count] = number;
      if (number < 0) this.hasAll = false;
    }
  }
}

// Loops over many rejects are functions of their own: those are compiled in no time, while a job of a second pays for each large one.

/** What `table` has for each of `numbers`. */
function look(table: Int32Array, numbers: Int32Array, out: Int32Array, at: number): void {
  for (let i = 0; i < numbers.length; i++) out[at + i] = table[numbers[i] as number] as number;
}

/** Writes the rejects of one task as they occur, a block at a time, so that memory does not grow with their number. */
export class RejectFile {
  private readonly known = new Texts();
  /** The last text of each column and its number: rejects that follow one another mostly share them. */
  private readonly last = ofTexts(() => ({ text: null as string | null, number: -1 }));
  private reasons: ReasonTexts | null = null;
  private readonly writer: BlockFileWriter;
  private readonly memory = RejectMemory.take();
  private held = 0;
  private isReleased = false;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.writer = new BlockFileWriter(path);
  }

  /** Texts that repeat, by the numbers that stand for them in the file. */
  get texts(): readonly string[] {
    return this.known.all;
  }

  /** Copies `raw`. */
  add(reject: RejectRecord, raw: RejectRaw | null, by: RejectedBy): void {
    const { held } = this;
    const { lines, bytes, lengths, rows, attempts, raws } = this.memory;
    // Written out in the order of the columns: a list for each reject costs more than all of its values.
    lines[held] = reject.line ?? -1;
    bytes[held] = reject.byte ?? -1;
    lengths[held] = reject.length ?? -1;
    rows[held] = reject.row ?? -1;
    this.text("file", reject.file);
    this.text("stage", by.stage);
    this.text("function", reject.functionName);
    this.text("function_hash", reject.functionHash);
    this.text("raw_kind", raw === null ? null : raw.kind);
    attempts[held] = by.attempt;
    this.addReason(held, reject);
    if (raw !== null) {
      const { sink } = raws;
      sink.writeBytes(raw.bytes, 0, raw.bytes.length);
      sink.writeBytes(oneByte, 0, 1);
    }
    raws.end(held, raw === null);
    this.held++;
    this.flushIfFull();
  }

  /** As `add` for each of them, whose raw bytes are those of a file. */
  addAll(records: RejectedRecords, by: RejectedBy): void {
    for (let from = 0; from < records.count; ) {
      const to = Math.min(records.count, from + mostHeld - this.held);
      this.addSome(records, from, to, by);
      from = to;
      this.flushIfFull();
    }
  }

  /** Size and crc32 of the file. */
  finish(): { readonly bytes: number; readonly checksum: string } {
    this.flush();
    const { bytes, checksum } = this.writer.finish();
    this.release();
    return { bytes, checksum };
  }

  abort(): void {
    this.release();
    this.writer.abort();
  }

  private addSome(records: RejectedRecords, from: number, to: number, by: RejectedBy): void {
    const { held } = this;
    const { lines, bytes, lengths, rows, codes, attempts, raws } = this.memory;
    const end = held + to - from;
    lines.set(records.lines.subarray(from, to), held);
    bytes.set(records.bytes.subarray(from, to), held);
    lengths.set(records.lengths.subarray(from, to), held);
    rows.fill(-1, held, end);
    const fill = (column: Int32Array, text: string | null) => column.fill(this.known.numberOf(text), held, end);
    const { file, stage, function: functions, function_hash: hashes, raw_kind: kinds } = codes;
    fill(file, records.file);
    fill(stage, by.stage);
    fill(functions, null);
    fill(hashes, null);
    fill(kinds, "bytes");
    attempts.fill(by.attempt, held, end);
    this.addReasons(records.reasons.subarray(from, to), records.why);
    raws.appendAll(held, records.raw, records.bounds.subarray(from, to + 1));
    this.held = end;
  }

  private addReasons(reasons: Int32Array, why: RejectReasons): void {
    if (this.reasons?.why !== why) this.reasons = new ReasonTexts(why, this.known);
    const { held, reasons: lasting } = this;
    const { codes, messages } = this.memory;
    lasting.update();
    if (why.passing > 0 || !lasting.hasAll) {
      reasons.forEach((reason, i) => {
        this.addReason(held + i, why.at(reason));
      });
      return;
    }
    look(lasting.columns, reasons, codes.column, held);
    look(lasting.codes, reasons, codes.code, held);
    look(lasting.messages, reasons, codes.message, held);
    messages.skip(held, held + reasons.length);
  }

  private addReason(at: number, { column, code, message }: RejectReason): void {
    const { codes, messages } = this.memory;
    codes.column[at] = this.known.numberOf(column);
    codes.code[at] = this.known.numberOf(code);
    const number = this.known.messageNumber(message);
    codes.message[at] = number;
    if (number < 0) messages.sink.writeText(message);
    messages.end(at);
  }

  private text(column: RejectText, text: string | null): void {
    const last = this.last[column];
    if (text !== last.text) {
      last.text = text;
      last.number = this.known.numberOf(text);
    }
    this.memory.codes[column][this.held] = last.number;
  }

  private flushIfFull(): void {
    if (this.held >= mostHeld || this.memory.heldBytes >= mostHeldBytes) this.flush();
  }

  private flush(): void {
    const { held: length } = this;
    if (length === 0) return;
    const fixed = (type: typeof types.int32 | typeof types.float64, values: Int32Array | Float64Array): Column => {
      return { layout: "fixed", type, length, values: values.subarray(0, length), valid: null };
    };
    const { lines, bytes, lengths, rows, codes, attempts, messages, raws } = this.memory;
    const columns = [
      ...[lines, bytes, lengths, rows].map((values) => fixed(types.float64, values)),
      ...rejectTexts.map((column) => fixed(types.int32, codes[column])),
      fixed(types.int32, attempts),
      messages.column(length),
      raws.column(length),
    ];
    this.writer.write(taskRejectSchema, length, [0, length], columns.map(columnParts));
    this.memory.clear();
    this.held = 0;
  }

  private release(): void {
    if (!this.isReleased) this.memory.give();
    this.isReleased = true;
  }
}
