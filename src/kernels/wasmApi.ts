/** The part of the WebAssembly API that kernels use. Declared here because its types otherwise come only with the browser's. */

/** A compiled module; cloneable between threads. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 KiB and detaches every view. Throws RangeError when there is no room. */
  grow(pages: number): number;
}

export interface WasmInstance {
  readonly exports: { readonly [name: string]: unknown };
}

interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Instance: new (
    module: WasmModule,
    imports: { readonly env: { readonly memory: WasmMemory; readonly abort: () => never } },
  ) => WasmInstance;
}

export const wasm: WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
