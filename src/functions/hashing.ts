import { type DataType, types, type Value } from "../schema/types.js";
import type { ScalarFunction } from "./definition.js";
import { fixed, text, type TypeClass } from "./signatures.js";

const textOrBinary: TypeClass = {
  name: "utf8 or binary",
  has: (type: DataType) => text.has(type) || type.kind === "binary",
  whenNull: types.utf8,
};

function digest(name: "md5" | "sha256"): ScalarFunction {
  return {
    name,
    summary: `The ${name} of a text's UTF-8 bytes or of binary, as hexadecimal text.`,
    resolve: fixed([[textOrBinary, null]], types.utf8),
    nulls: "propagate",
    evaluate: ([value]) => hex(name, value ?? null),
    sql: ([value]) => `${name}(${value})`,
  };
}

// Loaded when it is asked for: Node takes more than a millisecond for it in every thread.
const hex = (name: string, value: Value): string =>
  process.getBuiltinModule("node:crypto").hash(name, value as string | Uint8Array, "hex");

/** Both sides can spell it, and it never changes: the first 16 digits of the md5. */
const hash64: ScalarFunction = {
  name: "hash64",
  summary: "A stable 64-bit hash of text or binary (uint64): the first 8 bytes of its md5, most significant first.",
  resolve: fixed([[textOrBinary, null]], types.uint64),
  nulls: "propagate",
  evaluate: ([value]) => BigInt(`0x${hex("md5", value ?? null).slice(0, 16)}`),
  sql: ([value]) => `CAST('0x' || substr(md5(${value}), 1, 16) AS UBIGINT)`,
};

export const hashingFunctions: readonly ScalarFunction[] = [digest("md5"), digest("sha256"), hash64];
