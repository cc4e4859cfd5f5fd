import type { CsvOptions } from "../../../src/plan/nodes.js";

/** What a slow reader makes of a text: fields as text (null: unquoted and empty), or the reason why a record is none. */
export interface OracleRecord {
  readonly fields: readonly (string | null)[];
  readonly reject: "CSV_UNCLOSED_QUOTE" | "CSV_STRAY_QUOTE" | "CSV_TOO_FEW_FIELDS" | "CSV_TOO_MANY_FIELDS" | null;
  readonly line: number;
}

/** Character by character, after RFC 4180 and the stated rules for what it leaves open. ASCII text, LF or CRLF. */
export function oracleRead(text: string, options: CsvOptions, fieldCount: number): OracleRecord[] {
  const out: OracleRecord[] = [];
  let at = 0;
  while (at < text.length) {
    const line = text.slice(0, at).split("\n").length;
    const lineEnd = text.indexOf("\n", at) < 0 ? text.length : text.indexOf("\n", at);
    if (options.comment !== null && text[at] === options.comment) {
      at = lineEnd + 1;
      continue;
    }
    const record = oracleRecord(text, at, options);
    if (record === null) {
      out.push({ fields: [], reject: "CSV_UNCLOSED_QUOTE", line });
      at = lineEnd + 1;
      continue;
    }
    at = record.next;
    const { fields } = record;
    if (fieldCount > 1 && fields.length === 1 && fields[0] === null) continue;
    let reject: OracleRecord["reject"] = null;
    if (options.quotes === "strict" && record.stray) reject = "CSV_STRAY_QUOTE";
    else if (fields.length < fieldCount) reject = "CSV_TOO_FEW_FIELDS";
    else if (fields.length > fieldCount) reject = "CSV_TOO_MANY_FIELDS";
    out.push({ fields, reject, line });
  }
  return out;
}

function oracleRecord(text: string, from: number, options: CsvOptions) {
  const { delimiter, quote } = options;
  const escaping = options.escape ?? quote;
  const fields: (string | null)[] = [];
  let stray = false;
  let at = from;
  for (;;) {
    let value = "";
    let quoted = false;
    if (quote !== null && text[at] === quote) {
      quoted = true;
      at++;
      let closed = false;
      while (at < text.length && !closed) {
        const two = text.slice(at, at + 2);
        if (two === `${escaping}${quote}` || (escaping !== quote && two === `${escaping}${escaping}`)) {
          value += two[1];
          at += 2;
        } else if (text[at] === quote) {
          closed = true;
          at++;
        } else value += text[at++];
      }
      if (!closed) return null;
    }
    let rest = "";
    while (at < text.length && text[at] !== delimiter && text[at] !== "\n") rest += text[at++];
    const last = text[at] !== delimiter;
    if (last && rest.endsWith("\r")) rest = rest.slice(0, -1);
    if ((quoted && rest !== "") || (quote !== null && rest.includes(quote))) stray = true;
    value += rest;
    fields.push(value === "" && !quoted ? null : value);
    at++;
    if (last) return { fields, stray, next: at };
  }
}
