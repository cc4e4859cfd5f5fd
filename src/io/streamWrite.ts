import { once } from "node:events";
import { finished } from "node:stream/promises";
import type { Batch } from "../batch/column.js";
import type { StreamTarget } from "../plan/stream.js";
import type { Schema } from "../schema/types.js";
import { CsvFileWriter } from "./sink/sinkCsv.js";
import { JsonlFileWriter } from "./sink/sinkJsonl.js";
import { streamFailed } from "./streamBytes.js";
import type { OutputTarget } from "./sink/sinkOutput.js";

/** Collects what a text writer gives, to be passed on. */
class Chunks implements OutputTarget {
  private list: Buffer[] = [];

  writeHead(bytes: Uint8Array): void {
    this.write([bytes]);
  }

  write(chunks: readonly Uint8Array[]): void {
    // The writer uses its buffer again.
    for (const chunk of chunks) if (chunk.length > 0) this.list.push(Buffer.from(chunk));
  }

  take(): Buffer[] {
    const { list } = this;
    this.list = [];
    return list;
  }

  finish(): { readonly bytes: number; readonly checksum: string } {
    return { bytes: 0, checksum: "" };
  }

  abort(): void {
    this.list = [];
  }
}

/**
 * Writes rows to a Node stream, in the bytes of `write.csv` and `write.jsonl`. `write` settles once the stream takes more, so that a slow stream holds
 * up whoever makes the rows.
 * @throws MillraceError External/STREAM_FAILED with the bytes written before
 */
export class StreamWriter {
  /** Bytes handed to the stream. */
  bytes = 0;
  rows = 0;
  private readonly chunks = new Chunks();
  private readonly writer: CsvFileWriter | JsonlFileWriter;
  private failure: { readonly error: unknown } | null = null;

  constructor(
    private readonly target: StreamTarget,
    schema: Schema,
    onFailure: (error: unknown) => void,
  ) {
    this.writer =
      target.format === "csv" ? new CsvFileWriter(this.chunks, schema, target.options) : new JsonlFileWriter(this.chunks, schema);
    const fail = (error: unknown): void => {
      if (this.failure !== null) return;
      this.failure = { error };
      onFailure(this.failed(error));
    };
    target.writable.on("error", fail);
    target.writable.on("close", () => {
      if (!target.writable.writableFinished) fail(new Error("the stream was closed"));
    });
  }

  async write(batch: Batch): Promise<void> {
    this.writer.write(batch);
    this.rows = this.writer.rows;
    this.writer.flushRowGroup();
    await this.drain();
  }

  /** Ends the stream and waits until it has taken everything. */
  async finish(): Promise<void> {
    this.writer.flushRowGroup();
    await this.drain();
    const { writable } = this.target;
    try {
      // The process's own streams stay open for whoever else writes to them.
      if (writable === process.stdout || writable === process.stderr) {
        await new Promise<void>((taken, refused) => writable.write("", (error) => (error == null ? taken() : refused(error))));
        return;
      }
      const ended = finished(writable, { readable: false });
      writable.end();
      await ended;
    } catch (thrown) {
      throw this.failed(thrown);
    }
  }

  destroy(error: Error): void {
    if (!this.target.writable.destroyed) this.target.writable.destroy(error);
  }

  private async drain(): Promise<void> {
    const { writable } = this.target;
    for (const chunk of this.chunks.take()) {
      if (this.failure !== null) throw this.failed(this.failure.error);
      const goOn = writable.write(chunk);
      this.bytes += chunk.length;
      if (!goOn) await this.drained();
    }
  }

  private async drained(): Promise<void> {
    const { writable } = this.target;
    const gone = new AbortController();
    const { signal } = gone;
    try {
      await Promise.race([once(writable, "drain", { signal }), once(writable, "close", { signal })]);
    } catch (thrown) {
      throw this.failed(thrown);
    } finally {
      gone.abort();
    }
    if (this.failure !== null) throw this.failed(this.failure.error);
  }

  private failed(thrown: unknown): unknown {
    return streamFailed(this.failure?.error ?? thrown, "write.stream", this.bytes);
  }
}
