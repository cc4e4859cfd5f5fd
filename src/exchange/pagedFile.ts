import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { externalError, type MillraceError } from "../common/errors.js";
import { joinerOf } from "../io/sink/sinkChecksum.js";
import { patiently, reading } from "../io/fileErrors.js";
import { checksums, crc32 } from "../runtime/safety.js";
import type { ReadMemory } from "./readMemory.js";

/** A block file on the disk: no byte is given to a reader before its page was compared with its checksum. */
export class PagedFile {
  readonly bytes: number;
  readonly #path: string;
  readonly #fd: number;
  readonly #pageBytes: number;
  readonly #joiner: ReturnType<typeof joinerOf>;
  readonly #kept: KeptPage[] = [];
  #pages: Uint32Array = new Uint32Array(0);
  #dataEnd = 0;

  /** @throws MillraceError External/SCRATCH_UNREADABLE */
  constructor(path: string, pageBytes: number) {
    this.#path = path;
    this.#pageBytes = pageBytes;
    this.#joiner = joinerOf(pageBytes);
    try {
      this.#fd = patiently(() => openSync(path, "r"));
    } catch (cause) {
      throw externalError("SCRATCH_UNREADABLE", `${path}: cannot be opened`, { cause, file: path });
    }
    try {
      this.bytes = reading(path, () => fstatSync(this.#fd).size);
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  /** The checksums of the pages before `dataEnd`. */
  begin(pages: Uint32Array, dataEnd: number): void {
    this.#pages = pages;
    this.#dataEnd = dataEnd;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Bytes that nobody has checked. */
  raw(position: number, length: number): Buffer<ArrayBuffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#fill(bytes, position);
    return bytes;
  }

  /** Bytes that were checked, in `memory`. */
  read(memory: ReadMemory, slot: number, position: number, length: number): Uint8Array {
    return this.readInto(memory.take(slot, length), position);
  }

  /** Reads bytes that were checked: one page by way of those kept, a few through one buffer, many straight into `target`. */
  readInto(target: Uint8Array, position: number): Uint8Array {
    const pageBytes = this.#pageBytes;
    const end = position + target.length;
    if (end > this.#dataEnd) throw scratchDamaged(this.#path, `it ends at byte ${this.#dataEnd}`);
    if (target.length === 0) return target;
    const first = Math.floor(position / pageBytes);
    const last = Math.floor((end - 1) / pageBytes);
    if (first === last) target.set(this.#page(first).subarray(position - first * pageBytes, end - first * pageBytes));
    else if (last - first < aroundPages) {
      const start = first * pageBytes;
      around ??= new Uint8Array(Buffer.allocUnsafeSlow(aroundPages * pageBytes).buffer);
      const pages = around.subarray(0, Math.min(this.#dataEnd, (last + 1) * pageBytes) - start);
      this.#fill(pages, start);
      this.#checkAll(pages, first);
      target.set(pages.subarray(position - start, end - start));
    } else this.#readPages(target, position, first);
    return target;
  }

  /** Whole pages straight into `target`, and what is less of one by way of that page. */
  #readPages(target: Uint8Array, position: number, first: number): void {
    const pageBytes = this.#pageBytes;
    const end = position + target.length;
    const from = position === first * pageBytes ? position : (first + 1) * pageBytes;
    const to = end === this.#dataEnd ? end : Math.floor(end / pageBytes) * pageBytes;
    if (from > position) target.set(this.#page(first).subarray(position - first * pageBytes));
    const whole = target.subarray(from - position, to - position);
    this.#fill(whole, from);
    this.#checkAll(whole, from / pageBytes);
    if (to < end) target.set(this.#page(to / pageBytes).subarray(0, end - to), to - position);
  }

  /** Pages from `page` on, of which the last may be the file's short one. */
  #checkAll(bytes: Uint8Array, page: number): void {
    if (!checksums || crc32(bytes) === this.#joiner.join(this.#pages, page, bytes.length)) return;
    const pageBytes = this.#pageBytes;
    for (let from = 0, i = page; from < bytes.length; from += pageBytes, i++)
      this.#check(bytes.subarray(from, from + pageBytes), i);
  }

  /** One page, kept for the next small read near it. */
  #page(page: number): Uint8Array {
    const pageBytes = this.#pageBytes;
    const slot = page % mostKept;
    let kept = this.#kept[slot];
    if (kept?.page === page) return kept.bytes;
    const start = page * pageBytes;
    const memory = kept?.memory ?? new Uint8Array(Buffer.allocUnsafeSlow(pageBytes).buffer);
    const bytes = memory.subarray(0, Math.min(pageBytes, this.#dataEnd - start));
    this.#kept[slot] = { page: -1, memory, bytes };
    this.#fill(bytes, start);
    this.#check(bytes, page);
    kept = { page, memory, bytes };
    this.#kept[slot] = kept;
    return kept.bytes;
  }

  #check(bytes: Uint8Array, page: number): void {
    if (!checksums || crc32(bytes) === this.#pages[page]) return;
    const from = page * this.#pageBytes;
    throw scratchDamaged(this.#path, `bytes ${from} to ${from + bytes.length} have another checksum`);
  }

  #fill(target: Uint8Array, position: number): void {
    let done = 0;
    while (done < target.length) {
      const read = reading(this.#path, () => readSync(this.#fd, target, done, target.length - done, position + done));
      if (read === 0) throw scratchDamaged(this.#path, `it ends at byte ${position + done}`);
      done += read;
    }
  }
}

/** A page that was read and checked, in memory that the next one of its slot takes. */
interface KeptPage {
  readonly page: number;
  readonly memory: Uint8Array;
  readonly bytes: Uint8Array;
}

const mostKept = 4;

/** Pages around what is read, which a thread reads at once where they are so few: one call costs more than to copy them. */
const aroundPages = 16;
let around: Uint8Array | null = null;

/** A file between stages that is not what was written. */
export const scratchDamaged = (file: string, why: string): MillraceError =>
  externalError("SCRATCH_DAMAGED", `${file} was changed after it was written: ${why}`, {
    file,
    hint: "Files in a run's scratch folder must not be changed while it runs. Resume the run: what wrote the file is done again.",
  });
