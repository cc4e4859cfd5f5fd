import { readFileSync } from "node:fs";
import { beside } from "../common/beside.js";
import { resourceError } from "../common/errors.js";
import { type Reservation, threadReservations } from "../runtime/reservations.js";
import { type WasmMemory, type WasmModule, wasm } from "./wasmApi.js";

/**
 * The WebAssembly kernels and the linear memory they work on. The module is compiled once per thread; whoever needs memory of its own
 * makes an instance (`createKernels`), because growing a memory detaches every view on it: an owner that grows only its own memory can
 * never invalidate the views that somebody else handed out.
 */
export interface Kernels {
  readonly memory: KernelMemory;
  /** The exported functions, seen as the interface that the caller's own kernel file declares. */
  functions<T extends object>(): T;
}

const pageBytes = 65_536;
const maximumPages = 65_536;
const initialPages = 16;
const alignment = 64;

let compiled: WasmModule | undefined;
let shared: Kernels | undefined;

/** Compiling takes 0.9 ms, so that each thread does it for itself. */
function kernelModule(): WasmModule {
  compiled ??= new wasm.Module(readFileSync(beside("kernels", "kernels.wasm")));
  return compiled;
}

/** An instance with a memory of its own, which is reserved under a name. @throws MillraceError Resource/OUT_OF_MEMORY */
export function createKernels(name = "kernels"): Kernels {
  const reservation = threadReservations.open(name, initialPages * pageBytes);
  const memory = new wasm.Memory({ initial: initialPages, maximum: maximumPages });
  const abort = (): never => {
    throw resourceError("KERNEL_ABORTED", "a kernel stopped itself");
  };
  const instance = new wasm.Instance(kernelModule(), { env: { memory, abort } });
  const heapBase = instance.exports.heapBase as () => number;
  const kernelMemory = new KernelMemory(memory, heapBase(), reservation);
  dropped.register(memory, reservation);
  const kernels = { memory: kernelMemory, functions: <T extends object>() => instance.exports as unknown as T };
  owners.set(memory, kernels);
  return kernels;
}

/** Kernels that nobody refers to any more. Who knows that before says so; see `KernelMemory.release`. */
const dropped = new FinalizationRegistry<Reservation>((reservation) => threadReservations.release(reservation));

const owners = new WeakMap<WasmMemory, Kernels>();
const memories = new WeakMap<object, WasmMemory>();

/** The kernels in whose memory a view lies; null for every other view, and for one that a growth of the memory has detached. */
export function kernelsOf(view: { readonly buffer: object }): Kernels | null {
  const memory = memories.get(view.buffer);
  return memory === undefined || memory.buffer !== view.buffer ? null : (owners.get(memory) ?? null);
}

/** The instance that code of one thread shares, for work whose memory does not outlive a call. */
export function threadKernels(): Kernels {
  shared ??= createKernels("work within a call");
  return shared;
}

interface FreeRange {
  readonly start: number;
  readonly end: number;
}

const sizeOf = (range: FreeRange | undefined): number => (range === undefined ? 0 : range.end - range.start);

/**
 * An allocator over a linear memory: first fit from a sorted free list, 64-byte aligned, grows the memory when nothing fits.
 * Views from `u8()`, `i32()`… cover the whole memory and are made anew after growth: ask for them again after every `alloc`.
 */
export class KernelMemory {
  #free: FreeRange[] = [];
  #top: number;
  readonly #sizes = new Map<number, number>();
  #views: Views;

  constructor(
    readonly memory: WasmMemory,
    heapBase: number,
    private readonly reservation: Reservation,
  ) {
    this.#top = align(heapBase);
    this.#views = this.#makeViews();
  }

  /** Bytes of the linear memory. */
  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  /** Whether a view lies in this memory, and nothing has detached it. */
  owns(view: { readonly buffer: object }): boolean {
    return view.buffer === this.#current().buffer;
  }

  /** Gives the reservation back: nobody will use this memory any more. */
  release(): void {
    threadReservations.release(this.reservation);
  }

  /** The address of `bytes` fresh bytes (content unspecified). @throws MillraceError Resource/OUT_OF_MEMORY */
  alloc(bytes: number): number {
    const size = align(Math.max(bytes, 1));
    let at = 0;
    while (at < this.#free.length && sizeOf(this.#free[at]) < size) at++;
    const found = this.#free[at];
    if (found === undefined) return this.#extend(size);
    if (found.end - found.start === size) this.#free.splice(at, 1);
    else this.#free[at] = { start: found.start + size, end: found.end };
    this.#sizes.set(found.start, size);
    return found.start;
  }

  /** Gives back an address from `alloc`. Addresses that are not allocated are ignored. */
  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) return;
    this.#sizes.delete(address);
    let start = address;
    let end = address + size;
    let at = 0;
    while (at < this.#free.length && (this.#free[at] as FreeRange).start <= address) at++;
    const next = this.#free[at];
    if (next !== undefined && next.start === end) {
      end = next.end;
      this.#free.splice(at, 1);
    }
    const before = this.#free[at - 1];
    if (before !== undefined && before.end === start) {
      start = before.start;
      this.#free.splice(--at, 1);
    }
    if (end === this.#top) this.#top = start;
    else this.#free.splice(at, 0, { start, end });
  }

  u8(): Uint8Array {
    return this.#current().u8;
  }
  i8(): Int8Array {
    return this.#current().i8;
  }
  u16(): Uint16Array {
    return this.#current().u16;
  }
  i16(): Int16Array {
    return this.#current().i16;
  }
  u32(): Uint32Array {
    return this.#current().u32;
  }
  i32(): Int32Array {
    return this.#current().i32;
  }
  i64(): BigInt64Array {
    return this.#current().i64;
  }
  u64(): BigUint64Array {
    return this.#current().u64;
  }
  f32(): Float32Array {
    return this.#current().f32;
  }
  f64(): Float64Array {
    return this.#current().f64;
  }

  #current(): Views {
    if (this.#views.buffer !== this.memory.buffer) this.#views = this.#makeViews();
    return this.#views;
  }

  #makeViews(): Views {
    const { buffer } = this.memory;
    memories.set(buffer, this.memory);
    return makeViews(buffer);
  }

  #extend(size: number): number {
    const start = this.#top;
    const missing = start + size - this.memory.buffer.byteLength;
    if (missing > 0) this.#grow(Math.ceil(missing / pageBytes));
    this.#top = start + size;
    this.#sizes.set(start, size);
    return start;
  }

  #grow(pages: number): void {
    const now = this.memory.buffer.byteLength / pageBytes;
    const generous = Math.min(Math.max(pages, Math.ceil(now / 2)), maximumPages - now);
    if (!threadReservations.has(pages * pageBytes)) threadReservations.grow(this.reservation, pages * pageBytes);
    for (const step of [Math.max(generous, pages), pages]) {
      if (!threadReservations.has(step * pageBytes)) continue;
      try {
        this.memory.grow(step);
        threadReservations.grow(this.reservation, step * pageBytes);
        return;
      } catch {
        // The larger step is a convenience; the smaller one decides.
      }
    }
    throw resourceError(
      "OUT_OF_MEMORY",
      `a kernel needs ${pages * pageBytes} bytes more than the machine or the 4 GiB limit allows`,
      {
        hint: "Lower the number of workers, or split records that are hundreds of megabytes long.",
      },
    );
  }
}

interface Views {
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
}

function makeViews(buffer: ArrayBuffer): Views {
  return {
    buffer,
    u8: new Uint8Array(buffer),
    i8: new Int8Array(buffer),
    u16: new Uint16Array(buffer),
    i16: new Int16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    i64: new BigInt64Array(buffer),
    u64: new BigUint64Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

const align = (value: number): number => Math.ceil(value / alignment) * alignment;
