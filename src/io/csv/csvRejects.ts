import { type CsvKernels, placed, rejectedBytes, rejectedSlot, uncounted } from "../../kernels/csvKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { RejectSink, RejectsSink } from "../contracts.js";
import type { Failures } from "./csvFailures.js";
import type { CsvIndex, WrongRecord } from "./csvIndex.js";
import type { CsvPlaces } from "./csvPlaces.js";
import type { Gaps } from "../failedRows.js";
import { eachRejected, type RejectReasons } from "../rejectedRecords.js";
import type { TextBlock } from "../text/textBlock.js";
import { readRecord } from "../text/textReject.js";

/** Bytes of records that are gathered at a time; a longer one goes alone. */
const rawBytes = 1 << 16;
const words = rejectedBytes / 4;
/** Reasons of wrong records that are remembered: their numbers of fields may be any. */
const mostReasons = 256;

export interface CsvRejectsOptions {
  readonly memory: KernelMemory;
  readonly kernels: CsvKernels;
  readonly index: CsvIndex;
  readonly block: TextBlock;
  readonly places: CsvPlaces;
  readonly file: string;
  /** Fields of every record. */
  readonly fields: number;
  readonly newline: number;
  /** Most rows of a slice. */
  readonly capacity: number;
  /** The block's bytes are the file's. */
  readonly asInFile: boolean;
  readonly reject: RejectSink;
  /** Takes many at once; `reject` is given them one by one where nobody does. */
  readonly rejectAll: RejectsSink | null;
}

/** Rejects records of a block: many at a time, by kernels, since JavaScript that handles them one by one first has to be compiled. */
export class CsvRejects {
  readonly #o: CsvRejectsOptions;
  readonly #take: RejectsSink;
  #file: string;
  readonly #reasons: number;
  readonly #columns: number;
  readonly #raws: number;
  #list = 0;
  #room = 0;
  #next = 0;
  readonly #known = new Map<string, Map<number, number>>();
  #remembered = 0;

  /** Rejected so far, of the file. */
  count = 0;

  constructor(options: CsvRejectsOptions) {
    this.#o = options;
    this.#file = options.file;
    const { memory, capacity, reject } = options;
    this.#take = options.rejectAll ?? ((records) => eachRejected(records, reject));
    this.#reasons = memory.alloc(capacity * 4);
    this.#columns = memory.alloc(placed.size);
    this.#raws = memory.alloc(rawBytes);
  }

  /** Goes on with another file; all of the one before was taken. */
  beginFile(file: string): void {
    this.#file = file;
    this.count = 0;
  }

  /** To be called when a block is indexed, since memory may grow. */
  begin(): void {
    this.#next = 0;
    const room = this.#o.capacity + this.#o.index.wrong.length;
    if (room <= this.#room) return;
    const { memory } = this.#o;
    memory.free(this.#list);
    this.#room = room + 1024;
    this.#list = memory.alloc(this.#room * rejectedBytes);
  }

  free(): void {
    for (const address of [this.#reasons, this.#columns, this.#raws, this.#list]) this.#o.memory.free(address);
  }

  /** Wrong records of the block that are not rejected yet. */
  get hasWrong(): boolean {
    return this.#next < this.#o.index.wrong.length;
  }

  /**
   * Rejects the rows of the slice from row `first` on that failed, and the wrong records that begin before `until`, in the file's order. Answers
   * how many of these there were.
   */
  take(first: number, failures: Failures, gaps: Gaps | null, until: number): number {
    const { index, memory, fields } = this.#o;
    const failed = gaps === null ? 0 : gaps.count;
    if (gaps !== null) {
      memory.i32().set(failures.reasons, this.#reasons >>> 2);
      index.listFailed(first, fields, gaps, this.#reasons, this.#list);
    }
    const { wrong } = index;
    const from = this.#next;
    while (this.#next < wrong.length && (wrong[this.#next] as WrongRecord).start < until) this.#next++;
    if (this.#next > from) this.#merge(failed, wrong, from, this.#next, failures.why);
    const many = failed + this.#next - from;
    this.count += many;
    if (this.#o.asInFile) this.#give(many, failures.why);
    else this.#giveEach(many, failures.why);
    return this.#next - from;
  }

  /** Puts wrong records [from, to) among those that are listed, the last one first, so that nothing is overwritten. */
  #merge(failed: number, wrong: readonly WrongRecord[], from: number, to: number, why: RejectReasons): void {
    const u32 = this.#o.memory.u32();
    const list = this.#list >>> 2;
    let i = failed - 1;
    let at = list + (failed + to - from - 1) * words;
    for (let w = to - 1; w >= from; w--, at -= words) {
      const one = wrong[w] as WrongRecord;
      for (; i >= 0 && (u32[list + i * words] as number) > one.start; i--, at -= words)
        u32.copyWithin(at, list + i * words, list + (i + 1) * words);
      u32[at + rejectedSlot.start] = one.start;
      u32[at + rejectedSlot.lineEnd] = one.end;
      u32[at + rejectedSlot.lines] = one.line ?? uncounted;
      u32[at + rejectedSlot.reason] = this.#reasonOf(one, why);
    }
  }

  #reasonOf(wrong: WrongRecord, why: RejectReasons): number {
    const known = this.#known.get(wrong.reason)?.get(wrong.fields);
    if (known !== undefined) return known;
    const reason = explain(wrong, this.#o.fields);
    if (this.#remembered === mostReasons) return why.pass(reason);
    this.#remembered++;
    const number = why.find(reason);
    const byFields = this.#known.get(wrong.reason) ?? new Map<number, number>();
    this.#known.set(wrong.reason, byFields.set(wrong.fields, number));
    return number;
  }

  #give(count: number, why: RejectReasons): void {
    const { memory, kernels, block, places, newline } = this.#o;
    for (let done = 0; done < count; ) {
      const record = this.#list + done * rejectedBytes;
      const slots = memory.u32().subarray(record >>> 2, (record >>> 2) + words);
      const isUncounted = slots[rejectedSlot.lines] === uncounted;
      const counted = isUncounted ? (slots[rejectedSlot.start] as number) : 0;
      const lines = isUncounted ? places.linesBefore(counted) : 0;
      const [byte, line] = [block.offset, places.lines + 1];
      const out = this.#columns;
      const more = kernels.placeRejected(
        block.base,
        newline,
        record,
        count - done,
        byte,
        line,
        counted,
        lines,
        out,
        this.#raws,
        rawBytes,
      );
      if (more === 0) this.#giveOne(done++, why);
      else {
        const numbers = (offset: number) => memory.f64().subarray((out + offset) >>> 3, ((out + offset) >>> 3) + more);
        const bounds = (out + placed.bounds) >>> 2;
        const reasons = (out + placed.reasons) >>> 2;
        const [atLines, atBytes] = [numbers(placed.lines), numbers(placed.bytes)];
        if (isUncounted) places.learn((atBytes[more - 1] as number) - byte, (atLines[more - 1] as number) - line);
        this.#take({
          file: this.#file,
          count: more,
          lines: atLines,
          bytes: atBytes,
          lengths: numbers(placed.lengths),
          reasons: memory.i32().subarray(reasons, reasons + more),
          why,
          raw: memory.u8().subarray(this.#raws, this.#raws + rawBytes),
          bounds: memory.i32().subarray(bounds, bounds + more + 1),
        });
        done += more;
      }
    }
  }

  #giveEach(count: number, why: RejectReasons): void {
    for (let i = 0; i < count; i++) this.#giveOne(i, why);
  }

  #giveOne(i: number, why: RejectReasons): void {
    const { memory, places, reject } = this.#o;
    const u32 = memory.u32();
    const at = (this.#list >>> 2) + i * words;
    const lines = u32[at + rejectedSlot.lines] as number;
    const start = u32[at + rejectedSlot.start] as number;
    const { raw, place } = places.locate(start, u32[at + rejectedSlot.lineEnd] as number, lines === uncounted ? null : lines);
    const { column, code, message } = why.at((u32[at + rejectedSlot.reason] as number) | 0);
    reject(readRecord(place, code, message, column), raw);
  }
}

function explain(wrong: WrongRecord, fields: number) {
  const [code, message] = codeAndMessage(wrong, fields);
  return { column: null, code, message };
}

function codeAndMessage(wrong: WrongRecord, fields: number): readonly [code: string, message: string] {
  switch (wrong.reason) {
    case "unclosed":
      return ["CSV_UNCLOSED_QUOTE", "a quote in this line is never closed"];
    case "stray":
      return ["CSV_STRAY_QUOTE", "a quote stands inside an unquoted field, or text after a closing quote"];
    case "doubtful":
      return ["CSV_DOUBTFUL", "this line may be a part of a record: the quotes or a line end beside it are damaged"];
    case "header":
      return ["CSV_REPEATED_HEADER", "this line is the file's header once more"];
    case "joint":
      return ["CSV_STRAY_BOM", "a byte order mark stands in this record: another file may begin here"];
    case "nul":
      return ["CSV_STRAY_NUL", "a NUL stands in this record: bytes of the file may be lost here"];
    case "lineEnd":
      return ["CSV_STRAY_LINE_END", "an unquoted field holds a line end of another kind than the file's lines have"];
    case "fields": {
      const code = wrong.fields < fields ? "CSV_TOO_FEW_FIELDS" : "CSV_TOO_MANY_FIELDS";
      return [code, `expected ${fields} fields, found ${wrong.fields}`];
    }
  }
}
