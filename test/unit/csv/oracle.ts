import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import { readSlowly, type SlowRecord } from "../../fuzz/slowCsv.js";

/** What a slow reader makes of a text: fields as text (null: unquoted and empty), or the reason why a record is none. */
export interface OracleRecord {
  readonly fields: readonly (string | null)[];
  readonly reject: SlowRecord["reject"];
  readonly line: number;
}

/** Reads ASCII text without a header by the slow reader of the fuzz tests. */
export function oracleRead(text: string, options: CsvOptions, fieldCount: number): OracleRecord[] {
  return readSlowly(text, options, fieldCount).records.map(({ fields, reject, line }) => ({
    fields: fields.map((field) => (field.raw === "" ? null : field.text)),
    reject,
    line,
  }));
}
