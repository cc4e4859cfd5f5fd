import { closeSync, openSync, read as readFile, readSync } from "node:fs";
import { promisify } from "node:util";
import { dataError, MillraceError } from "../../common/errors.js";
import { crc32 } from "../../runtime/safety.js";
import { readFooter } from "./parquetFooter.js";
import { type FileColumn, fileColumns, inFile, reasonOf } from "./parquetReadSchema.js";
import { decodeThriftAt, numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";
import { breath } from "../fileCopy.js";
import { fileError, reading } from "../fileErrors.js";
import { nodeFileSystem } from "../fileSystem.js";
import { LentMemory } from "../lentMemory.js";

/** What is read of a file whose pages are compared with their checksums. */
export interface PagesRead {
  readonly path: string;
  readonly columns: ReadonlySet<string>;
  /** Only row groups that begin before this row are looked at. */
  readonly rows: number;
}

const readLater = promisify(readFile);
const windowBytes = 1 << 20;
const threadWindow = new LentMemory(windowBytes);
/** Enough for the head of a page whose statistics hold short values. */
const headBytes = 512;
/** Column chunks that are looked at before others get their turn. */
const chunksBetweenTurns = 64;

/**
 * Compares the pages of these columns with their checksums, where the writer gave them: field 4 of a page header is the CRC-32 of the bytes that
 * follow it (parquet-format, `PageHeader.crc`). Nothing is decompressed. Of a column chunk whose first page has no checksum, that page's head is all
 * that is read. Holds one mebibyte; about 2 GB/s from the page cache.
 * @param goOn called between reads; what it throws ends the comparison
 * @throws MillraceError Data/PARQUET_CORRUPT with file, row group and column; External/FILE_IO; whatever `goOn` throws
 */
export async function checkPagesRead({ path, columns, rows }: PagesRead, goOn: () => void): Promise<void> {
  const footer = readFooter(nodeFileSystem, path);
  const found = inFile(path, () => fileColumns(footer, path, columns));
  const fd = reading(path, () => openSync(path, "r"));
  const lent = threadWindow.borrow();
  try {
    const walk = new PageWalk(path, fd, footer.dataEnd, Buffer.from(lent ?? new ArrayBuffer(windowBytes)), goOn);
    let before = 0;
    for (const [index, group] of footer.rowGroups.entries()) {
      if (before >= rows) return;
      before += inFile(path, () => numberField(group, 3) ?? 0);
      for (const column of found) await checkColumn(walk, group, index, column);
    }
  } finally {
    closeSync(fd);
    if (lent !== null) threadWindow.giveBack();
  }
}

async function checkColumn(walk: PageWalk, group: ThriftStruct, rowGroup: number, column: FileColumn): Promise<void> {
  const { path: file } = walk;
  try {
    const chunks = structsField(group, 1);
    for (let leaf = column.firstLeaf; leaf < column.firstLeaf + column.leaves; leaf++) {
      await walk.chunk(structField(chunks[leaf] ?? new Map(), 3) ?? new Map());
    }
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.code !== "PARQUET_CORRUPT") throw thrown;
    const where = `row group ${rowGroup}, column ${JSON.stringify(column.name)}`;
    throw dataError("PARQUET_CORRUPT", `${file}: ${where} cannot be read: ${reasonOf(thrown)}`, {
      file,
      rowGroup,
      column: column.name,
      cause: thrown,
      hint: "Write or copy the file again.",
    });
  }
}

/** Goes through the pages of column chunks, with a window on the file. */
class PageWalk {
  readonly #window: Buffer;
  /** The window holds the file's bytes [from, to). */
  #from = 0;
  #to = 0;
  #chunks = 0;

  /** @param end offset before which all pages end */
  constructor(
    readonly path: string,
    private readonly fd: number,
    private readonly end: number,
    window: Buffer,
    private readonly goOn: () => void,
  ) {
    this.#window = window;
  }

  /** @throws MillraceError Data/PARQUET_CORRUPT with what is wrong with the chunk's pages */
  async chunk(meta: ThriftStruct): Promise<void> {
    if (this.#chunks++ % chunksBetweenTurns === 0) {
      await breath();
      this.goOn();
    }
    const data = numberField(meta, 9) ?? 0;
    const dictionary = numberField(meta, 11) ?? 0;
    const values = numberField(meta, 5) ?? 0;
    let at = dictionary > 0 ? Math.min(dictionary, data) : data;
    let seen = 0;
    for (let page = 0; seen < values; page++) {
      const { fields, bytes } = await this.#head(at, page);
      const expected = numberField(fields, 4);
      if (page === 0 && expected === undefined) return;
      at += bytes;
      const size = numberField(fields, 3) ?? -1;
      if (size < 0 || size > this.end - at) throw corrupt(`page ${page} claims ${size} bytes where ${this.end - at} are left`);
      if (expected !== undefined) await this.#compare(page, at, size, expected >>> 0);
      at += size;
      seen += valuesOf(fields);
    }
    if (seen !== values) throw corrupt(`its pages hold ${seen} values where the metadata says ${values}`);
  }

  /** The page head at `at`, and how long it is. */
  async #head(at: number, page: number): Promise<{ readonly fields: ThriftStruct; readonly bytes: number }> {
    if (!this.#holds(at)) {
      if (page === 0) this.#peek(at);
      else await this.#fill(at, windowBytes);
    }
    for (;;) {
      try {
        const { fields, end } = decodeThriftAt(this.#window.subarray(0, this.#to - this.#from), at - this.#from);
        return { fields, bytes: end - (at - this.#from) };
      } catch (thrown) {
        // It may go on behind what the window has of it.
        const all = Math.min(windowBytes, this.end - at);
        if (this.#from === at && this.#to - at >= all) throw thrown;
        await this.#fill(at, all);
        if (this.#to - at < all) throw corrupt(`the file ends in the head of page ${page}`);
      }
    }
  }

  async #compare(page: number, from: number, size: number, expected: number): Promise<void> {
    let crc = 0;
    for (let at = from; at < from + size; ) {
      if (!this.#holds(at)) {
        await this.#fill(at, windowBytes);
        this.goOn();
        if (!this.#holds(at)) throw corrupt(`the file ends in page ${page}`);
      }
      const upTo = Math.min(this.#to, from + size);
      crc = crc32(this.#window.subarray(at - this.#from, upTo - this.#from), crc);
      at = upTo;
    }
    if (crc === expected) return;
    throw corrupt(`page ${page} has the checksum ${hex(crc)} where its header says ${hex(expected)}`);
  }

  #holds(at: number): boolean {
    return at >= this.#from && at < this.#to;
  }

  /** The head of a chunk's first page mostly is all that is wanted of the chunk: to ask for it in the background takes longer than to read it. */
  #peek(at: number): void {
    const size = Math.max(0, Math.min(headBytes, this.end - at));
    const count = reading(this.path, () => readSync(this.fd, this.#window, 0, size, at));
    [this.#from, this.#to] = [at, at + count];
  }

  async #fill(at: number, bytes: number): Promise<void> {
    const size = Math.max(0, Math.min(bytes, this.end - at));
    try {
      const { bytesRead } = await readLater(this.fd, this.#window, 0, size, at);
      [this.#from, this.#to] = [at, at + bytesRead];
    } catch (thrown) {
      throw fileError(thrown, "read", this.path);
    }
  }
}

/** Values of a data page of either version; other pages have none. */
function valuesOf(head: ThriftStruct): number {
  return numberField(structField(head, 5) ?? structField(head, 8) ?? new Map(), 1) ?? 0;
}

const corrupt = (reason: string): MillraceError => dataError("PARQUET_CORRUPT", reason);

const hex = (value: number): string => value.toString(16).padStart(8, "0");
