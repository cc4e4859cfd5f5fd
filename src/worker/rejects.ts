import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { dataError } from "../common/errors.js";
import type { OnReject } from "../plan/nodes.js";
import type { RejectRecord, TaskResult } from "../task/protocol.js";

const sampleSize = 10;

/** Takes the rejects of one task attempt: counts them, keeps the first few, and writes all of them where they are kept. */
export class RejectLog {
  private count = 0;
  private readonly byCode = new Map<string, number>();
  private readonly byColumn = new Map<string, number>();
  private readonly samples: RejectRecord[] = [];
  private descriptor: number | null = null;

  constructor(
    private readonly policy: OnReject,
    private readonly file: string,
  ) {}

  /** @throws MillraceError Data with the reject's own code and place when the source says `onReject: "fail"`. */
  readonly take = (reject: RejectRecord, raw: Uint8Array | null): void => {
    if (this.policy === "fail") throw rejectError(reject);
    this.count++;
    this.byCode.set(reject.code, (this.byCode.get(reject.code) ?? 0) + 1);
    if (reject.column !== null) this.byColumn.set(reject.column, (this.byColumn.get(reject.column) ?? 0) + 1);
    if (this.samples.length < sampleSize) this.samples.push(reject);
    if (this.policy === "quarantine") this.write(reject, raw);
  };

  private write(reject: RejectRecord, raw: Uint8Array | null): void {
    this.descriptor ??= openSync(`${this.file}.jsonl`, "w");
    const bytes = raw === null ? null : Buffer.from(raw).toString("base64");
    writeSync(this.descriptor, `${JSON.stringify({ ...reject, raw: bytes })}\n`);
  }

  finish(): TaskResult["rejects"] {
    const written = this.descriptor !== null;
    this.close();
    const { count, samples } = this;
    const [byCode, byColumn] = [Object.fromEntries(this.byCode), Object.fromEntries(this.byColumn)];
    return { count, byCode, byColumn, samples, file: written ? `${this.file}.jsonl` : null };
  }

  /** Ends a task that failed: what it rejected is not of a result. */
  discard(): void {
    const written = this.descriptor !== null;
    this.close();
    if (written) rmSync(`${this.file}.jsonl`, { force: true });
  }

  private close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor);
    this.descriptor = null;
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
