import { rmSync } from "node:fs";
import { dataError } from "../common/errors.js";
import { type RejectedRecords, type RejectReason, type RejectReasons, rejectedRecord } from "../io/rejectedRecords.js";
import type { OnReject } from "../plan/nodes.js";
import type { RejectRecord, TaskResult } from "../task/protocol.js";
import { type RejectedBy, RejectFile, type RejectRaw } from "./rejectFile.js";

const sampleSize = 10;

/** How often each text came. The same one mostly comes again and again, and is then looked up once. */
class Counts {
  private readonly done = new Map<string, number>();
  private last: string | null = null;
  private times = 0;

  add(text: string, times: number): void {
    if (text !== this.last) {
      this.settle();
      this.last = text;
    }
    this.times += times;
  }

  all(): Record<string, number> {
    this.settle();
    return Object.fromEntries(this.done);
  }

  private settle(): void {
    if (this.last !== null) this.done.set(this.last, (this.done.get(this.last) ?? 0) + this.times);
    this.last = null;
    this.times = 0;
  }
}

/** Counts numbers in `times`, which has been 0, and lists them in the order in which they come first; answers how many there are. */
function tally(numbers: Int32Array, times: Int32Array, order: Int32Array): number {
  let found = 0;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    const before = times[number] as number;
    if (before === 0) order[found++] = number;
    times[number] = before + 1;
  }
  return found;
}

/** Takes the rejects of one task attempt: counts them, keeps the first few, and writes all of them where they are kept. */
export class RejectLog {
  private count = 0;
  private readonly byCode = new Counts();
  private readonly byFile = new Counts();
  private readonly byColumn = new Counts();
  private readonly samples: RejectRecord[] = [];
  private readonly path: string;
  private written: RejectFile | null = null;
  /** How often each reason comes among some rejects, and which ones come, the first one first. */
  private times = new Int32Array(64);
  private order = new Int32Array(64);

  /** @param file the file to write to, without extension; it is made with the first reject */
  constructor(
    private readonly policy: OnReject,
    file: string,
  ) {
    this.path = `${file}.blocks`;
  }

  /** Whether the record's bytes are asked for. */
  get wantsRaw(): boolean {
    return this.policy === "quarantine";
  }

  /** Whether a reject is told elsewhere, as its row is met a second time. One that fails the run does so at once. */
  passesOver(again: boolean | undefined, policy = this.policy): boolean {
    return again === true && policy !== "fail";
  }

  /**
   * @param by what rejected the record, where the record does not say it itself
   * @throws MillraceError Data with the reject's own code and place when the source says `onReject: "fail"`.
   */
  take(reject: RejectRecord, raw: RejectRaw | null, policy = this.policy, by: RejectedBy = reject): void {
    if (policy === "fail") throw rejectError({ ...reject, stage: by.stage, attempt: by.attempt });
    this.count++;
    if (reject.file !== "") this.byFile.add(reject.file, 1);
    this.countReason(reject, 1);
    if (this.samples.length < sampleSize) this.samples.push({ ...reject, stage: by.stage, attempt: by.attempt });
    if (policy !== "quarantine") return;
    this.written ??= new RejectFile(this.path);
    this.written.add(reject, raw, by);
  }

  /** As `take` for each of them. */
  takeAll(records: RejectedRecords, by: RejectedBy): void {
    const { policy, samples } = this;
    const { file, count, reasons, why } = records;
    const recordAt = (i: number): RejectRecord => ({ ...rejectedRecord(records, i), stage: by.stage, attempt: by.attempt });
    if (policy === "fail") throw rejectError(recordAt(0));
    this.count += count;
    this.byFile.add(file, count);
    if (why.passing > 0) for (let i = 0; i < count; i++) this.countReason(why.at(reasons[i] as number), 1);
    else this.countReasons(reasons, why);
    for (let i = 0; i < count && samples.length < sampleSize; i++) samples.push(recordAt(i));
    if (policy !== "quarantine") return;
    this.written ??= new RejectFile(this.path);
    this.written.addAll(records, by);
  }

  private countReasons(reasons: Int32Array, why: RejectReasons): void {
    if (this.times.length < why.lasting) {
      this.times = new Int32Array(why.lasting * 2);
      this.order = new Int32Array(why.lasting * 2);
    }
    const { times, order } = this;
    const found = tally(reasons, times, order);
    for (let i = 0; i < found; i++) {
      const number = order[i] as number;
      this.countReason(why.at(number), times[number] as number);
      times[number] = 0;
    }
  }

  private countReason({ code, column }: Pick<RejectReason, "code" | "column">, times: number): void {
    this.byCode.add(code, times);
    if (column !== null) this.byColumn.add(column, times);
  }

  finish(): TaskResult["rejects"] {
    const written = this.written?.finish() ?? null;
    const { count, samples } = this;
    const [byCode, byFile, byColumn] = [this.byCode.all(), this.byFile.all(), this.byColumn.all()];
    const [file, texts] = [written === null ? null : this.path, this.written?.texts ?? []];
    return { count, byCode, byFile, byColumn, samples, file, written, texts };
  }

  /** Ends a task that failed: what it rejected is not of a result. */
  discard(): void {
    if (this.written === null) return;
    this.written.abort();
    rmSync(this.path, { force: true });
    this.written = null;
  }
}

function rejectError(reject: RejectRecord): Error {
  return dataError(reject.code, reject.message, {
    ...(reject.file === "" ? {} : { file: reject.file }),
    ...(reject.line === null ? {} : { line: reject.line }),
    ...(reject.byte === null ? {} : { byte: reject.byte }),
    ...(reject.length === null ? {} : { length: reject.length }),
    ...(reject.column === null ? {} : { column: reject.column }),
    stage: reject.stage,
    hint: 'Repair the record, or read the source with onReject: "quarantine" to set such records aside.',
  });
}
