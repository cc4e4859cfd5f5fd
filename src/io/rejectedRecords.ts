import type { RejectRecord } from "../task/protocol.js";
import { readRecord } from "./text/textReject.js";

/** Why a record is rejected: what many of them share. */
export interface RejectReason {
  /** null: of the record as a whole. */
  readonly column: string | null;
  readonly code: string;
  readonly message: string;
}

/** Reasons by number, so that a rejected record is no object. The same number stands for the same reason for as long as it is good. */
export class RejectReasons {
  readonly #lasting: RejectReason[] = [];
  readonly #passing: RejectReason[] = [];

  /** A number that stays good. For reasons of which there are few. */
  keep(reason: RejectReason): number {
    return this.#lasting.push(reason) - 1;
  }

  /** As `keep`, for one that may be kept already. */
  find({ column, code, message }: RejectReason): number {
    const known = this.#lasting.findIndex((one) => one.code === code && one.column === column && one.message === message);
    return known < 0 ? this.keep({ column, code, message }) : known;
  }

  /** A number, which is negative, that is good until the next `forget`. */
  pass(reason: RejectReason): number {
    return -this.#passing.push(reason);
  }

  forget(): void {
    if (this.#passing.length > 0) this.#passing.length = 0;
  }

  /** How many last: their numbers begin at 0. */
  get lasting(): number {
    return this.#lasting.length;
  }

  /** How many do not last and are good. */
  get passing(): number {
    return this.#passing.length;
  }

  at(number: number): RejectReason {
    return (number < 0 ? this.#passing[-1 - number] : this.#lasting[number]) as RejectReason;
  }
}

/** Rejected records of one file, in its order, as columns. All of it is good until whoever takes them returns. */
export interface RejectedRecords {
  readonly file: string;
  readonly count: number;
  /** As in `RejectRecord`. */
  readonly lines: Float64Array;
  readonly bytes: Float64Array;
  readonly lengths: Float64Array;
  /** Numbers into `why`. */
  readonly reasons: Int32Array;
  readonly why: RejectReasons;
  /** The records' bytes, each with a byte more: record i is `raw.subarray(bounds[i], bounds[i + 1] - 1)`. */
  readonly raw: Uint8Array;
  /** One more than there are records; the first is 0. */
  readonly bounds: Int32Array;
}

/** One of them as an object. */
export function rejectedRecord(records: RejectedRecords, i: number): RejectRecord {
  const { file, lines, bytes, lengths, reasons, why } = records;
  const [line = 0, byte = 0, length = 0] = [lines[i], bytes[i], lengths[i]];
  const { column, code, message } = why.at(reasons[i] ?? 0);
  return readRecord({ file, line, byte, length }, code, message, column);
}

/** Gives them one by one. */
export function eachRejected(records: RejectedRecords, take: (reject: RejectRecord, raw: Uint8Array) => void): void {
  const { count, raw, bounds } = records;
  for (let i = 0; i < count; i++) take(rejectedRecord(records, i), raw.subarray(bounds[i], (bounds[i + 1] ?? 0) - 1));
}
