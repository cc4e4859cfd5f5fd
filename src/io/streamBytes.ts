import type { Readable } from "node:stream";
import { externalError } from "../common/errors.js";
import type { ByteSource } from "./text/textBytes.js";

/** The bytes of a Node stream: first those that are held for looking at, then the rest as it is asked for. */
export class StreamBytes {
  /** Bytes taken from the stream so far. */
  private position = 0;
  private chunks: Uint8Array[] = [];
  private ended = false;
  private readonly iterator: AsyncIterator<unknown>;

  constructor(readable: Readable) {
    this.iterator = readable[Symbol.asyncIterator]();
  }

  /** Takes from the stream until `bytes` of it, from its first one on, are held, or all there are. @throws MillraceError External/STREAM_FAILED */
  async hold(bytes: number): Promise<void> {
    while (this.position < bytes && !this.ended) {
      const chunk = await this.next();
      if (chunk !== null) this.chunks.push(chunk);
    }
  }

  /** What is held. `whole`: the stream has no more. */
  held(): { readonly bytes: Uint8Array; readonly whole: boolean } {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return { bytes: this.chunks[0] ?? new Uint8Array(0), whole: this.ended };
  }

  /** Reads all of the stream from an offset that is held. Each read gives as much as was asked for, unless the stream ends before. */
  source(start: number): ByteSource {
    let chunk = this.held().bytes.subarray(start);
    this.chunks = [];
    const read = async (target: Uint8Array, to: number, length: number): Promise<number> => {
      let count = 0;
      while (count < length) {
        if (chunk.length === 0) {
          const next = await this.next();
          if (next === null) break;
          chunk = next;
        }
        const part = chunk.subarray(0, length - count);
        target.set(part, to + count);
        count += part.length;
        chunk = chunk.subarray(part.length);
      }
      return count;
    };
    // Whoever leaves early is not told of what the stream says to that.
    return { read, close: () => void this.iterator.return?.().catch(() => undefined) };
  }

  /** null at the end. */
  private async next(): Promise<Uint8Array | null> {
    if (this.ended) return null;
    const { position } = this;
    try {
      const step = await this.iterator.next();
      this.ended = step.done === true;
      if (step.done === true) return null;
      const chunk = bytesOf(step.value, position);
      this.position += chunk.length;
      return chunk;
    } catch (thrown) {
      throw streamFailed(thrown, "read.stream", position);
    }
  }
}

function bytesOf(chunk: unknown, position: number): Uint8Array {
  if (typeof chunk === "string") return Buffer.from(chunk, "utf8");
  if (chunk instanceof Uint8Array) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
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
