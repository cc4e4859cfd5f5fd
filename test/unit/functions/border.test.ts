import { describe, expect, it } from "vitest";
import { emitFastResultTest, fromUser, toUser } from "../../../src/functions/border.js";
import { RowFailure } from "../../../src/functions/definition.js";
import { types, type DataType, type Value } from "../../../src/schema/types.js";

const where = "function discount";

describe("what a user's function gets", () => {
  it.each<[DataType, Value, unknown]>([
    [types.int32, 5, 5],
    [types.int64, 5n, 5n],
    [types.decimal(10, 2), -5n, "-0.05"],
    [types.date, 1, new Date("1970-01-02T00:00:00Z")],
    [types.timestamp, 5n, 5n],
    [types.utf8, null, null],
    [types.list(types.date), [0, null], [new Date(0), null]],
  ])("%o %o", (type, value, expected) => expect(toUser(value, type)).toEqual(expected));
});

describe("what a user's function returns", () => {
  it.each<[DataType, unknown, Value]>([
    [types.int32, -0, 0],
    [types.int64, 5, 5n],
    [types.int64, 2n ** 62n, 2n ** 62n],
    [types.int32, 7n, 7],
    [types.float64, Number.NaN, Number.NaN],
    [types.utf8, undefined, null],
    [types.decimal(10, 2), 0.125, 13n],
    [types.decimal(10, 2), "1.005", 101n],
    [types.decimal(10, 2), 3n, 300n],
    [types.date, new Date("2024-02-29T23:59:00Z"), 19782],
    [types.date, "2024-02-29", 19782],
    [types.timestamp, new Date(5), 5000n],
    [types.timestamp, "1970-01-01T00:00:01Z", 1_000_000n],
    [types.struct([{ name: "a", type: types.int32, nullable: true }]), {}, { a: null }],
  ])("%o from %o", (type, result, expected) => expect(fromUser(result, type, where)).toEqual(expected));

  it.each<[DataType, unknown, string]>([
    [types.int32, 1.5, "number 1.5"],
    [types.int32, 2 ** 31, "out of range"],
    [types.int64, 2 ** 60, "number"],
    [types.uint8, -1n, "out of range"],
    [types.float64, "1", 'string "1"'],
    [types.float64, 1n, "bigint 1"],
    [types.utf8, 5, "number 5"],
    [types.bool, 1, "number 1"],
    [types.date, new Date(Number.NaN), "an invalid Date"],
    [types.decimal(3, 2), 100, "number 100"],
    [types.decimal(3, 2), Number.NaN, "number NaN"],
    [types.utf8, Promise.resolve(""), "class Promise"],
    [types.list(types.int32), [1, "x"], 'string "x"'],
  ])("%o refuses %o", (type, result, said) => {
    try {
      fromUser(result, type, where);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RowFailure);
      expect(error).toMatchObject({ code: "UDF_WRONG_TYPE", message: expect.stringContaining(said) });
    }
  });

  it("has fast tests that agree with the slow way", () => {
    const results = [0, -0, 1.5, 127, 128, -129, 256, 2 ** 31, 2 ** 32, Number.NaN, "a", true, 1n, null, undefined, {}];
    for (const type of [
      types.int8,
      types.int16,
      types.int32,
      types.uint8,
      types.uint16,
      types.uint32,
      types.float64,
      types.utf8,
      types.bool,
    ]) {
      const text = emitFastResultTest("x", type);
      const test = new Function("x", `return ${text};`) as (x: unknown) => boolean;
      for (const result of results)
        if (test(result)) expect(fromUser(result, type, where) === result).toBe(!Number.isNaN(result));
    }
  });
});
