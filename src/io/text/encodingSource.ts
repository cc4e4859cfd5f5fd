import { type TextEncoding, Transcoder } from "./encoding.js";
import type { ByteSource } from "./textBytes.js";

const chunkBytes = 64 * 1024;

/** A text file's bytes as UTF-8, with the way back to the original's. */
export interface TranscodedSource {
  readonly source: ByteSource;
  readonly transcoder: Transcoder;
}

/** Turns a source, read from the file's beginning, into UTF-8. */
export function transcoded(original: ByteSource, encoding: Exclude<TextEncoding, "utf8">): TranscodedSource {
  const transcoder = new Transcoder(encoding);
  const raw = new Uint8Array(chunkBytes);
  const text = new Uint8Array(transcoder.room(chunkBytes));
  let from = 0;
  let to = 0;
  let ended = false;
  const give = (target: Uint8Array, at: number, length: number): number => {
    const count = Math.min(length, to - from);
    target.set(text.subarray(from, from + count), at);
    from += count;
    return count;
  };
  const take = (count: number): void => {
    ended = count === 0;
    from = 0;
    to = transcoder.decode(raw.subarray(0, count), text, ended);
  };
  const read = (target: Uint8Array, at: number, length: number): number | Promise<number> => {
    while (from === to && !ended && length > 0) {
      const count = original.read(raw, 0, chunkBytes);
      if (typeof count !== "number") {
        return count.then((n) => {
          take(n);
          return read(target, at, length);
        });
      }
      take(count);
    }
    return give(target, at, length);
  };
  return { source: { read, close: () => original.close() }, transcoder };
}

/** The first bytes of a file as UTF-8; a character that they cut is left out unless `whole`. */
export function transcodeHead(bytes: Uint8Array, encoding: TextEncoding, whole: boolean): Uint8Array {
  if (encoding === "utf8") return bytes;
  const transcoder = new Transcoder(encoding);
  const out = new Uint8Array(transcoder.room(bytes.length));
  return out.subarray(0, transcoder.decode(bytes, out, whole));
}
