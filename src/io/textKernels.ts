import { createKernels, type Kernels } from "../kernels/wasm.js";

// One idle instance is kept: a worker reads one partition after another, and memory that has grown once is worth keeping.
let idle: Kernels | undefined;

/** Kernels whose memory belongs to one reader: only it grows that memory, so its batches stay valid until it is asked for the next. */
export function takeKernels(): Kernels {
  const kernels = idle ?? createKernels();
  idle = undefined;
  return kernels;
}

/** Gives kernels back whose memory is free again. */
export function giveKernels(kernels: Kernels): void {
  idle = kernels;
}
