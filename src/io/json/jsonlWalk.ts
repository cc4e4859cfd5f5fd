import { required } from "../../common/assert.js";
import { type JsonKernels, jsonSlot } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { TextBlock } from "../text/textBlock.js";
import { JsonlPairs } from "./jsonlPairs.js";
import type { JsonPlace } from "./jsonlPlaces.js";

/** What one call of the walker read. */
export interface Walked {
  readonly rows: number;
  /** Lines, blank ones too. */
  readonly lines: number;
  /** Rows whose line only the exact reader understands, ascending. */
  readonly exact: Uint32Array;
  /** Where the next line begins, relative to the block. */
  readonly at: number;
}

/** Finds the needed values of the lines of a block: for every row a pair of offsets for each place. */
export class JsonlWalk {
  readonly #memory: KernelMemory;
  readonly #kernels: JsonKernels;
  readonly #starts: number;
  readonly #exact: number;
  readonly pairs: JsonlPairs;
  /** Rows that are walked at once. */
  #most: number;

  constructor(memory: KernelMemory, kernels: JsonKernels, places: readonly JsonPlace[], capacity: number) {
    this.#memory = memory;
    this.#kernels = kernels;
    const pairs = new JsonlPairs(memory, kernels, places, true, capacity);
    this.pairs = pairs;
    this.#most = capacity;
    this.#starts = pairs.own(capacity * 4);
    this.#exact = pairs.own(capacity * 4);
    const memo = pairs.own(kernels.jsonMemoBytes());
    kernels.jsonReset(memo);
    pairs.set(jsonSlot.starts, this.#starts);
    pairs.set(jsonSlot.exact, this.#exact);
    pairs.set(jsonSlot.memo, memo);
  }

  /**
   * Reads the lines from `at` that begin before `limit`, up to the capacity or what is expected. `end`: after the block's last line feed. `suspect`: the
   * block is not well-formed UTF-8.
   */
  run(block: TextBlock, at: number, limit: number, end: number, suspect: boolean): Walked {
    const { pairs } = this;
    // After fewer rows were expected, the next ones may be shorter again.
    const most = this.#most;
    this.#most = Math.min(pairs.capacity, most + (most >>> 3) + 1);
    pairs.set(jsonSlot.capacity, most);
    pairs.set(jsonSlot.base, block.base);
    pairs.set(jsonSlot.from, at);
    pairs.set(jsonSlot.limit, limit);
    pairs.set(jsonSlot.end, end);
    pairs.set(jsonSlot.suspect, suspect ? 1 : 0);
    this.#kernels.jsonLines(pairs.context);
    const exact = this.#exact >>> 2;
    return {
      rows: pairs.get(jsonSlot.rows),
      lines: pairs.get(jsonSlot.lines),
      exact: this.#memory.u32().subarray(exact, exact + pairs.get(jsonSlot.exacts)),
      at: pairs.get(jsonSlot.from),
    };
  }

  /** Walks about so many rows from now on: more were walked in vain. */
  expect(rows: number): void {
    this.#most = rows;
  }

  /** First byte of a row's line, relative to the block. */
  start(row: number): number {
    return required(this.#memory.u32()[(this.#starts >>> 2) + row], `row ${row}`);
  }

  free(): void {
    this.pairs.free();
  }
}
