import type { Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import { type Merger, mergerOf } from "./commitMerge.js";
import { clearStaged, fileName, stagedPath } from "./commitStaged.js";
import type { Target } from "./commitTarget.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";
import { OutputFile } from "../sink/sinkOutput.js";
import { fileSchema } from "../sink/sinks.js";

/** A file that already holds the first `parts` fragments. */
export interface BegunFile {
  readonly output: OutputFile;
  readonly merger: Merger;
  readonly parts: number;
}

/** So much goes to the disk at a time: every flush has the file system write its own journal, too. */
const syncBytes = 8 << 20;

/**
 * A sink's only file, put together and sent to the disk while later fragments are still written. Nothing depends on it: where something fails, or
 * other fragments count in the end, `assemble` begins anew (and then says what is wrong).
 */
export class EarlyFile {
  readonly #target: Target;
  readonly #schema: Schema;
  readonly #files: FileSystem;
  readonly #added: FileWritten[] = [];
  #begun: Omit<BegunFile, "parts"> | null = null;
  #copied = 0;
  #unsynced = 0;
  #syncing: Promise<void> | null = null;
  /** Whether the disk did not take what it was sent. */
  #refused = false;
  #work: Promise<void> | null = null;
  #over = false;

  readonly #syncBytes: number;

  private constructor(target: Target, schema: Schema, files: FileSystem, bytes: number) {
    this.#syncBytes = bytes;
    this.#target = target;
    this.#schema = schema;
    this.#files = files;
  }

  /** null for a sink whose files cannot be begun before all fragments are there. `bytes`: how many go to the disk at a time. */
  static for(target: Target, schema: Schema, files: FileSystem = nodeFileSystem, bytes: number = syncBytes): EarlyFile | null {
    const { format, partitionBy } = target.sink;
    return partitionBy.length > 0 || format === "arrow" || format === "duckdb"
      ? null
      : new EarlyFile(target, schema, files, bytes);
  }

  /** Takes the next fragments, in the order of tasks. */
  add(fragments: readonly FileWritten[]): void {
    this.#added.push(...fragments.filter((fragment) => fragment.rows > 0));
    // A single one is linked, not copied.
    if (this.#added.length > 1 && !this.#over) this.#work ??= this.#copyAll();
  }

  async #copyAll(): Promise<void> {
    // The promise of this call has to be known before it can end.
    await null;
    try {
      for (let part = this.#added[this.#copied]; part !== undefined && !this.#over; part = this.#added[this.#copied]) {
        this.#begun ??= this.#begin();
        this.#begun.merger.add(part);
        this.#copied++;
        await this.#begun.output.settle();
        this.#syncSome(part.bytes);
      }
    } catch {
      await this.#drop();
    } finally {
      this.#work = null;
    }
  }

  /** Copying goes on meanwhile: at the end of the stage it is what everybody waits for. */
  #syncSome(more: number): void {
    this.#unsynced += more;
    if (this.#unsynced < this.#syncBytes || this.#syncing !== null) return;
    this.#unsynced = 0;
    const syncing = this.#begun?.output.startSync().catch(() => {
      this.#refused = true;
    });
    this.#syncing =
      syncing?.finally(() => {
        this.#syncing = null;
      }) ?? null;
  }

  #begin(): Omit<BegunFile, "parts"> {
    const { sink } = this.#target;
    clearStaged(this.#target, this.#files);
    const output = new OutputFile(stagedPath(this.#target, [fileName(this.#target)]), { files: this.#files });
    try {
      return { output, merger: mergerOf(sink, fileSchema(sink, this.#schema), output, this.#files) };
    } catch (thrown) {
      output.abort();
      throw thrown;
    }
  }

  /** What there is of the file of these fragments; null for nothing. It belongs to the caller then. */
  async take(fragments: readonly FileWritten[]): Promise<BegunFile | null> {
    this.#over = true;
    await this.#work;
    await this.#syncing;
    const begun = this.#begun;
    if (begun === null) return null;
    const parts = this.#copied;
    const filled = fragments.filter((fragment) => fragment.rows > 0);
    if (!this.#refused && filled.length > 1 && this.#added.slice(0, parts).every((part, i) => isSame(part, filled[i]))) {
      this.#begun = null;
      return { ...begun, parts };
    }
    await this.#drop();
    return null;
  }

  /** Ends the work; what there is of the file goes with its folder. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#work;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    this.#over = true;
    // Its number must not become that of another file before that is over.
    await this.#syncing;
    const begun = this.#begun;
    this.#begun = null;
    try {
      begun?.output.abort();
    } catch {
      // It lies in a folder that is cleared, or removed, as a whole.
    }
  }
}

const isSame = (a: FileWritten, b: FileWritten | undefined): boolean =>
  a.path === b?.path && a.bytes === b.bytes && a.checksum === b.checksum;
