import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextSink } from "../../../src/batch/text.js";
import { md5Slice, sha256Slice } from "../../../src/kernels/expressions/byteDigest.js";
import { threadKernels } from "../../../src/kernels/wasm.js";

const slices = { md5: md5Slice, sha256: sha256Slice };
type Name = keyof typeof slices;
const names: readonly Name[] = ["md5", "sha256"];

/** What is appended for bytes that stand in the middle of others; null where they are left to strings. */
function digest(name: Name, given: Uint8Array): string | null {
  const sink = new TextSink(0);
  sink.writeText("before");
  const bytes = Buffer.concat([Buffer.from("é"), given, Buffer.from("é")]);
  const done = slices[name](sink, bytes, 2, bytes.length - 2);
  if (!done) expect(sink.length).toBe(6);
  return done ? Buffer.from(sink.bytes.subarray(6, sink.length)).toString() : null;
}

const expected = (name: Name, bytes: Uint8Array): string => createHash(name).update(bytes).digest("hex");

describe("digests of bytes", () => {
  it("are those of Node for every length that ends a block otherwise, or are left to it", () => {
    for (const [name, most] of [
      ["md5", 247],
      ["sha256", 183],
    ] as const) {
      for (let size = 0; size < 400; size++) {
        const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 37 + size) & 127));
        expect(digest(name, bytes)).toBe(size > most ? null : expected(name, bytes));
      }
    }
  });

  it("are those of any text", () => {
    const text = fc.string({ unit: fc.oneof(fc.constantFrom(..."aZ9 é李👍\0"), fc.string({ unit: "binary", maxLength: 1 })) });
    fc.assert(
      fc.property(fc.constantFrom(...names), text, (name, given) => {
        const bytes = Buffer.from(given);
        const found = digest(name, bytes);
        if (found === null) expect(bytes.length).toBeGreaterThan(183);
        else expect(found).toBe(expected(name, bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it("leave bytes that are no UTF-8 to strings", () => {
    const broken = [[0xff], [97, 0xc3], [0xed, 0xa0, 0x80], [...Buffer.from("abcdefghijklmnopqrstuvwxyz"), 0x80, 97]];
    for (const name of names) for (const bytes of broken) expect(digest(name, Uint8Array.from(bytes))).toBe(null);
  });

  it("go on when the kernels' memory has grown", () => {
    const { memory } = threadKernels();
    for (const name of names) {
      memory.free(memory.alloc(memory.byteLength));
      expect(digest(name, Buffer.from("abc"))).toBe(expected(name, Buffer.from("abc")));
    }
  });
});
