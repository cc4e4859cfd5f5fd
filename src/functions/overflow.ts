import type { DataType } from "../schema/types.js";
import { typeName } from "../schema/types.js";
import type { EmitContext } from "./definition.js";
import { overflow } from "./failure.js";

/** A result that must fit its type; -0 becomes 0. */
export type NumberCheck = (result: number) => number;
export type BigintCheck = (result: bigint) => bigint;

const numberChecks: { readonly [kind: string]: NumberCheck } = {
  int8: (r) => ((r << 24) >> 24 === r ? r | 0 : overflow("int8")),
  int16: (r) => ((r << 16) >> 16 === r ? r | 0 : overflow("int16")),
  int32: (r) => ((r | 0) === r ? r | 0 : overflow("int32")),
  uint8: (r) => ((r & 0xff) === r ? r & 0xff : overflow("uint8")),
  uint16: (r) => ((r & 0xffff) === r ? r & 0xffff : overflow("uint16")),
  uint32: (r) => (r >>> 0 === r ? r >>> 0 : overflow("uint32")),
};

const bigintChecks: { readonly [kind: string]: BigintCheck } = {
  int64: (r) => (BigInt.asIntN(64, r) === r ? r : overflow("int64")),
  uint64: (r) => (BigInt.asUintN(64, r) === r ? r : overflow("uint64")),
};

const decimalChecks = new Map<number, BigintCheck>();

const powers = Array.from({ length: 77 }, (_, digits) => 10n ** BigInt(digits));

/** `10n ** digits`. */
export const pow10 = (digits: number): bigint => powers[digits] ?? 10n ** BigInt(digits);

export function decimalCheck(precision: number): BigintCheck {
  const known = decimalChecks.get(precision);
  if (known !== undefined) return known;
  const limit = pow10(precision);
  const check: BigintCheck = (r) => (r < limit && r > -limit ? r : overflow(`a decimal of ${precision} digits`));
  decimalChecks.set(precision, check);
  return check;
}

/** The check of a type whose values are numbers. undefined for floats: they do not overflow. */
export const numberCheck = (type: DataType): NumberCheck | undefined => numberChecks[type.kind];

/** The check of a type whose values are bigints. */
export function bigintCheck(type: DataType): BigintCheck | undefined {
  return type.kind === "decimal" ? decimalCheck(type.precision) : bigintChecks[type.kind];
}

/** Operators that make a number one of its type, the same one if it is. */
const wraps: { readonly [kind: string]: (text: string) => string } = {
  int8: (r) => `${r} << 24 >> 24`,
  int16: (r) => `${r} << 16 >> 16`,
  int32: (r) => `${r} | 0`,
  uint8: (r) => `${r} & 255`,
  uint16: (r) => `${r} & 65535`,
  uint32: (r) => `${r} >>> 0`,
  int64: (r) => `BigInt.asIntN(64, ${r})`,
  uint64: (r) => `BigInt.asUintN(64, ${r})`,
};

/** Text of `text` after the check of its type. float32 is rounded to 32 bits. */
export function emitChecked(text: string, type: DataType, context: EmitContext): string {
  if (type.kind === "float32") return `Math.fround(${text})`;
  const wrap = wraps[type.kind];
  if (wrap === undefined) {
    const check = bigintCheck(type);
    return check === undefined ? `(${text})` : `${context.constant(`check ${typeName(type)}`, check)}(${text})`;
  }
  // Written out, not called: a check that many loops share would see numbers of every kind and slow them all down.
  const result = context.name(`(${text})`);
  const wrapped = context.name(wrap(result));
  const fail = context.constant("overflow", overflow);
  context.line(`if (${wrapped} !== ${result}) ${fail}(${context.constant(`overflow ${type.kind}`, type.kind)});`);
  return wrapped;
}
