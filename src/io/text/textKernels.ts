import { giveReaderKernels, takeReaderKernels } from "../../kernels/taskKernels.js";
import type { Kernels } from "../../kernels/wasm.js";

/** Kernels for one reader. Besides it, only a step that takes its batches alone may make their memory grow, so that batches stay valid. */
export const takeKernels = (): Kernels => takeReaderKernels();

/** Gives kernels back whose memory is free again. */
export const giveKernels = (kernels: Kernels): void => giveReaderKernels(kernels);
