import { type DataType, isFloat, isInteger, isNumeric, typeName, types } from "../schema/types.js";
import { implicitCast } from "./coercion.js";
import type { CallTypes, Resolution } from "./definition.js";

/** Pieces of `resolve` that many definitions share. */

/** What a message calls a set of types, and the test for it. Type null always passes: a null literal fits everywhere. */
export interface TypeClass {
  readonly name: string;
  has(type: DataType): boolean;
  /** What a null literal becomes. */
  readonly whenNull: DataType;
}

const nullOr = (test: (type: DataType) => boolean) => (type: DataType) => type.kind === "null" || test(type);

export const aNumber: TypeClass = { name: "a number", has: nullOr(isNumeric), whenNull: types.int32 };
export const anInteger: TypeClass = { name: "an integer", has: nullOr(isInteger), whenNull: types.int32 };
export const text: TypeClass = { name: "utf8", has: nullOr((t) => t.kind === "utf8"), whenNull: types.utf8 };
export const aBool: TypeClass = { name: "bool", has: nullOr((t) => t.kind === "bool"), whenNull: types.bool };
export const aTime: TypeClass = {
  name: "a date or timestamp",
  has: nullOr((t) => t.kind === "date" || t.kind === "timestamp"),
  whenNull: types.timestamp,
};
/** An integer that fits 32 bits; a 64-bit one needs a cast. */
export const smallInteger: TypeClass = {
  name: "an integer of at most 32 bits",
  has: nullOr((t) => isInteger(t) && implicitCast(t, types.int32)),
  whenNull: types.int32,
};

/** `expects a number, found utf8 as argument 2`. */
export function mismatch(expected: string, found: DataType, position: number): string {
  return `expects ${expected}, found ${typeName(found)} as argument ${position + 1}`;
}

export function wrongCount(expected: string, found: number): string {
  return `expects ${expected}, found ${found} argument${found === 1 ? "" : "s"}`;
}

/** Resolves a call whose arguments are cast to given types: `shape` pairs a class with the type that the function takes (null: as it is). */
export function fixed(
  shape: readonly (readonly [TypeClass, DataType | null])[],
  returns: DataType | ((args: readonly DataType[]) => DataType),
  optional = 0,
): (args: readonly DataType[]) => Resolution | string {
  return (args) => {
    if (args.length > shape.length || args.length < shape.length - optional) {
      const range = optional === 0 ? `${shape.length}` : `${shape.length - optional} to ${shape.length}`;
      return wrongCount(`${range} argument${range === "1" ? "" : "s"}`, args.length);
    }
    const resolved: DataType[] = [];
    for (const [i, arg] of args.entries()) {
      const [wanted, to] = shape[i] as readonly [TypeClass, DataType | null];
      if (!wanted.has(arg)) return mismatch(wanted.name, arg, i);
      resolved.push(to ?? (arg.kind === "null" ? wanted.whenNull : arg));
    }
    return { args: resolved, returns: typeof returns === "function" ? returns(resolved) : returns };
  };
}

/** The type of argument `i` of a resolved call. */
export function argType(call: CallTypes, i: number): DataType {
  return call.args[i] ?? types.null;
}

/** Whether the values of a type are floats, which have NaN and infinities. */
export const isFloatArg = (call: CallTypes, i: number): boolean => isFloat(argType(call, i));
