import fc from "fast-check";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";

/** A field of every type, nested ones included. */
export const everyType: readonly DataType[] = [
  types.bool,
  types.int8,
  types.int16,
  types.int32,
  types.int64,
  types.uint8,
  types.uint16,
  types.uint32,
  types.uint64,
  types.float32,
  types.float64,
  types.utf8,
  types.binary,
  types.date,
  types.timestamp,
  types.decimal(9, 2),
  types.decimal(18, 4),
  types.decimal(38, 10),
  types.list(types.int32),
  types.list(types.list(types.utf8)),
  types.struct([
    { name: "a", type: types.int64, nullable: true },
    { name: "b", type: types.utf8, nullable: true },
  ]),
];

const integers = (bits: number, signed: boolean) =>
  fc.integer(signed ? { min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 } : { min: 0, max: 2 ** bits - 1 });

const bigs = (min: bigint, max: bigint) =>
  fc.oneof({ weight: 3, arbitrary: fc.bigInt({ min: min < -1000n ? -1000n : min, max: 1000n }) }, fc.bigInt({ min, max }));

/** Values of a type in their `valueForm`; never null. */
export function arbitraryOf(type: DataType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case "bool":
      return fc.boolean();
    case "int8":
      return integers(8, true);
    case "int16":
      return integers(16, true);
    case "int32":
    case "date":
      return fc.oneof(fc.integer({ min: -5, max: 5 }), integers(32, true));
    case "uint8":
      return integers(8, false);
    case "uint16":
      return integers(16, false);
    case "uint32":
      return integers(32, false);
    case "int64":
    case "timestamp":
      return bigs(-(2n ** 63n), 2n ** 63n - 1n);
    case "uint64":
      return bigs(0n, 2n ** 64n - 1n);
    case "decimal":
      return bigs(1n - 10n ** BigInt(type.precision), 10n ** BigInt(type.precision) - 1n);
    case "float32":
      return fc.oneof(fc.constantFrom(0, -0, NaN, Infinity, 1.5), fc.float());
    case "float64":
      return fc.oneof(fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1.5, -2), fc.double());
    case "utf8":
      return fc.oneof(
        fc.constantFrom("", "a", "abc", "ä", "日本", "😀x", "\ufffd"),
        fc.string({ unit: "binary", maxLength: 70 }),
      );
    case "binary":
      return fc.uint8Array({ maxLength: 40 });
    case "list":
      return fc.array(fc.option(arbitraryOf(type.item)), { maxLength: 4 });
    case "struct":
      return fc.record(Object.fromEntries(type.fields.map((f) => [f.name, fc.option(arbitraryOf(f.type))])));
    default:
      return fc.constant(null);
  }
}

export const column = (type: DataType, maxLength = 40): fc.Arbitrary<(Value | null)[]> =>
  fc.oneof(fc.array(arbitraryOf(type), { maxLength }), fc.array(fc.option(arbitraryOf(type)), { maxLength }));

export const schemaOf = (all: readonly DataType[]): Schema => all.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
