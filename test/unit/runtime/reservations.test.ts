import { describe, expect, it } from "vitest";
import { createKernels } from "../../../src/kernels/wasm.js";
import { Reservations, threadReservations } from "../../../src/runtime/reservations.js";

describe("reservations of a thread", () => {
  it("say who holds how much where no more may be held", () => {
    const all = new Reservations();
    all.limit(10_000_000);
    const rows = all.open("rows", 4_000_000);
    const others = all.open("rows", 2_000_000);
    const table = all.open("table", 3_000_000);
    expect(all.taken).toBe(9_000_000);
    expect(() => all.grow(table, 2_000_000)).toThrow(
      expect.objectContaining({
        category: "Resource",
        code: "OUT_OF_MEMORY",
        message: expect.stringContaining(
          "table: 2.0 MB more are needed; of the 10 MB that a worker's kernels may hold, 9.0 MB are taken: rows 6.0 MB, table 3.0 MB",
        ),
        hint: expect.stringContaining("Raise `memory`"),
      }),
    );
    // What was refused is not held.
    expect(all.taken).toBe(9_000_000);
    all.release(others);
    all.release(others);
    all.grow(table, 2_000_000);
    expect(all.taken).toBe(9_000_000);
    all.release(rows);
    all.release(table);
    expect(all.taken).toBe(0);
    expect(all.peak).toBe(9_000_000);
  });

  it("count what is held again after it was given back", () => {
    const all = new Reservations();
    const one = all.open("one", 5);
    all.release(one);
    all.grow(one, 7);
    expect(all.taken).toBe(7);
    all.release(one);
    expect(all.taken).toBe(0);
  });
});

describe("memory of kernels", () => {
  it("is reserved as far as it has grown, and refused past the limit, after which it can be used as before", () => {
    const before = threadReservations.taken;
    const { memory } = createKernels("a test");
    expect(threadReservations.taken - before).toBe(memory.byteLength);
    memory.alloc(5_000_000);
    expect(threadReservations.taken - before).toBe(memory.byteLength);
    threadReservations.limit(threadReservations.taken + 1_000_000);
    try {
      expect(() => memory.alloc(40_000_000)).toThrow(/^a test: \d\d MB more are needed; of the/);
      // The usual half more is not there, what is needed is.
      const { byteLength } = memory;
      memory.alloc(900_000);
      expect(memory.byteLength).toBeGreaterThan(byteLength);
      expect(memory.byteLength).toBeLessThanOrEqual(byteLength + 1_000_000);
    } finally {
      threadReservations.limit(Number.POSITIVE_INFINITY);
    }
    expect(threadReservations.taken - before).toBe(memory.byteLength);
    memory.release();
    expect(threadReservations.taken).toBe(before);
  });
});
