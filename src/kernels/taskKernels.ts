import { createKernels, type Kernels } from "./wasm.js";

// A thread runs one task after another, each with one reader of text and perhaps a grouping of what it reads. They share a memory, so that keys and
// values are grouped where the reader has put them; memory that has grown once is worth keeping, but not without bound.
const mostKeptBytes = 512 * 2 ** 20;
const purpose = "the reader of a task";
let instance: Kernels | null = null;
let taken = false;
let sharers = 0;

/** Kernels for one reader: the thread's own, or new ones while another reader has those. */
export function takeReaderKernels(): Kernels {
  if (taken) return createKernels(purpose);
  taken = true;
  instance ??= createKernels(purpose);
  return instance;
}

/** Gives kernels back whose memory is free again. */
export function giveReaderKernels(kernels: Kernels): void {
  if (kernels !== instance) {
    kernels.memory.release();
    return;
  }
  taken = false;
  forgetLarge();
}

/**
 * The kernels that the task's reader has or will have, for a step whose input comes straight from it. What it asks for may make the memory grow, which
 * detaches every view that others hold: steps before it are done with a batch, and those after it get it with views made anew.
 */
export function shareReaderKernels(): Kernels {
  sharers++;
  instance ??= createKernels(purpose);
  return instance;
}

/** Ends a sharing, once what was asked for is free again. */
export function endSharing(kernels: Kernels): void {
  if (kernels !== instance) return;
  sharers--;
  forgetLarge();
}

/** Lets go of the thread's own memory if it is larger than `most`: no text is read for now. */
export function forgetReaderKernels(most = 0): void {
  if (!taken && sharers === 0 && (instance?.memory.byteLength ?? 0) > most) forget();
}

function forget(): void {
  instance?.memory.release();
  instance = null;
}

function forgetLarge(): void {
  if (instance !== null && !taken && sharers === 0 && instance.memory.byteLength > mostKeptBytes) forget();
}
