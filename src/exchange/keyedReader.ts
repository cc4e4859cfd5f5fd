import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { Schema } from "../schema/types.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
import { bucketRuns } from "./bucketRuns.js";
import { lookInto } from "./openBeside.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";

export type KeyedPart = Extract<PartitionSpec, { kind: "keyed" }>;

/** What a task holds of its rows is some hundred bytes each. */
const mostBytes = 2 ** 26;
const batchRows = 2 ** 16;

/** Where other rows of the same buckets are held, a row only goes by, and leaves what was found of it. */
const passingShare = 0.25;

/** The tasks over the buckets of one exchange. `beside`: those of a second one in the same buckets, which tasks hold in the place of the first. */
export function planKeyed(paths: readonly string[], beside: readonly string[]): KeyedPart[] {
  const share = beside.length > 0 ? passingShare : 1;
  const sides = [
    { paths, share },
    { paths: beside, share: 1 },
  ];
  return bucketRuns(sides, mostBytes).map((run) => ({ kind: "keyed", file: 0, ...run }));
}

/** Where some buckets stand in a block. */
export function rowsIn(block: Block, part: KeyedPart): { readonly from: number; readonly to: number } {
  const to = block.bounds[part.to] ?? block.rows;
  return { from: block.bounds[part.from] ?? to, to };
}

/** More than this a task does not hold: constants, as elsewhere between stages. Nothing but speed depends on them. */
const mostHeldRows = 2 ** 20;
const mostHeldBytes = 2 ** 27;

/** Whether the rows of these buckets are too many to be held in memory: neighbouring buckets are not, but one key can have them. */
export function areTooMany(paths: readonly string[], part: KeyedPart): boolean {
  if (forceSpill) return true;
  let [rows, all, bytes] = [0, 0, 0];
  for (const path of paths) {
    lookInto(path, (file) => {
      bytes += file.bytes;
      for (const block of file.blocks) {
        const { from, to } = rowsIn(block, part);
        rows += to - from;
        all += block.rows;
      }
    });
  }
  // By the average row.
  return rows > mostHeldRows || (rows * bytes) / Math.max(1, all) > mostHeldBytes;
}

/** How many rows of the buckets each block of each file has, in the order in which `KeyedReader` gives them. */
export function rowsByBlock(paths: readonly string[], part: KeyedPart): number[] {
  const rowsOf = (block: Block): number => {
    const { from, to } = rowsIn(block, part);
    return to - from;
  };
  return paths.flatMap((path) => lookInto(path, (file) => file.blocks.map(rowsOf)));
}

/** Where columns of this schema stand in a block. */
export const columnsIn = (schema: Schema, wanted: Schema): number[] =>
  wanted.map(({ name }) => {
    const at = schema.findIndex((field) => field.name === name);
    return required(at < 0 ? undefined : at, `column ${name} of a block`);
  });

/** Delivers some columns of some buckets of all files, in file order, each in row order. */
export class KeyedReader implements BatchReader {
  readonly #schema: Schema;
  readonly #batches: Iterator<Batch>;
  #open: BlockFile | null = null;
  #memory: ReadMemory | null = takeReadMemory();
  #rows = 0;

  constructor(paths: readonly string[], schema: Schema, part: KeyedPart) {
    this.#schema = schema;
    this.#batches = this.#read(paths, part);
  }

  next(): Batch | null {
    const step = this.#batches.next();
    if (step.done === true) return null;
    this.#rows += step.value.length;
    return step.value;
  }

  result(): ScanResult {
    return { rows: this.#rows, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    this.#closeFile();
    if (this.#memory !== null) giveReadMemory(this.#memory);
    this.#memory = null;
  }

  #closeFile(): void {
    this.#open?.close();
    this.#open = null;
  }

  *#read(paths: readonly string[], part: KeyedPart): Generator<Batch> {
    const memory = required(this.#memory ?? undefined, "memory of an open reader");
    const schema = this.#schema;
    for (const path of paths) {
      const file = new BlockFile(path);
      this.#open = file;
      for (const block of file.blocks) {
        const indexes = columnsIn(file.schemaOf(block), schema);
        const { from, to } = rowsIn(block, part);
        for (let first = from; first < to; first += batchRows) {
          const end = Math.min(to, first + batchRows);
          const columns = indexes.map((index) => file.readColumn(block, index, first, end, memory));
          yield { schema, length: end - first, columns, selection: null, origin: null };
        }
      }
      this.#closeFile();
    }
  }
}
