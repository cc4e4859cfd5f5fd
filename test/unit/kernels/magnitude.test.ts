import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { forgetMagnitude, magnitudeOf, noteMagnitude, type WideNumbers } from "../../../src/kernels/magnitude.js";
import { createKernels } from "../../../src/kernels/wasm.js";

const kernels = createKernels("a test");
afterAll(() => kernels.memory.release());

/** By the digits of each value on its own. */
const bitsOf = (values: readonly bigint[]): number =>
  Math.max(
    0,
    ...values.map((value) => (value < 0n ? -1n - value : value)).map((size) => (size === 0n ? 0 : size.toString(2).length)),
  );

/** The values in kernel memory. */
function placed(values: WideNumbers): WideNumbers {
  const at = kernels.memory.alloc(values.byteLength);
  kernels.memory.u8().set(new Uint8Array(values.buffer), at);
  const { buffer } = kernels.memory.u8();
  if (values instanceof Int32Array) return new Int32Array(buffer, at, values.length);
  return values instanceof BigInt64Array
    ? new BigInt64Array(buffer, at, values.length)
    : new BigUint64Array(buffer, at, values.length);
}

const sized = (bits: number) => fc.bigInt({ min: -(2n ** BigInt(bits)), max: 2n ** BigInt(bits) - 1n });
const few = (bits: readonly number[]) => fc.constantFrom(...bits).chain((most) => fc.array(sized(most), { maxLength: 9 }));

it.each([
  ["int32", (values: bigint[]) => Int32Array.from(values, Number), [0, 1, 7, 30, 31]],
  ["int64", (values: bigint[]) => BigInt64Array.from(values), [0, 1, 31, 32, 33, 52, 53, 62, 63]],
  [
    "uint64",
    (values: bigint[]) => BigUint64Array.from(values, (value) => (value < 0n ? -1n - value : value) * 2n),
    [0, 1, 31, 32, 53, 62],
  ],
] as const)("bits of %s in kernel memory are those of the largest", (_, make, bits) => {
  fc.assert(
    fc.property(few(bits), (values) => {
      const array = make(values);
      expect(magnitudeOf(placed(array))).toBe(bitsOf([...array].map(BigInt)));
    }),
  );
});

it("bits of other memory are what was noted of it", () => {
  const values = BigInt64Array.of(1n, -9n);
  expect(magnitudeOf(values)).toBeNull();
  noteMagnitude(values, 4);
  expect(magnitudeOf(values.subarray(1))).toBe(4);
  forgetMagnitude(values.buffer);
  expect(magnitudeOf(values)).toBeNull();
});
