import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  binary,
  bool,
  decodeThrift,
  encodeThrift,
  i16,
  i64,
  i8,
  list,
  struct,
  type ThriftStruct,
  type ThriftValue,
} from "../../../src/io/parquet/parquetThrift.js";

const { value } = fc.letrec<{ value: ThriftValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    fc.boolean().map(bool),
    fc.integer({ min: -128, max: 127 }).map(i8),
    fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }).map(i16),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(i64),
    fc.double().map((number): ThriftValue => ({ kind: "double", value: number })),
    fc.uint8Array({ maxLength: 200 }).map(binary),
    // Elements of a list have one type.
    fc.array(fc.uint8Array({ maxLength: 3 }).map(binary), { maxLength: 40 }).map(list),
    fc
      .array(fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), tie("value")), { maxLength: 3 }), { maxLength: 4 })
      .map((all) => list(all.map((fields) => struct(Object.fromEntries(fields))))),
    fc
      .array(fc.tuple(fc.integer({ min: 1, max: 300 }), tie("value")), { maxLength: 4 })
      .map((fields) => struct(Object.fromEntries(fields))),
  ),
}));
const structs = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), value), { maxLength: 5 })
  .map((fields) => struct(Object.fromEntries(fields)));

/** Everything that a value holds, each struct asked for. */
function whole(of: ThriftValue): unknown {
  if (of.kind === "list") return of.values.map(whole);
  if (of.kind !== "struct") return of;
  return fieldsOf(of.fields);
}
const fieldsOf = (fields: ThriftStruct): unknown => [...fields].map(([id, field]) => [id, whole(field)]);

describe("structs that are read when they are asked for", () => {
  it("are those that were written, however deep", () => {
    fc.assert(
      fc.property(structs, (given) => {
        expect(fieldsOf(decodeThrift(encodeThrift(given)))).toEqual(whole(given));
      }),
      { numRuns: 500 },
    );
  });

  it("are found damaged at once, or not at all", () => {
    const places = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    let [refused, taken] = [0, 0];
    fc.assert(
      fc.property(structs, places, fc.option(fc.nat()), (given, changes, cut) => {
        const bytes = encodeThrift(given);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        let fields: ThriftStruct;
        try {
          fields = decodeThrift(cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "PARQUET_CORRUPT" });
          refused++;
          return;
        }
        fieldsOf(fields);
        taken++;
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(refused, taken)).toBeGreaterThan(100);
  });
});
