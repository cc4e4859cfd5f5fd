// Kernels compiled to one small WebAssembly module. They work on memory that the host hands them and never allocate.
export * from "./text";
export * from "./csv";
export * from "./columns";
export * from "./snappy";

/** First byte after the module's own static data. */
export function heapBase(): usize {
  return __heap_base;
}
