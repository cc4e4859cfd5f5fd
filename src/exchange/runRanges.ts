import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { PartitionSpec } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
import { ReadMemory } from "./readMemory.js";

type RunsPart = Extract<PartitionSpec, { kind: "runs" }>;

/** Rows and bytes that one task merges, about. */
const rangeRows = 2 ** 17;
const rangeBytes = 2 ** 24;
/** Keys that are looked at to find where the ranges meet: in all, but so many of each file. */
const samplesInAll = 1024;
const samplesOfRun = 16;

/** Searches keep the keys that they look at while more rows than this are left, if they are not longer than that. */
const pivotRows = 1024;
const mostPivotBytes = 256;

/** Cuts sorted files into ranges of keys of about the same number of rows. It depends on the files alone. */
export function planRuns(paths: readonly string[]): RunsPart[] {
  const samples: Buffer[] = [];
  const perRun = Math.max(samplesOfRun, Math.ceil(samplesInAll / Math.max(1, paths.length)));
  let [rows, bytes] = [0, 0];
  for (const path of paths) {
    const file = new BlockFile(path);
    try {
      bytes += file.bytes;
      const keys = new SortedKeys(file);
      rows += keys.rows;
      const count = Math.min(perRun, keys.rows);
      for (let i = 0; i < count; i++) samples.push(keys.at(Math.floor((i * keys.rows) / count)));
    } finally {
      file.close();
    }
  }
  const ranges = Math.min(Math.ceil(Math.max(rows / rangeRows, bytes / rangeBytes)), samples.length);
  samples.sort(Buffer.compare);
  const borders: string[] = [];
  for (let i = 1; i < ranges; i++) {
    const border = required(samples[Math.floor((i * samples.length) / ranges)], "sample").toString("hex");
    if (border !== borders.at(-1)) borders.push(border);
  }
  return [null, ...borders].map((from, i) => ({ kind: "runs", file: 0, from, to: borders[i] ?? null }));
}

/** The first column of a sorted file. */
export class SortedKeys {
  readonly rows: number;
  readonly #file: BlockFile;
  readonly #memory = new ReadMemory();

  constructor(file: BlockFile) {
    this.#file = file;
    this.rows = file.blocks.reduce((sum, block) => sum + block.rows, 0);
  }

  /** A copy of one row's key. */
  at(row: number): Buffer {
    let first = 0;
    let found: Block | undefined;
    for (const block of this.#file.blocks) {
      if (row < first + block.rows) {
        found = block;
        break;
      }
      first += block.rows;
    }
    const key = this.#file.readColumn(required(found, "block"), 0, row - first, row - first + 1, this.#memory);
    if (key.layout !== "bytes") throw internalError("sorted files begin with their keys");
    return Buffer.from(key.bytes.subarray(key.starts[0], key.ends[0]));
  }

  /** The first row whose key is not before `key`. */
  lowerBound(key: string): number {
    const wanted = Buffer.from(key, "hex");
    const text = wanted.toString("latin1");
    let low = 0;
    let high = this.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // The first steps of all searches look at the same rows. Latin1 texts compare as their bytes do.
      const before = high - low > pivotRows ? this.#pivot(middle) < text : Buffer.compare(this.at(middle), wanted) < 0;
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #pivot(row: number): string {
    const { pivots } = this.#file;
    const known = pivots.get(row);
    if (known !== undefined) return known;
    const key = this.at(row).toString("latin1");
    if (key.length <= mostPivotBytes) pivots.set(row, key);
    return key;
  }
}
