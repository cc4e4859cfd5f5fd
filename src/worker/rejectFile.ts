import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { builderFor, type ColumnBuilder } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { exchangeWriter } from "../exchange/codec.js";
import type { BatchWriter } from "../io/contracts.js";
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

/** Writes the rejects of one task as they occur, a block at a time, so that memory does not grow with their number. */
export class RejectFile {
  /** Texts that repeat, by the numbers that stand for them in the file. */
  readonly texts: string[] = [];
  private readonly known = new Map<string, number>();
  private readonly writer: BatchWriter;
  private readonly numbers = rejectNumbers.map(() => new Float64Array(mostHeld));
  private readonly codes = rejectTexts.map(() => new Int32Array(mostHeld));
  private readonly attempts = new Int32Array(mostHeld);
  private messages: ColumnBuilder = builderFor(types.utf8, mostHeld);
  private raws: ColumnBuilder = builderFor(types.binary, mostHeld);
  private held = 0;
  private heldBytes = 0;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.writer = exchangeWriter(taskRejectSchema, path, "blocks");
  }

  /** Copies `raw`. */
  add(reject: RejectRecord, raw: RejectRaw | null, by: RejectedBy): void {
    const { held } = this;
    const { file, line, byte, length, row, column, code, message, functionName, functionHash } = reject;
    this.put(held, [line, byte, length, row], [file, by.stage, column, code, functionName, functionHash, raw?.kind ?? null]);
    this.attempts[held] = by.attempt;
    this.messages.append(message);
    this.raws.append(raw?.bytes ?? null);
    this.held++;
    this.heldBytes += raw?.bytes.length ?? 0;
    if (this.held >= mostHeld || this.heldBytes >= mostHeldBytes) this.flush();
  }

  finish(): void {
    this.flush();
    void this.writer.finish();
  }

  abort(): void {
    void this.writer.abort();
  }

  private put(at: number, numbers: readonly (number | null)[], texts: readonly (string | null)[]): void {
    for (let i = 0; i < numbers.length; i++) (this.numbers[i] as Float64Array)[at] = numbers[i] ?? -1;
    for (let i = 0; i < texts.length; i++) (this.codes[i] as Int32Array)[at] = this.numberOf(texts[i] ?? null);
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
      this.raws.finish(),
    ];
    void this.writer.write({ schema: taskRejectSchema, length, columns, selection: null, origin: null });
    this.messages = builderFor(types.utf8, mostHeld);
    this.raws = builderFor(types.binary, mostHeld);
    this.held = 0;
    this.heldBytes = 0;
  }
}
