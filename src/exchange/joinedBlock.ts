import type { Column } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
import type { MatchFile } from "./matchFile.js";
import type { ReadMemory } from "./readMemory.js";

/** Left rows of one block, of which some are joined already. */
export class JoinedBlock {
  /** Where the rows of the input stand in the block; null where they stand as they came. */
  readonly #places: Uint32Array | null;
  /** How many matches each row of the input has, and which bucket it is in. */
  readonly #counts: Uint32Array;
  readonly #bucketOf: Uint16Array;
  /** The first match of each row of the block, and the end of the last. */
  readonly #starts: Float64Array;
  /** The next row of each bucket that is to be joined. */
  readonly #next: Int32Array;
  readonly #files: readonly MatchFile[];
  /** The first row of the block that each file has matches of, and the end of the last. */
  readonly #fileRows: number[] = [0];
  readonly #number: number;
  readonly #memory: ReadMemory;
  /** Rows of the input that were joined, and matches of the next one that were. */
  #done = 0;
  #part = 0;

  constructor(file: BlockFile, block: Block, files: readonly MatchFile[], number: number, memory: ReadMemory) {
    const { rows } = block;
    this.#files = files;
    this.#number = number;
    this.#memory = memory;
    const moved = block.bounds.length > 2;
    const places = moved ? file.readColumn(block, file.schemaOf(block).length - 1, 0, rows, memory) : null;
    if (places !== null && places.layout !== "fixed") throw internalError("places are numbers");
    this.#places = places === null ? null : (places.values as Uint32Array).slice(0, rows);
    const counts = new Uint32Array(rows);
    let at = 0;
    for (const one of files) {
      const some = one.counts(number, memory);
      if (at + some.length > rows) throw internalError("there are matches of more rows than there are");
      counts.set(some, at);
      at += some.length;
      this.#fileRows.push(at);
    }
    if (at !== rows) throw internalError(`of ${rows} rows ${at} were looked for`);
    this.#starts = startsOf(counts);
    this.#next = Int32Array.from(block.bounds.slice(0, -1));
    const bucketOf = new Uint16Array(rows);
    for (let b = 0; b + 1 < block.bounds.length; b++) bucketOf.fill(b, block.bounds[b], block.bounds[b + 1]);
    this.#counts = this.#places === null ? counts : inPlaces(this.#places, counts, new Uint32Array(rows));
    this.#bucketOf = this.#places === null ? bucketOf : inPlaces(this.#places, bucketOf, new Uint16Array(rows));
  }

  get isDone(): boolean {
    return this.#done >= this.#counts.length;
  }

  /**
   * The next joined rows, about `most` of them: rows of the block, and matches by their place among those that `append` gets. Rows of one bucket
   * stand in the block in the order in which they came, so that what is read of each bucket is one piece.
   */
  take(
    most: number,
    append: (column: Column, index: number) => void,
  ): { readonly leftRows: Int32Array; readonly rightRows: Int32Array } {
    const large = (this.#counts[this.#done] as number) > most;
    return large ? this.#takePart(most, append) : this.#takeRows(most, append);
  }

  #placeOf(row: number): number {
    return this.#places === null ? row : (this.#places[row] as number);
  }

  #takeRows(most: number, append: (column: Column, index: number) => void) {
    const from = this.#done;
    const { end, total } = rowsWith(this.#counts, from, most);
    const matches = this.#readMatches(from, end, append);
    this.#done = end;
    const [leftRows, rightRows] = [new Int32Array(total), new Int32Array(total)];
    pairRows({ counts: this.#counts, bucketOf: this.#bucketOf, places: this.#places, from, end }, matches, leftRows, rightRows);
    return { leftRows, rightRows };
  }

  /** Reads the matches of rows [from, end) of the input; which of them is the first of each bucket. */
  #readMatches(from: number, end: number, append: (column: Column, index: number) => void): Int32Array {
    const reached = this.#next.slice();
    countBuckets(this.#bucketOf, from, end, reached);
    const firsts = new Int32Array(reached.length);
    let read = 0;
    for (let b = 0; b < reached.length; b++) {
      const [first, last] = [this.#next[b] as number, reached[b] as number];
      firsts[b] = read;
      read += (this.#starts[last] as number) - (this.#starts[first] as number);
    }
    this.#readPieces(reached, append);
    this.#next.set(reached);
    return firsts;
  }

  /** Reads the matches of rows of the block from `next` to `reached` of each bucket; pieces that touch are read as one. */
  #readPieces(reached: Int32Array, append: (column: Column, index: number) => void): void {
    const next = this.#next;
    let [from, to] = [0, 0];
    for (let b = 0; b < reached.length; b++) {
      const [first, last] = [next[b] as number, reached[b] as number];
      if (first === last) continue;
      if (first !== to) {
        this.#read(from, to, append);
        from = first;
      }
      to = last;
    }
    this.#read(from, to, append);
  }

  /** Reads the matches of rows [from, to) of the block. */
  #read(from: number, to: number, append: (column: Column, index: number) => void): void {
    for (const [i, file] of this.#files.entries()) {
      const first = this.#fileRows[i] as number;
      const start = Math.max(from, first);
      const end = Math.min(to, this.#fileRows[i + 1] as number);
      if (start >= end) continue;
      const base = this.#starts[first] as number;
      file.read(this.#number, (this.#starts[start] as number) - base, (this.#starts[end] as number) - base, this.#memory, append);
    }
  }

  /** Some of the many matches of the next row. */
  #takePart(most: number, append: (column: Column, index: number) => void) {
    const place = this.#placeOf(this.#done);
    const count = this.#counts[this.#done] as number;
    const size = Math.min(most, count - this.#part);
    const file = this.#fileRows.findLastIndex((first, i) => i < this.#files.length && first <= place);
    const base = (this.#starts[place] as number) - (this.#starts[this.#fileRows[file] as number] as number) + this.#part;
    required(this.#files[file], "matches").read(this.#number, base, base + size, this.#memory, append);
    this.#part += size;
    if (this.#part === count) {
      this.#part = 0;
      const bucket = this.#bucketOf[this.#done++] as number;
      (this.#next[bucket] as number)++;
    }
    return { leftRows: new Int32Array(size).fill(place), rightRows: everyRow(size) };
  }
}

// Loops over rows are functions of their own: what is compiled for a long loop is the whole function around it.

/** Where each row's matches begin, and the end of the last. */
function startsOf(counts: Uint32Array): Float64Array {
  const starts = new Float64Array(counts.length + 1);
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    at += counts[i] as number;
    starts[i + 1] = at;
  }
  return starts;
}

/** What the rows of the input have, of which row i stands at `places[i]`. */
function inPlaces<T extends Uint16Array | Uint32Array>(places: Uint32Array, values: T, out: T): T {
  for (let i = 0; i < places.length; i++) out[i] = values[places[i] as number] as number;
  return out;
}

/** The rows from one on that have at most so many matches together, and how many those are. */
function rowsWith(counts: Uint32Array, from: number, most: number): { readonly end: number; readonly total: number } {
  let total = 0;
  let end = from;
  for (; end < counts.length; end++) {
    const count = counts[end] as number;
    if (total + count > most) break;
    total += count;
  }
  return { end, total };
}

function countBuckets(bucketOf: Uint16Array, from: number, end: number, counts: Int32Array): void {
  for (let row = from; row < end; row++) {
    const bucket = bucketOf[row] as number;
    counts[bucket] = (counts[bucket] as number) + 1;
  }
}

interface TakenRows {
  readonly counts: Uint32Array;
  readonly bucketOf: Uint16Array;
  readonly places: Uint32Array | null;
  readonly from: number;
  readonly end: number;
}

/** Puts each row beside its matches: those of one bucket follow each other, from `matches[bucket]` on. */
function pairRows(rows: TakenRows, matches: Int32Array, leftRows: Int32Array, rightRows: Int32Array): void {
  const { counts, bucketOf, places, from, end } = rows;
  let at = 0;
  for (let row = from; row < end; row++) {
    const count = counts[row] as number;
    if (count === 0) continue;
    const place = places === null ? row : (places[row] as number);
    const bucket = bucketOf[row] as number;
    const first = matches[bucket] as number;
    matches[bucket] = first + count;
    for (let i = 0; i < count; i++) {
      leftRows[at] = place;
      rightRows[at++] = first + i;
    }
  }
}
