import { constants, isUtf8 } from "node:buffer";
import { RowFailure } from "../../functions/definition.js";
import type { Field, Value } from "../../schema/types.js";
import { maxDepth, parseExact, tooDeep } from "./jsonText.js";
import { jsonValue, member, NeedsExactNumbers, needsDigits } from "./jsonlValues.js";

/** Numbers of 16 digits and more may lose digits in a double, and one with an exponent more than that. */
export const riskyNumber = /[0-9][0-9.]{15}|[0-9][eE]/;

/** A line as one value for each field, or why it has none. */
export type LineRead =
  | { readonly kind: "values"; readonly values: readonly Value[] }
  | { readonly kind: "failure"; readonly code: string; readonly message: string; readonly column: string | null };

/**
 * What a line of JSON lines means: the definition that the kernels only shorten. One object in strict RFC 8259, at most `maxDepth` levels
 * deep, the last of equal keys counts, a key that is missing is null.
 */
export class ExactLines {
  readonly #fields: readonly Field[];
  readonly #digits: boolean;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#digits = fields.some((field) => needsDigits(field.type));
  }

  read(bytes: Buffer): LineRead {
    if (!isUtf8(bytes)) return failure("INVALID_UTF8", "the line is not well-formed UTF-8", null);
    if (bytes.length > constants.MAX_STRING_LENGTH) return failure("JSON_INVALID", "the line is too long to be read", null);
    const text = bytes.toString("utf8");
    if (tooDeep(text)) return failure("JSON_TOO_DEEP", `expected at most ${maxDepth} levels of objects and arrays`, null);
    try {
      const exact = this.#digits && riskyNumber.test(text);
      try {
        return this.#values(text, exact);
      } catch (error) {
        if (!(error instanceof NeedsExactNumbers)) throw error;
        return this.#values(text, true);
      }
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof RangeError) return failure("JSON_INVALID", error.message, null);
      throw error;
    }
  }

  #values(text: string, exact: boolean): LineRead {
    const json: unknown = exact ? parseExact(text) : JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return failure("JSON_NOT_OBJECT", "expected one JSON object a line", null);
    }
    const values: Value[] = [];
    for (const field of this.#fields) {
      try {
        values.push(jsonValue(member(json, field.name), field.type, exact));
      } catch (error) {
        if (error instanceof RowFailure) return failure(error.code, error.message, field.name);
        throw error;
      }
    }
    return { kind: "values", values };
  }
}

const failure = (code: string, message: string, column: string | null): LineRead => ({ kind: "failure", code, message, column });
