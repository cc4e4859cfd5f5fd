import type { DataType, Value } from "../../../src/schema/types.js";
import { types } from "../../../src/schema/types.js";

/** Interesting values of each type; null is one of them. */
export function interesting(type: DataType): readonly Value[] {
  switch (type.kind) {
    case "bool":
      return [null, true, false];
    case "int8":
      return [null, 0, 1, -1, 5, -7, 127, -128, 100];
    case "int16":
      return [null, 0, 1, -1, 300, 32767, -32768];
    case "int32":
      return [null, 0, 1, -1, 2, 3, -7, 10, 46341, 2147483647, -2147483648];
    case "int64":
      return [null, 0n, 1n, -1n, 3n, -7n, 9007199254740993n, 9223372036854775807n, -9223372036854775808n];
    case "uint8":
      return [null, 0, 1, 200, 255];
    case "uint16":
      return [null, 0, 1, 65535];
    case "uint32":
      return [null, 0, 1, 4294967295];
    case "uint64":
      return [null, 0n, 1n, 18446744073709551615n];
    case "float32":
      return [
        null,
        0,
        -0,
        1.5,
        Math.fround(0.1),
        Math.fround(-2.7),
        16777216,
        Number.NaN,
        Infinity,
        -Infinity,
        Math.fround(3.4e38),
      ];
    case "float64":
      return [
        null,
        0,
        -0,
        0.1,
        0.5,
        -1.5,
        2.5,
        2.675,
        1e16,
        123456.789,
        -3.7,
        1e-7,
        1e300,
        5e-324,
        Number.NaN,
        Infinity,
        -Infinity,
      ];
    case "decimal": {
      const unit = 10n ** BigInt(type.scale);
      const most = 10n ** BigInt(type.precision) - 1n;
      return [null, 0n, 1n, -1n, unit, -unit, unit / 2n, -unit / 2n, (unit * 3n) / 2n, 5n, -15n, most, -most].filter(
        (v, i, all) => (v === null || (v <= most && v >= -most)) && all.indexOf(v) === i,
      );
    }
    case "utf8":
      return [
        null,
        "",
        "a",
        "abc",
        "ABC abc",
        "a,b,,c",
        "  é ü\t",
        "ß ŉ ᾳ İ Σ",
        "👍\uFF5Ax",
        "\uFF5A",
        "👩‍👩‍👧e\u0301",
        "a_c%",
        "l1\nl2",
        "it's",
        "\u00a0x\u3000",
        "0b1A-9",
      ];
    case "binary":
      return [null, new Uint8Array(), new Uint8Array([0, 255, 65, 39, 92]), new TextEncoder().encode("abc")];
    case "date":
      return [null, 0, -1, 1, 19000, 19782, 19783, 20088, -719528, -719529, -800000, 11016, 2932896, 10957, -25567];
    case "timestamp":
      return [
        null,
        0n,
        -1n,
        1n,
        1_700_000_000_123_456n,
        -1_700_000_000_123_456n,
        951_868_799_999_999n,
        1_709_251_199_000_000n,
        253_402_300_800_000_000n,
        -62_167_219_200_000_001n,
        9_100_000_000_000_000n,
      ];
    case "list":
      return [null, [], interesting(type.item).slice(0, 3), [interesting(type.item)[1] ?? null]];
    case "struct":
      return [null, Object.fromEntries(type.fields.map((f) => [f.name, interesting(f.type)[1] ?? null]))];
    case "null":
      return [null];
  }
}

export const flatTypes: readonly DataType[] = [
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
  types.decimal(5, 2),
  types.decimal(18, 4),
  types.decimal(38, 10),
  types.utf8,
  types.date,
  types.timestamp,
];

/** Every combination of the values of several types, thinned evenly to at most `most` rows. */
export function combinations(columns: readonly DataType[], most = 400): Value[][] {
  let rows: Value[][] = [[]];
  for (const type of columns) rows = rows.flatMap((row) => interesting(type).map((value) => [...row, value]));
  const step = Math.max(1, rows.length / most);
  return Array.from({ length: Math.min(most, rows.length) }, (_, i) => rows[Math.floor(i * step)] as Value[]);
}
