import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { builderFor, type ColumnBuilder } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { copyBytes, TextSink } from "../batch/text.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import { types } from "../schema/types.js";
import { rejectNumbers, rejectTexts, taskRejectSchema } from "../task/rejectColumns.js";
import type { RejectRecord } from "../task/protocol.js";

/** Rejects and raw bytes that are held before they go to the file. */
const mostHeld = 4096;
const mostHeldBytes = 1 << 20;

/** The bytes of a rejected record, or the row as JSON where it has none. */
export interface RejectRaw {
  readonly kind: "bytes" | "json";
  readonly bytes: Uint8Array;
}

/** Which step, and in which attempt, rejected a record. */
export type RejectedBy = Pick<RejectRecord, "stage" | "attempt">;

/** Records one behind the other, each with a byte more than it has; see `taskRejectSchema`. Its memory serves block after block. */
class RawColumn {
  private readonly bounds = new Int32Array(mostHeld + 1);
  private readonly valid = new Uint8Array(mostHeld);
  private readonly sink = new TextSink(1 << 16);
  private nulls = 0;

  append(row: number, raw: RejectRaw | null): void {
    this.valid[row] = raw === null ? 0 : 1;
    if (raw === null) this.nulls++;
    else {
      const { length } = raw.bytes;
      this.sink.reserve(length + 1);
      copyBytes(raw.bytes, 0, length, this.sink.bytes, this.sink.length);
      this.sink.length += length;
      this.sink.bytes[this.sink.length++] = 0;
    }
    this.bounds[row + 1] = this.sink.length;
  }

  column(length: number): Column {
    const { bounds, nulls } = this;
    const valid = nulls === 0 ? null : this.valid.subarray(0, length);
    const bytes = this.sink.bytes.subarray(0, this.sink.length);
    const [starts, ends] = [bounds.subarray(0, length), bounds.subarray(1, length + 1)];
    return { layout: "bytes", type: types.binary, length, bytes, starts, ends, valid };
  }

  clear(): void {
    this.sink.length = 0;
    this.nulls = 0;
  }
}

/** Writes the rejects of one task as they occur, a block at a time, so that memory does not grow with their number. */
export class RejectFile {
  /** Texts that repeat, by the numbers that stand for them in the file. */
  readonly texts: string[] = [];
  private readonly known = new Map<string, number>();
  /** The last text of each column and its number: rejects that follow one another mostly share them. */
  private readonly lastTexts: (string | null)[] = rejectTexts.map(() => null);
  private readonly lastNumbers: number[] = rejectTexts.map(() => -1);
  private readonly writer: BlockFileWriter;
  private readonly numbers = rejectNumbers.map(() => new Float64Array(mostHeld));
  private readonly codes = rejectTexts.map(() => new Int32Array(mostHeld));
  private readonly attempts = new Int32Array(mostHeld);
  private messages: ColumnBuilder = builderFor(types.utf8, mostHeld);
  private raws = new RawColumn();
  private held = 0;
  private heldBytes = 0;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.writer = new BlockFileWriter(path);
  }

  /** Copies `raw`. */
  add(reject: RejectRecord, raw: RejectRaw | null, by: RejectedBy): void {
    const { held } = this;
    // Written out in the order of the columns: a list for each reject costs more than all of its values.
    this.number(0, held, reject.line);
    this.number(1, held, reject.byte);
    this.number(2, held, reject.length);
    this.number(3, held, reject.row);
    this.text(0, held, reject.file);
    this.text(1, held, by.stage);
    this.text(2, held, reject.column);
    this.text(3, held, reject.code);
    this.text(4, held, reject.functionName);
    this.text(5, held, reject.functionHash);
    this.text(6, held, raw === null ? null : raw.kind);
    this.attempts[held] = by.attempt;
    this.messages.append(reject.message);
    this.raws.append(held, raw);
    this.held++;
    this.heldBytes += raw?.bytes.length ?? 0;
    if (this.held >= mostHeld || this.heldBytes >= mostHeldBytes) this.flush();
  }

  /** Size and crc32 of the file. */
  finish(): { readonly bytes: number; readonly checksum: string } {
    this.flush();
    const { bytes, checksum } = this.writer.finish();
    return { bytes, checksum };
  }

  abort(): void {
    this.writer.abort();
  }

  private number(column: number, at: number, value: number | null): void {
    (this.numbers[column] as Float64Array)[at] = value ?? -1;
  }

  private text(column: number, at: number, text: string | null): void {
    if (text !== this.lastTexts[column]) {
      this.lastTexts[column] = text;
      this.lastNumbers[column] = this.numberOf(text);
    }
    (this.codes[column] as Int32Array)[at] = this.lastNumbers[column] as number;
  }

  private numberOf(text: string | null): number {
    if (text === null) return -1;
    const known = this.known.get(text);
    if (known !== undefined) return known;
    this.known.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }

  private flush(): void {
    const { held: length } = this;
    if (length === 0) return;
    const fixed = (type: typeof types.int32 | typeof types.float64, values: Int32Array | Float64Array): Column => {
      return { layout: "fixed", type, length, values: values.subarray(0, length), valid: null };
    };
    const columns = [
      ...this.numbers.map((values) => fixed(types.float64, values)),
      ...this.codes.map((values) => fixed(types.int32, values)),
      fixed(types.int32, this.attempts),
      this.messages.finish(),
      this.raws.column(length),
    ];
    this.writer.write(taskRejectSchema, length, [0, length], columns.map(columnParts));
    this.messages = builderFor(types.utf8, mostHeld);
    this.raws.clear();
    this.held = 0;
    this.heldBytes = 0;
  }
}
