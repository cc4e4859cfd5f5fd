import { parseText } from "../../functions/cast.js";
import { RowFailure } from "../../functions/definition.js";
import type { DataType, Value } from "../../schema/types.js";
import { JsonNumber } from "./jsonText.js";
import { riskyNumber } from "./jsonlExact.js";
import { jsonValue, NeedsExactNumbers } from "./jsonlValues.js";

/** How a column's values are made: by a kernel, field by field, item by item, or value by value from their JSON text. */
export type Way = "fixed" | "text" | "fields" | "items" | "wide" | "object" | "null";

/** How the values of a type are made that is not read by its fields or items. */
export function wayOf(type: DataType): Exclude<Way, "fields" | "items"> {
  switch (type.kind) {
    case "utf8":
    case "binary":
      return "text";
    case "list":
    case "struct":
      return "object";
    case "null":
      return "null";
    case "decimal":
      return type.precision > 18 ? "wide" : "fixed";
    default:
      return "fixed";
  }
}

/** The value of a JSON text, or undefined when only the whole line says what it means. */
export function readValue(text: string, type: DataType, way: Way, risky: boolean): Value | undefined {
  try {
    if (way === "wide") return parseText(text, type);
    if (risky && riskyNumber.test(text)) return undefined;
    return jsonValue(JSON.parse(text), type, false);
  } catch (error) {
    if (error instanceof RowFailure || error instanceof NeedsExactNumbers) return undefined;
    throw error;
  }
}

/** The value of a number's text, or of a string's, which has no escapes; undefined where it is none of the type. */
export function readPlain(text: string, isString: boolean, type: DataType): Value | undefined {
  try {
    return jsonValue(isString ? text : new JsonNumber(text), type, true);
  } catch (error) {
    if (error instanceof RowFailure) return undefined;
    throw error;
  }
}
