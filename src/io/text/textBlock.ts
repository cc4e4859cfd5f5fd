import { dataError } from "../../common/errors.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { ByteSource } from "./textBytes.js";

/** Bytes before and after a block that kernels may read: they load words that reach over its borders. */
const margin = 128;
/** The longest record: past it memory would not be bounded by anything. */
export const maxRecordBytes = 512 * 1024 * 1024;
/** A partition's last block reads this much past the partition's end before it asks for a whole block. */
const overshoot = 65_536;

export interface TextBlockOptions {
  readonly memory: KernelMemory;
  readonly source: ByteSource;
  readonly file: string;
  readonly blockBytes: number;
  /** File offset of the first byte that `source` gives. */
  readonly offset: number;
  /** Partition end; what lies far behind it is read only when a record reaches there. */
  readonly partEnd: number;
  /** Ends the last record of a file that does not end with it. */
  readonly newline: number;
  /** Longest record allowed; `maxRecordBytes` unless a test says less. */
  readonly limit?: number;
  /** Scratch bytes behind the block, as many as the block has. */
  readonly scratch: boolean;
}

/** A window on a text file inside kernel memory. It always begins at a record's first byte. */
export class TextBlock {
  readonly #options: TextBlockOptions;
  #source: ByteSource;
  #file: string;
  #region = 0;
  #capacity: number;
  #length = 0;
  #offset: number;
  #atEnd = false;
  #added = 0;
  readonly #limit: number;

  constructor(options: TextBlockOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#file = options.file;
    this.#capacity = Math.max(2, options.blockBytes);
    this.#offset = options.offset;
    this.#limit = options.limit ?? maxRecordBytes;
    this.#region = this.#allocate(this.#capacity);
  }

  /** Goes on with another file, of which `source` gives the bytes from `offset` on. */
  begin(source: ByteSource, file: string, offset: number): void {
    this.#source = source;
    this.#file = file;
    this.#offset = offset;
    this.#length = 0;
    this.#atEnd = false;
    this.#added = 0;
  }

  /** Address of the first byte. */
  get base(): number {
    return this.#region + margin;
  }
  get length(): number {
    return this.#length;
  }
  get capacity(): number {
    return this.#capacity;
  }
  /** Address of the scratch space. */
  get scratch(): number {
    return this.base + this.#capacity + margin;
  }
  /** File offset of the first byte. */
  get offset(): number {
    return this.#offset;
  }
  /** The block holds the file's last byte. */
  get atEnd(): boolean {
    return this.#atEnd;
  }
  /** First file offset after the bytes held, without a line end that was added. */
  get fileEnd(): number {
    return this.#offset + this.#length - this.#added;
  }
  /** Nothing more can be read into the block, however large its record is. */
  get isFull(): boolean {
    return this.#length >= this.#limit - 1;
  }

  /** Drops the first `used` bytes and reads on. Grows when nothing was used and the block is full. */
  advance(used: number): void | Promise<void> {
    if (used > 0) this.drop(used);
    else if (this.#length >= this.#capacity - 1) {
      this.#grow();
    }
    if (!this.#atEnd) return this.#fill();
  }

  /** Drops the first `count` bytes and reads nothing. */
  drop(count: number): void {
    const base = this.base;
    this.#options.memory.u8().copyWithin(base, base + count, base + this.#length);
    this.#length -= count;
    this.#offset += count;
  }

  free(): void {
    this.#options.memory.free(this.#region);
  }

  #fill(): void | Promise<void> {
    // One byte stays free for the line end that a file may lack.
    const room = this.#capacity - 1 - this.#length;
    const near = this.#options.partEnd + overshoot - (this.#offset + this.#length);
    const want = near > 0 ? Math.min(room, near) : room;
    const count = this.#source.read(this.#options.memory.u8(), this.base + this.#length, want);
    if (typeof count !== "number") return count.then((n) => this.#took(n) ?? this.#fillMore());
    this.#took(count);
  }

  /** A compressed file arrives in small pieces; a block that is half full is worth indexing. */
  #fillMore(): void | Promise<void> {
    if (!this.#atEnd && this.#length < this.#capacity / 2) return this.#fill();
  }

  #took(count: number): void {
    this.#length += count;
    if (count > 0) return;
    this.#atEnd = true;
    const bytes = this.#options.memory.u8();
    const end = this.base + this.#length;
    if (this.#length > 0 && bytes[end - 1] !== this.#options.newline) {
      bytes[end] = this.#options.newline;
      this.#length++;
      this.#added = 1;
    }
  }

  #grow(): void {
    const { memory } = this.#options;
    const file = this.#file;
    if (this.#capacity >= this.#limit) {
      throw dataError("RECORD_TOO_LARGE", `${file}: a record is longer than ${this.#limit} bytes`, {
        file,
        byte: this.#offset,
        hint: "Check delimiter, quote and line ends: a wrong quote makes a whole file one record.",
      });
    }
    const before = this.base;
    const old = this.#region;
    const capacity = Math.min(this.#capacity * 2, this.#limit);
    this.#region = this.#allocate(capacity);
    memory.u8().copyWithin(this.base, before, before + this.#length);
    memory.free(old);
    this.#capacity = capacity;
  }

  #allocate(capacity: number): number {
    return this.#options.memory.alloc((this.#options.scratch ? 2 : 1) * (capacity + margin) + margin);
  }
}
