import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { concatColumn } from "../../batch/concat.js";
import { gatherColumn, sliceColumn } from "../../batch/gather.js";
import { bytesOfTexts } from "../../batch/text.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { GroupTable } from "../../kernels/groups/hashTable.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { requireField, type Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import type { BatchWriter } from "../contracts.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";
import type { FragmentPack } from "./sinkPacked.js";
import { comparePartitions, partitionValues } from "./sinkPartition.js";
import { type Fragment, type WriterOptions, writtenFragment } from "./sinkFragment.js";
import { PartitionRows } from "./sinkPartitionRows.js";

/** Fragments of a task that stay open from one window to the next. Where there are more partitions, each of a window has a fragment of its own. */
const mostOpenFiles = 1024;
/**
 * Rows wait until there are so many, or so many bytes of them, before each goes to its writer, to which a few rows cost as much as a few
 * hundred. Counted over the whole task: the cuts must not depend on the sizes of batches.
 */
const windowRows = 262_144;
const mostWaitingBytes = 32 << 20;
/** Of rows whose bytes are not known beforehand. */
const nestedWindowRows = 8192;
/** Larger fragments have files of their own, which the last one of a partition may become. */
const mostPackedBytes = 2 << 20;

/** Rows `from..to` of columns in memory of their own. */
interface Part {
  readonly columns: readonly Column[];
  readonly from: number;
  readonly to: number;
}

interface OpenPartition {
  /** null until rows are written. */
  fragment: Fragment | null;
  readonly values: readonly (string | null)[];
  /** Its rows of the current window. */
  waiting: Part[];
}

/** Writes a fragment for each combination of values of the partition columns. Those are numbered as groups are, in the order in which they come. */
export class PartitionedWriter implements BatchWriter {
  readonly #groups: GroupTable;
  readonly #keys: readonly number[];
  readonly #kept: readonly number[];
  readonly #schema: Schema;
  readonly #openFragment: (n: number) => Fragment;
  readonly #pack: FragmentPack | null;
  readonly #files: FileSystem;
  readonly #mostOpen: number;
  readonly #mostBytes: number;
  readonly #windowRows: number;
  readonly #windowBytes: number;
  readonly #open = new Map<number, OpenPartition>();
  readonly #done: { readonly n: number; readonly file: FileWritten }[] = [];
  readonly #rows = new PartitionRows();
  /** Of the current window. */
  #waiting = 0;
  #bytes = 0;
  #fragments = 0;
  #isFreed = false;

  constructor(
    { partitionBy }: SinkSpec,
    schema: Schema,
    openFragment: (n: number) => Fragment,
    pack: FragmentPack | null,
    options: WriterOptions,
  ) {
    this.#keys = partitionBy.map((name) => requireField(schema, name, "partitionBy"));
    this.#kept = [...schema.keys()].filter((i) => !this.#keys.includes(i));
    this.#schema = this.#kept.map((i) => required(schema[i], "column"));
    const fields = this.#keys.map((i) => required(schema[i], "partition column"));
    this.#groups = new GroupTable(
      fields.map(({ type }) => type),
      fields.map(({ nullable }) => nullable),
    );
    const isNested = this.#schema.some(({ type }) => type.kind === "list" || type.kind === "struct");
    this.#windowRows = isNested ? nestedWindowRows : windowRows;
    this.#windowBytes = options.waitingBytes ?? mostWaitingBytes;
    this.#openFragment = openFragment;
    this.#pack = pack;
    this.#files = options.files ?? nodeFileSystem;
    this.#mostOpen = Math.max(1, options.openFiles ?? mostOpenFiles);
    this.#mostBytes = options.bufferBytes ?? 128 << 20;
  }

  write(batch: Batch): void {
    const { selection, length } = batch;
    const keys = this.#keys.map((i) => required(batch.columns[i], "partition column"));
    const columns = this.#kept.map((i) => required(batch.columns[i], "column"));
    const groups = this.#groups.assign(keys, selection, length);
    this.#rows.reserve(this.#groups.count);
    const count = rowCount(batch);
    for (let from = 0; from < count; ) {
      const to = this.#windowEnd(columns, selection, from, count);
      for (let i = this.#rows.nextNew(groups, from, to); i < to; i = this.#rows.nextNew(groups, i + 1, to)) {
        const row = selection === null ? i : (selection[i] as number);
        this.#begin(groups[i] as number, partitionValues(keys, row));
      }
      this.#take(columns, selection, groups, from, to);
      if (this.#waiting >= this.#windowRows || this.#bytes >= this.#windowBytes) this.#writeAll();
      from = to;
    }
  }

  /** The end of the rows that still belong to the window, which are counted. */
  #windowEnd(columns: readonly Column[], selection: Int32Array | null, from: number, count: number): number {
    let to = Math.min(count, from + this.#windowRows - this.#waiting);
    const bytes = bytesOf(columns, selection, from, to);
    if (this.#bytes + bytes < this.#windowBytes) this.#bytes += bytes;
    else {
      let end = from;
      while (end < to && this.#bytes < this.#windowBytes) this.#bytes += bytesOf(columns, selection, end, ++end);
      to = end;
    }
    this.#waiting += to - from;
    return to;
  }

  #begin(group: number, values: readonly (string | null)[]): void {
    this.#open.set(group, { fragment: null, values, waiting: [] });
    this.#rows.begin(group);
  }

  /** Copies live rows of a batch, whose memory is the reader's, one partition's behind the other's. */
  #take(columns: readonly Column[], selection: Int32Array | null, groups: Int32Array, from: number, to: number): void {
    const { order, present, ends } = this.#rows.sorted(groups, selection, from, to);
    const own = columns.map((column) => gatherColumn(column, order));
    let at = 0;
    for (const [i, group] of present.entries()) {
      const end = ends[i] as number;
      required(this.#open.get(group), "partition").waiting.push({ columns: own, from: at, to: end });
      at = end;
    }
  }

  #writeAll(): void {
    if (this.#open.size > this.#mostOpen) for (const group of [...this.#open.keys()]) this.#end(group);
    else for (const open of this.#open.values()) this.#write(open);
    this.#waiting = 0;
    this.#bytes = 0;
    this.#limitMemory();
  }

  /** Gives what waits to the partition's writer. */
  #write(partition: OpenPartition): Fragment {
    partition.fragment ??= this.#openFragment(this.#fragments++);
    const { waiting, fragment } = partition;
    if (waiting.length === 0) return fragment;
    partition.waiting = [];
    const length = waiting.reduce((sum, { from, to }) => sum + to - from, 0);
    const columns = this.#schema.map(({ type }, i) =>
      concatColumn(
        type,
        waiting.map((part) => sliceColumn(required(part.columns[i], "column"), part.from, part.to)),
        () => internalError("rows wait that have more than 2 GiB of text in a column"),
      ),
    );
    fragment.writer.write({ schema: this.#schema, length, columns, selection: null, origin: null });
    return fragment;
  }

  #limitMemory(): void {
    const bySize = this.#fragmentsOpen();
    let bytes = bySize.reduce((sum, { writer }) => sum + writer.bufferedBytes, 0);
    if (bytes <= this.#mostBytes) return;
    bySize.sort((a, b) => b.writer.bufferedBytes - a.writer.bufferedBytes || a.n - b.n);
    for (const { writer } of bySize) {
      if (bytes <= this.#mostBytes / 2) break;
      bytes -= writer.bufferedBytes;
      writer.flushRowGroup();
    }
  }

  #fragmentsOpen(): Fragment[] {
    return [...this.#open.values()].flatMap(({ fragment }) => (fragment === null ? [] : [fragment]));
  }

  #end(group: number): void {
    const partition = required(this.#open.get(group), "partition");
    const fragment = this.#write(partition);
    this.#open.delete(group);
    this.#rows.end(group);
    const pack = fragment.writer.bufferedBytes <= mostPackedBytes ? this.#pack : null;
    if (pack !== null) pack.isOpen = true;
    try {
      this.#done.push({ n: fragment.n, file: writtenFragment(fragment, partition.values) });
    } finally {
      if (pack !== null) pack.isOpen = false;
    }
  }

  finish(): FileWritten[] {
    for (const group of [...this.#open.keys()]) this.#end(group);
    const stamp = this.#pack?.finish() ?? null;
    this.#free();
    return this.#done
      .sort((a, b) => comparePartitions(a.file.partitionValues, b.file.partitionValues) || a.n - b.n)
      .map(({ file }) => (file.within === undefined || stamp === null ? file : { ...file, stamp }));
  }

  abort(): void {
    for (const { writer } of this.#fragmentsOpen()) writer.abort();
    for (const { file } of this.#done) if (file.within === undefined) this.#files.removeFile(file.path);
    this.#pack?.abort();
    this.#open.clear();
    this.#free();
  }

  #free(): void {
    if (!this.#isFreed) this.#groups.free();
    this.#isFreed = true;
  }
}

/** About the bytes that live rows hold in memory. */
function bytesOf(columns: readonly Column[], selection: Int32Array | null, from: number, to: number): number {
  let bytes = (to - from) * columns.length * 8;
  for (const column of columns) {
    if (column.layout === "bytes") bytes += bytesOfTexts(column, selection, from, to);
  }
  return bytes;
}
