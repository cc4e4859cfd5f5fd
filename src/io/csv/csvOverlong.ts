import type { OriginPlace } from "../../batch/column.js";
import type { CsvKernels } from "../../kernels/csvKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { CsvPlaces } from "./csvPlaces.js";
import type { TextBlock } from "../text/textBlock.js";

/** Leaves a record out that is longer than a block may be. It ends with the first line end behind the bytes that fill the block. */
export class CsvOverlong {
  readonly #memory: KernelMemory;
  readonly #kernels: CsvKernels;
  readonly #block: TextBlock;
  readonly #places: CsvPlaces;
  readonly #newline: number;
  #place: OriginPlace | null = null;
  #length = 0;
  /** Bytes of a CR that ends what has been passed, which belongs to the line end if an LF follows. */
  #cr = 0;

  constructor(memory: KernelMemory, kernels: CsvKernels, block: TextBlock, places: CsvPlaces, newline: number) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#block = block;
    this.#places = places;
    this.#newline = newline;
  }

  /** A record is being left out. */
  get active(): boolean {
    return this.#place !== null;
  }

  /** To be called when the block begins with a record that fills it. */
  begin(): void {
    this.#place = this.#places.locate(0, 0, 0).place;
    this.#length = 0;
    this.#cr = 0;
    this.#pass(this.#block.length, this.#block.length);
  }

  /** Looks for the record's end in the block: its place, or null when more must be read. */
  end(): OriginPlace | null {
    const block = this.#block;
    const at = this.#kernels.findByte(block.base, block.length, this.#newline) >>> 0;
    const found = at < block.length;
    this.#pass(found ? at : block.length, found ? at + 1 : block.length);
    if (this.#place === null || (!found && !block.atEnd)) return null;
    const place = { ...this.#place, length: this.#length - this.#cr };
    this.#place = null;
    return place;
  }

  /** Counts the first `length` bytes of the block and drops `used`. */
  #pass(length: number, used: number): void {
    const block = this.#block;
    const raw = this.#places.lengthOf(length);
    this.#length += raw;
    if (length > 0) {
      const isCr = this.#newline === 10 && this.#memory.u8()[block.base + length - 1] === 13;
      this.#cr = isCr ? raw - this.#places.lengthOf(length - 1) : 0;
    }
    this.#places.pass(used, true);
    block.drop(used);
  }
}
