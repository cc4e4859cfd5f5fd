import path from "node:path";
import { internalError } from "../../common/errors.js";
import type { Schema } from "../../schema/types.js";
import { FileTurns, sealOf, type SharedFile } from "../../task/fileTurn.js";
import type { FileWritten } from "../../task/protocol.js";
import { type Merger, mergerOf } from "./commitMerge.js";
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
 * A sink's only file, put together and sent to the disk while later fragments are still written. Tasks whose turn comes in time write into it themselves;
 * what others wrote is copied. Whoever has its turn, the coordinator included, leaves the file's seal for the next, so that a change by anybody else is seen
 * before another byte is written. Nothing depends on the file being whole: where something fails, or other fragments count in the end, `assemble` begins
 * anew from the fragments, those in it included, which it compares with their checksums and which therefore stay until the target's staging goes.
 */
export class EarlyFile {
  readonly #target: Target;
  readonly #schema: Schema;
  readonly #files: FileSystem;
  readonly #added: FileWritten[] = [];
  readonly #turns = new FileTurns();
  #begun: Omit<BegunFile, "parts"> | null = null;
  /** Of the state in which whoever counts has left the file. */
  #seal = 0;
  /** The partition whose turn is next. */
  #next = 0;
  #unsynced = 0;
  #syncing: Promise<void> | null = null;
  #work: Promise<void> | null = null;
  /** Nothing more is added. */
  #over = false;
  /** What is there is not right, or the disk did not take it. */
  #failed = false;

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

  /** Before the first of so many partitions. The fragment of a single one is linked, not copied. */
  begin(partitions: number): void {
    if (partitions < 2 || this.#over || this.#begun !== null) return;
    try {
      this.#begun = this.#open();
      this.#giveTurn(this.#begun.output);
    } catch {
      this.#over = true;
    }
  }

  /** The file, for tasks to write into; null for none. */
  get shared(): SharedFile | null {
    return this.#begun === null || this.#over ? null : { path: this.#begun.output.path, turn: this.#turns.memory };
  }

  /** Takes the fragments of the next partition. */
  add(partition: number, fragments: readonly FileWritten[]): void {
    const begun = this.#begun;
    if (begun === null || this.#over) return;
    const { output, merger } = begun;
    const own = fragments.find(({ within }) => within?.path === output.path);
    try {
      // An attempt that does not count may be writing at this partition's place.
      if (this.#turns.close() && own === undefined) throw internalError("the place of a partition is taken");
      if (own?.stamp !== undefined) this.#seal = sealOf(own.stamp);
      for (const fragment of fragments) {
        if (fragment.rows === 0) continue;
        merger.add(fragment);
        this.#added.push(fragment);
        this.#unsynced += fragment.bytes;
      }
      this.#next = partition + 1;
      // What is copied comes first: the file is sealed when it is there.
      if (output.owes) this.#work ??= this.#copyAll(output);
      if (this.#work === null) this.#giveTurn(output);
    } catch {
      this.#fail();
      return;
    }
    this.#syncSome(output);
  }

  #giveTurn(output: OutputFile): void {
    this.#turns.give(this.#next, { offset: output.bytes, seal: this.#seal });
  }

  async #copyAll(output: OutputFile): Promise<void> {
    // The promise of this call has to be known before it can end.
    await null;
    try {
      do {
        if (!this.#isSealed(output)) throw internalError("something else has changed the file");
        await output.settle();
        this.#seal = sealOf(output.stamp);
        this.#syncSome(output);
      } while (output.owes && !this.#over);
      if (!this.#over) this.#giveTurn(output);
    } catch {
      this.#fail();
    } finally {
      this.#work = null;
    }
  }

  /** Whether the file is as whoever counts has left it. */
  #isSealed(output: OutputFile): boolean {
    try {
      return sealOf(output.stamp) === this.#seal;
    } catch {
      return false;
    }
  }

  /** Copying goes on meanwhile: at the end of the stage it is what everybody waits for. */
  #syncSome(output: OutputFile): void {
    if (this.#unsynced < this.#syncBytes || this.#syncing !== null) return;
    this.#unsynced = 0;
    this.#syncing = output
      .startSync()
      .catch(() => this.#fail())
      .finally(() => {
        this.#syncing = null;
      });
  }

  #open(): Omit<BegunFile, "parts"> {
    const { sink, fragments } = this.#target;
    const output = new OutputFile(this.#freeName(fragments), { files: this.#files });
    try {
      const merger = mergerOf(sink, fileSchema(sink, this.#schema), output, this.#files);
      this.#seal = sealOf(output.stamp);
      return { output, merger };
    } catch (thrown) {
      output.abort();
      throw thrown;
    }
  }

  /** What an earlier process has begun holds fragments that still count. */
  #freeName(folder: string): string {
    for (let n = 0; ; n++) {
      const file = path.join(folder, `shared-${n}.part`);
      if (this.#files.stat(file) === null) return file;
    }
  }

  /** What there is of the file of these fragments; null for nothing. It belongs to the caller then. */
  async take(fragments: readonly FileWritten[]): Promise<BegunFile | null> {
    await this.#end();
    const begun = this.#begun;
    const added = this.#added;
    const filled = fragments.filter((fragment) => fragment.rows > 0);
    const isNeeded = filled.length > 1 || filled[0]?.within !== undefined;
    const isRight = !this.#failed && added.every((part, i) => isSame(part, filled[i]));
    if (begun !== null && isNeeded && isRight && this.#isSealed(begun.output)) {
      this.#begun = null;
      return { ...begun, parts: added.length };
    }
    await this.close();
    return null;
  }

  /** Ends the work. The file stays: fragments that count may stand in it. */
  async close(): Promise<void> {
    await this.#end();
    this.#begun?.output.close();
    this.#begun = null;
  }

  async #end(): Promise<void> {
    this.#over = true;
    // An attempt that does not count may go on writing.
    if (this.#turns.close()) this.#failed = true;
    await this.#work;
    // Its number must not become that of another file before that is over.
    await this.#syncing;
  }

  #fail(): void {
    this.#failed = true;
    this.#over = true;
    this.#turns.close();
  }
}

const isSame = (a: FileWritten, b: FileWritten | undefined): boolean =>
  a.path === b?.path && a.bytes === b.bytes && a.checksum === b.checksum;
