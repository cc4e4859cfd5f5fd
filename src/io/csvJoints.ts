import { mark } from "../kernels/csvKernels.js";

export interface Joint {
  /** First byte of the record, relative to the block. */
  readonly start: number;
  readonly kind: typeof mark.header | typeof mark.joint;
}

const byteOrderMark = [0xef, 0xbb, 0xbf] as const;

/**
 * Where another file was put behind the one that is read, as strict rules look for it: a line that is the header once more, or that begins
 * with a byte order mark. A header of one column may as well be a value.
 */
export class CsvJoints {
  private readonly marked: Buffer;
  private readonly header: Buffer | null;

  constructor(
    header: Uint8Array | null,
    columns: number,
    private readonly newline: number,
  ) {
    this.marked = Buffer.from([newline, ...byteOrderMark]);
    this.header = header === null || columns < 2 ? null : Buffer.from([newline, ...header]);
  }

  /** Lines of the block, which begins with a record, that look like a joint; some may lie inside quotes. */
  find(block: Uint8Array): readonly Joint[] {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
    const found: Joint[] = [];
    if (byteOrderMark.every((byte, i) => bytes[i] === byte)) found.push({ start: 0, kind: mark.joint });
    for (let at = bytes.indexOf(this.marked); at >= 0; at = bytes.indexOf(this.marked, at + 1)) {
      found.push({ start: at + 1, kind: mark.joint });
    }
    const { header } = this;
    if (header === null) return found;
    const first = header.subarray(1);
    if (bytes.subarray(0, first.length).equals(first) && this.ends(bytes, first.length))
      found.push({ start: 0, kind: mark.header });
    for (let at = bytes.indexOf(header); at >= 0; at = bytes.indexOf(header, at + 1)) {
      if (this.ends(bytes, at + header.length)) found.push({ start: at + 1, kind: mark.header });
    }
    return found;
  }

  private ends(bytes: Buffer, at: number): boolean {
    const byte = bytes[at];
    return byte === this.newline || (this.newline === 10 && byte === 13 && bytes[at + 1] === 10);
  }
}
