import { mark } from "../../kernels/csvKernels.js";
import type { CsvDialect } from "./csvDialect.js";

export interface Joint {
  /** A byte of the record, relative to the block; of a header its first. */
  readonly at: number;
  readonly kind: typeof mark.header | typeof mark.joint | typeof mark.nul;
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Where a file was put together or bytes of it are lost, as strict rules look for it: a line that is the header once more, a byte order mark, a
 * NUL. A header of one column may as well be a value.
 */
export class CsvJoints {
  private readonly header: Buffer | null;
  private readonly newline: number;
  /** NUL has no meaning of its own. */
  private readonly isNulStray: boolean;

  constructor(header: Uint8Array | null, columns: number, { delimiter, quote, escape: escaping, comment, newline }: CsvDialect) {
    this.newline = newline;
    this.isNulStray = ![delimiter, quote, escaping, comment].includes(0);
    this.header = header === null || columns < 2 ? null : Buffer.from([newline, ...header]);
  }

  /** What stands in the block, which begins with a record; headers may lie inside quotes. */
  find(block: Uint8Array): readonly Joint[] {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
    const found: Joint[] = [];
    this.list(bytes, byteOrderMark, mark.joint, found);
    if (this.isNulStray) this.list(bytes, 0, mark.nul, found);
    const { header } = this;
    if (header === null) return found;
    const first = header.subarray(1);
    if (bytes.subarray(0, first.length).equals(first) && this.ends(bytes, first.length)) found.push({ at: 0, kind: mark.header });
    for (let at = bytes.indexOf(header); at >= 0; at = bytes.indexOf(header, at + 1)) {
      if (this.ends(bytes, at + header.length)) found.push({ at: at + 1, kind: mark.header });
    }
    return found;
  }

  /** The first in each line. */
  private list(bytes: Buffer, what: Buffer | number, kind: Joint["kind"], found: Joint[]): void {
    for (let at = bytes.indexOf(what); at >= 0; ) {
      found.push({ at, kind });
      const end = bytes.indexOf(this.newline, at);
      at = end < 0 ? -1 : bytes.indexOf(what, end);
    }
  }

  /** Whether a line's text ends before `at`. A carriage return before the line feed is none of it. */
  private ends(bytes: Buffer, at: number): boolean {
    const byte = bytes[at];
    if (this.newline !== 10) return byte === this.newline;
    return byte === 10 ? bytes[at - 1] !== 13 : byte === 13 && bytes[at + 1] === 10;
  }
}
