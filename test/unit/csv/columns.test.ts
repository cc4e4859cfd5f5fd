import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { parseText } from "../../../src/functions/cast.js";
import { RowFailure } from "../../../src/functions/definition.js";
import { createKernels, type KernelMemory } from "../../../src/kernels/wasm.js";
import { parseType } from "../../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const typesToTry =
  "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 date timestamp decimal(5,2) decimal(18,18) decimal(38,4)";

/** Near-misses of every type's text form. */
const texts = fc.oneof(
  fc.constantFrom(
    "true",
    "False",
    "t",
    "1",
    "0",
    "-0",
    "+1",
    "-",
    ".",
    "-.",
    "5.",
    ".5",
    "1.",
    "00",
    "007",
    "-128",
    "-129",
    "255",
    "256",
    "1e3",
    "1e",
    "e1",
  ),
  fc.constantFrom(
    "2024-02-29",
    "2023-02-29",
    "2024-2-9",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "2024-13-01",
    "2024-00-10",
    "2024-01-00",
    "2024/01/01",
  ),
  fc.constantFrom(
    "2024-01-01 23:59:59",
    "2024-01-01 24:00:00",
    "2024-01-01T00:00:60",
    "2024-01-01 00:00:00.1234567",
    "2024-01-01 00:00",
    "2024-01-01 00:00:00Z",
    "2024-01-01 00:00:00.",
  ),
  fc.constantFrom(
    "nan",
    "inf",
    "-Infinity",
    "18446744073709551616",
    "99999999999999999999",
    "-9223372036854775808",
    "9223372036854775808",
    "2147483648",
    "-2147483649",
  ),
  fc.stringMatching(/^[-+0-9.e: T]{1,26}$/).filter((text) => !/["\n\r,]/.test(text)),
  fc.stringMatching(/^-?[0-9]{1,24}(\.[0-9]{1,24})?$/),
);

const blank = fc.constantFrom("", "", " ", "  ", "\t", "\v\f", " +", "+", "+ ");
const padded = fc.oneof(
  { weight: 2, arbitrary: texts },
  { weight: 1, arbitrary: fc.tuple(blank, texts, blank).map((parts) => parts.join("")) },
);

test.each(typesToTry.split(" "))("the kernel of %s says what the definition of the type says", async (name) => {
  const type = parseType(name);
  const meaning = (text: string): unknown => {
    try {
      const value = parseText(text, type);
      return typeof value === "boolean" ? Number(value) : value;
    } catch (error) {
      if (error instanceof RowFailure) return undefined;
      throw error;
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(padded, { minLength: 1, maxLength: 60 }), fc.boolean(), async (values, quoted) => {
      const lines = values.map((text) => (quoted ? `"${text}"` : text));
      const path = writeText(folder.path, `x,y\n${lines.map((text) => `${text},${text}`).join("\r\n")}\r\n`, "kernel.csv");
      const schema = ["x", "y"].map((column) => ({ name: column, type, nullable: true }));
      const { rows, rejects } = await readAll(resolveOne(path, {}, schema));
      const expected = values.map(meaning).filter((value) => value !== undefined);
      expect(rows).toEqual(expected.map((value) => [value, value]));
      expect(rejects.length).toBe(values.length - expected.length);
    }),
    { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 60) },
  );
});

test("memory is handed out aligned, without overlap, and again after it was freed", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(200_000), fc.boolean()), { maxLength: 60 }), (steps) => {
      const memory: KernelMemory = createKernels().memory;
      const held: { at: number; size: number }[] = [];
      for (const [size, free] of steps) {
        if (free && held.length > 0) memory.free(held.splice(size % held.length, 1)[0]?.at ?? 0);
        else held.push({ at: memory.alloc(size), size });
      }
      held.sort((a, b) => a.at - b.at);
      held.forEach(({ at, size }, i) => {
        expect(at % 64).toBe(0);
        expect(at + size).toBeLessThanOrEqual(held[i + 1]?.at ?? memory.byteLength);
      });
      for (const { at } of held) memory.free(at);
      const first = memory.alloc(64);
      memory.free(first);
      expect(memory.alloc(100_000)).toBe(first);
    }),
    { numRuns: 50 },
  );
});
