/** A record by the rules of Python's csv module with `strict=True`, and where it begins in the text. */
export interface PythonRow {
  readonly start: number;
  readonly fields: readonly string[];
}

type State = "record" | "field" | "unquoted" | "quoted" | "quote";

/**
 * Reads text by the state machine that the documentation of Python's csv module describes (dialect "excel", strict): a quote opens a field
 * only at its beginning, is doubled inside, and must be followed by a delimiter or a line end; reading stops at the first error. Written
 * from that description. CR, LF and CRLF end a record; blank lines are left out, as there.
 */
export function pythonRows(text: string): PythonRow[] {
  const rows: PythonRow[] = [];
  let fields: string[] = [];
  let field = "";
  let state: State = "record";
  let start = 0;
  const endField = (): void => {
    fields.push(field);
    field = "";
  };
  const endRecord = (next: number): void => {
    rows.push({ start, fields });
    fields = [];
    start = next;
    state = "record";
  };
  for (let at = 0; at < text.length; at++) {
    const c = text[at] as string;
    const isEnd = c === "\n" || c === "\r";
    const next = c === "\r" && text[at + 1] === "\n" ? at + 2 : at + 1;
    if (state === "quoted") {
      if (c === '"') state = "quote";
      else field += c;
      continue;
    }
    if (state === "quote" && c === '"') {
      field += c;
      state = "quoted";
      continue;
    }
    if (state === "quote" && c !== "," && !isEnd) return rows;
    if (isEnd) {
      if (state === "record") start = next;
      else {
        endField();
        endRecord(next);
      }
      at = next - 1;
    } else if (c === ",") {
      endField();
      state = "field";
    } else if (c === '"' && (state === "record" || state === "field")) state = "quoted";
    else {
      field += c;
      state = "unquoted";
    }
  }
  if (state === "quoted" || state === "record") return rows;
  endField();
  endRecord(text.length);
  return rows;
}
