import { required } from "../common/assert.js";
import { createKernels, type Kernels, threadKernels } from "./wasm.js";

/** What kernels may read behind their input, or write behind their output. */
const overrun = 32;
/** Work that needs more is rare, and would keep more of the thread's memory than it is worth. */
const mostShared = 2 ** 26;

/** Stretches of kernel memory that are given back together. To take one may make the memory grow, which detaches all views on it. */
export class KernelRoom {
  readonly #taken: number[] = [];

  constructor(readonly kernels: Kernels) {}

  /** The address of `bytes` fresh bytes (content unspecified). */
  take(bytes: number): number {
    const at = this.kernels.memory.alloc(bytes + overrun);
    this.#taken.push(at);
    return at;
  }

  /** The address of a copy of values that do not lie in this memory. */
  put(values: ArrayBufferView): number {
    return this.putKept(() => values);
  }

  /** As `put`, for values that may lie in this memory (see `keptView`); 0 for none. */
  putKept(values: () => ArrayBufferView | null): number {
    const bytes = values()?.byteLength;
    if (bytes === undefined) return 0;
    const at = this.take(bytes);
    const { buffer, byteOffset } = required(values(), "values that were there");
    this.kernels.memory.u8().set(new Uint8Array(buffer, byteOffset, bytes), at);
    return at;
  }

  /** Good until somebody takes more of the memory. */
  view(at: number, length: number): Uint8Array {
    return this.kernels.memory.u8().subarray(at, at + length);
  }

  free(): void {
    for (const at of this.#taken) this.kernels.memory.free(at);
  }
}

/** Runs `action` with room in kernels' memory, which is given back. */
export function withRoom<T>(action: (room: KernelRoom) => T, kernels = threadKernels()): T {
  const room = new KernelRoom(kernels);
  try {
    return action(room);
  } finally {
    room.free();
  }
}

/** Runs `action`, which needs about so many bytes of kernel memory, with the thread's kernels, or where that is much with some of its own. */
export function withKernels<T>(bytes: number, name: string, action: (kernels: Kernels) => T): T {
  if (bytes <= mostShared) return action(threadKernels());
  const own = createKernels(name);
  try {
    return action(own);
  } finally {
    own.memory.release();
  }
}
