import type { Readable } from "node:stream";
import { dataError, externalError } from "../common/errors.js";

/** A record's bytes, without its line end, and where it stands. */
export interface TextRecord {
  readonly bytes: Buffer;
  /** 0-based offset in the stream. */
  readonly byte: number;
  /** 1-based. */
  readonly line: number;
}

/** Longest record; a longer one is often an unclosed quote. */
const mostBytes = 64 << 20;

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Cuts the bytes of a Node stream into records, reading no further than its consumer: at most one chunk and one record are held. `quote`: line feeds
 * between quotes belong to the record (a quote opens a field only at its beginning). A byte order mark is left out, and so are empty lines.
 * @throws MillraceError External/STREAM_FAILED when the stream does, with the bytes read so far; Data/RECORD_TOO_LARGE
 */
export async function* textRecords(
  readable: Readable,
  quoting: { readonly quote: string; readonly delimiter: string } | null,
): AsyncGenerator<TextRecord[]> {
  const cutter = new RecordCutter(quoting);
  try {
    for await (const chunk of readable) {
      const records = cutter.push(bytesOf(chunk, cutter.position));
      if (records.length > 0) yield records;
    }
  } catch (thrown) {
    throw streamFailed(thrown, "read.stream", cutter.position);
  }
  const last = cutter.finish();
  if (last !== null) yield [last];
}

function bytesOf(chunk: unknown, position: number): Buffer {
  if (typeof chunk === "string") return Buffer.from(chunk, "utf8");
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw externalError(
    "STREAM_FAILED",
    `read.stream: expected bytes or text at byte ${position}, found a value of type ${typeof chunk}`,
    {
      byte: position,
      hint: "A stream in object mode is read by read.rows(readable).",
    },
  );
}

/** An error of a stream, with the position it was at. */
export function streamFailed(thrown: unknown, where: string, position: number): unknown {
  if (thrown instanceof Error && thrown.name === "MillraceError") return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return externalError("STREAM_FAILED", `${where}: the stream broke off at byte ${position}: ${reason}`, {
    byte: position,
    hint: "The error is the stream's own: look at what is at its other end.",
    cause: thrown,
  });
}

class RecordCutter {
  /** Bytes taken so far. */
  position = 0;
  private readonly quote: number;
  private readonly delimiter: number;
  private rest: Buffer[] = [];
  private restBytes = 0;
  private start = 0;
  private line = 1;
  private startLine = 1;
  private quoted = false;
  private fieldStart = true;

  constructor(quoting: { readonly quote: string; readonly delimiter: string } | null) {
    this.quote = quoting === null ? -1 : quoting.quote.charCodeAt(0);
    this.delimiter = quoting === null ? -1 : quoting.delimiter.charCodeAt(0);
  }

  push(chunk: Buffer): TextRecord[] {
    const records: TextRecord[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === this.quote) {
        if (this.quoted || this.fieldStart) this.quoted = !this.quoted;
        this.fieldStart = false;
      } else if (byte === lineFeed) {
        this.line++;
        if (this.quoted) continue;
        const record = this.take(chunk.subarray(from, at), this.position + at + 1);
        if (record !== null) records.push(record);
        from = at + 1;
      } else this.fieldStart = byte === this.delimiter && !this.quoted;
    }
    this.position += chunk.length;
    this.hold(chunk.subarray(from));
    return records;
  }

  finish(): TextRecord | null {
    return this.restBytes === 0 ? null : this.take(Buffer.alloc(0), this.position);
  }

  private hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.restBytes += bytes.length;
    if (this.restBytes > mostBytes) {
      throw dataError("RECORD_TOO_LARGE", `read.stream: the record at byte ${this.start} is longer than ${mostBytes} bytes`, {
        byte: this.start,
        line: this.startLine,
        hint: "Often a quote that is never closed.",
      });
    }
    this.rest.push(bytes);
  }

  private take(end: Buffer, next: number): TextRecord | null {
    const whole = this.rest.length === 0 ? end : Buffer.concat([...this.rest, end]);
    const marked = this.start === 0 && whole.length >= 3 && whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
    const skipped = marked ? 3 : 0;
    const cut = whole.length > 0 && whole[whole.length - 1] === carriageReturn ? 1 : 0;
    const record = { bytes: whole.subarray(skipped, whole.length - cut), byte: this.start + skipped, line: this.startLine };
    this.rest = [];
    this.restBytes = 0;
    this.start = next;
    this.startLine = this.line;
    this.quoted = false;
    this.fieldStart = true;
    return record.bytes.length === 0 ? null : record;
  }
}
