import type { FixedValues } from "../../batch/column.js";
import { createKernels, type KernelMemory, type Kernels } from "../wasm.js";

// A worker runs one partition after another: memory that has grown once is worth keeping, but not more of it than one task uses. What is made
// anew for each task must be cleared by the system first, and has V8 collect what was there before.
const idle: Kernels[] = [];
const mostIdle = 6;
const mostKeptBytes = 256 * 2 ** 20;
const usualBytes = 2 ** 25;

const sizeOf = ({ memory }: Kernels): number => memory.byteLength;

/** Kernels with a memory for one grouping: of those that wait, the largest, or the smallest for what is likely `small`. */
export function takeGroupKernels(small = false): Kernels {
  idle.sort((a, b) => sizeOf(a) - sizeOf(b));
  return (small ? idle.shift() : idle.pop()) ?? createKernels("rows that are collected");
}

/** Gives kernels back whose memory is free again. */
export function giveGroupKernels(kernels: Kernels): void {
  const kept = idle.reduce((sum, one) => sum + sizeOf(one), sizeOf(kernels));
  if (idle.length < mostIdle && kept <= mostKeptBytes) idle.push(kernels);
  else kernels.memory.release();
}

/** Lets go of memory that tasks of another kind have made large; what comes next grows its own as far as it needs. */
export function forgetLargeGroups(): void {
  for (let i = idle.length - 1; i >= 0; i--) {
    if ((idle[i]?.memory.byteLength ?? 0) <= usualBytes) continue;
    for (const { memory } of idle.splice(i, 1)) memory.release();
  }
}

/** A piece of kernel memory that moves when it grows. */
export class Region {
  readonly #memory: KernelMemory;
  #address = 0;
  #capacity = 0;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
  }

  get address(): number {
    return this.#address;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Makes room for `bytes`, of which the first `keep` are in use and stay. @throws MillraceError Resource/OUT_OF_MEMORY */
  reserve(bytes: number, keep = 0): number {
    if (bytes <= this.#capacity) return this.#address;
    const capacity = Math.max(bytes, Math.min(this.#capacity * 2, this.#capacity + 2 ** 28), 4096);
    const old = this.#address;
    if (keep === 0) this.free();
    const address = this.#memory.alloc(capacity);
    if (keep > 0) {
      this.#memory.u8().copyWithin(address, old, old + keep);
      this.#memory.free(old);
    }
    this.#address = address;
    this.#capacity = capacity;
    return address;
  }

  free(): void {
    if (this.#capacity > 0) this.#memory.free(this.#address);
    this.#address = 0;
    this.#capacity = 0;
  }
}

export const bytesOf = (values: FixedValues | Int32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
